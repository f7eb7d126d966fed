"""Parallel coordinates: which values of the keys does the front have, and what do they bring?"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.explore.effects import Axes, Columns, places
from cyclesim.explore.labels import number, text
from cyclesim.explore.scatter import is_log, some
from cyclesim.plots.style import FAINT

if TYPE_CHECKING:
    from matplotlib import axes as panels

MOST_LINES = 30
"""Points of the front that have a line in colour; more could not be told apart."""
MOST_IN_A_COLUMN = 5
"""Axes that fit into a column of a page."""
LETTERS = {1: 62, 2: 128}
"""Of a line of text above a figure of one or two columns."""
CLOUD = "#CCCCCC"


class FrontKeys:
    """A line for each point of the front across its keys and objectives, coloured by the first objective.

    Keys that are the same on all of the front have no axis and are named above. Of a front of many points all are a
    grey cloud, before which some are drawn in colour: evenly apart in the order of the first objective, and the best
    by each objective.

    Parameters
    ----------
    front : columns of keys and objectives, (k,) each, k >= 1
    objectives : mapping of str to {"min", "max"}
    labels : mapping of str to str
        Of objectives.
    axes : mapping of str to sequence
        Keys with several values.
    """

    def __init__(
        self, front: Columns, objectives: Mapping[str, str], labels: Mapping[str, str], axes: Axes
    ) -> None:
        order = np.argsort(front[next(iter(objectives))], kind="stable")
        self._front = {name: column[order] for name, column in front.items()}
        self._objectives, self._labels = objectives, labels
        vary = {key: values for key, values in axes.items() if len(np.unique(front[key])) > 1}
        self._axes = vary or axes
        self._colored = _chosen([-self._front[name] if goal == "max" else self._front[name]
                                 for name, goal in objectives.items()])  # fmt: skip
        self.columns = 2 if len(self._axes) + len(objectives) > MOST_IN_A_COLUMN else 1
        self._notes = self._told(axes)
        self.height_inches = 2.6 + 0.12 * (self._notes.count("\n") + 1 if self._notes else 0)

    def _told(self, axes: Axes) -> str:
        """Return what stands above the figure."""
        told = []
        same = [f"{key} {text(self._front[key][0])}" for key in axes if key not in self._axes]
        count = len(self._front[next(iter(self._objectives))])
        if same:
            told.append(f"On all of the front: {', '.join(same)}.")
        if len(self._colored) < count:
            told.append(f"In colour {len(self._colored)} of the front's {count:,} points, in grey all.")
        return "\n".join(line for words in told for line in textwrap.wrap(words, LETTERS[self.columns]))

    def _heights(self) -> list[NDArray[np.float64]]:
        """Return where the lines of all points cross each axis, (k,) in 0 to 1 each."""
        heights = []
        for key, values in self._axes.items():
            codes = places(self._front[key], values)
            # Lines through one value are spread, in the order of the first objective, and can be told apart.
            spread = np.zeros(len(codes))
            for code in np.unique(codes):
                here = np.flatnonzero(codes == code)
                spread[here] = np.linspace(-0.5, 0.5, len(here) + 2)[1:-1] * min(1, len(here) / 20)
            heights.append((codes + 0.5 + 0.7 * spread) / len(values))
        for name in self._objectives:
            column = np.asarray(self._front[name], np.float64)
            column = np.log(column) if is_log(column) else column
            extent = np.ptp(column)
            heights.append((column - column.min()) / extent if extent else np.full(len(column), 0.5))
        return heights

    def draw(self, ax: panels.Axes) -> None:
        """Draw the lines."""
        from matplotlib import colormaps
        from matplotlib.collections import LineCollection

        heights = self._heights()
        count, across = len(heights[0]), np.arange(len(heights))
        lines = np.stack([np.broadcast_to(across, (count, len(across))), np.stack(heights, axis=1)], axis=2)
        shade = 0.92 * np.linspace(0, 1, count)
        colors = colormaps["viridis"](shade)
        ax.add_collection(LineCollection(list(lines[self._colored]), colors=colors[self._colored], linewidths=0.8,
                                         zorder=2.5))  # fmt: skip
        # The axis of the first objective tells what the colours mean.
        first, ends = len(self._axes), np.linspace(0, 1, 201)
        pieces = [[(first, low), (first, high)] for low, high in pairwise(ends)]
        scale = colormaps["viridis"](np.interp(ends[1:], heights[first], shade))
        ax.add_collection(LineCollection(pieces, colors=scale, linewidths=3, capstyle="butt", zorder=3))
        if len(self._colored) < count:
            ax.add_collection(LineCollection(list(lines), colors=CLOUD, linewidths=0.3, zorder=1, rasterized=True))
        goals = {"min": "↓ better", "max": "↑ better"}
        names = [*self._axes, *(f"{self._labels[name]} ({goals[goal]})" for name, goal in self._objectives.items())]
        ax.set_xticks(across, names, rotation=30, ha="right", rotation_mode="anchor")
        ax.tick_params(axis="x", length=0)
        ax.set(xlim=(-0.3, len(across) - 0.5), ylim=(-0.03, 1.03), yticks=[])
        ax.grid(False)
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.vlines(across, 0, 1, color=FAINT, linewidth=0.6, zorder=0)
        ax.set_title(self._notes, loc="left", fontsize=7)
        self._write_values(ax)

    def _write_values(self, ax: panels.Axes) -> None:
        """Write the values of the keys and the ends of the objectives beside their axes."""
        texts: list[tuple[int, float, str]] = []
        for place, values in enumerate(self._axes.values()):
            texts += [(place, (i + 0.5) / len(values), text(values[i])) for i in some(len(values), 8)]
        for place, name in enumerate(self._objectives, len(self._axes)):
            least, most = float(np.min(self._front[name])), float(np.max(self._front[name]))
            ends = ((0.5, least),) if least == most else ((0.0, least), (1.0, most))
            texts += [(place, height, number(value)) for height, value in ends]
        box: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.75}
        for place, height, words in texts:
            ax.text(place + 0.02, height, f" {words}", va="center", fontsize=6, bbox=box, zorder=4)


def _chosen(minimised: list[NDArray[Any]]) -> NDArray[np.int64]:
    """Return the places of points that are coloured, ascending; the points are in the order of the first objective."""
    count = len(minimised[0])
    if count <= MOST_LINES:
        return np.arange(count)
    best = [int(np.argmin(values)) for values in minimised]
    apart = np.linspace(0, count - 1, MOST_LINES - len(best)).round().astype(np.int64)
    return np.unique(np.concatenate([apart, best]))
