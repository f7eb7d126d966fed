"""Two objectives against each other: all points behind the front, coloured by a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.explore.effects import Array, Columns, places
from cyclesim.explore.labels import number, text
from cyclesim.plots.style import COLORS, INK, MARKERS

if TYPE_CHECKING:
    from matplotlib import axes as panels
    from matplotlib.figure import Figure

CELLS = (400, 280)
"""Cells of a plot, across and up: of the points in one, one is drawn, by a lot that is always the same."""
DOTS = {300: 8.0, 10_000: 3.0, CELLS[0] * CELLS[1]: 1.2}
"""Up to how many dots they are how large, in square points."""
LOG_FROM = 10
"""Greatest value over least, from which on an axis is logarithmic."""
MOST_COLORS = len(COLORS)
"""Values of text that have a colour each."""
MOST_SHADES = 16
"""Shades of numbers: neighbours share one if there are more values."""


def is_log(values: Array) -> bool:
    """Return whether values want a logarithmic axis."""
    return bool(values.min() > 0 and values.max() > LOG_FROM * values.min())


def set_ticks(axis: Any, low: float, high: float) -> None:
    """Choose ticks: on a logarithmic axis of less than two decades there are some between the powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

    if axis.get_scale() == "linear":
        axis.set_major_locator(MaxNLocator(5))
        return
    axis.set_minor_formatter(NullFormatter())
    if high < 100 * low:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high > 6 * low else (1, 1.5, 2, 3, 4, 5, 7)))
        axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))


def some(count: int, most: int) -> list[int]:
    """Return at most so many places of a list, evenly apart and the last one among them."""
    step = -(-count // most)
    return list(range((count - 1) % step, count, step))


class Colors:
    """A colour for each value of a key: that differ for text, along a scale for numbers."""

    def __init__(self, key: str, values: Sequence[Any]) -> None:
        from matplotlib import colormaps
        from matplotlib.colors import ListedColormap, to_rgb

        self.key, self.values = key, values
        self.scaled = len(values) > MOST_COLORS or not all(isinstance(value, str) for value in values)
        count = max(1, len(values))
        shades = min(count, MOST_SHADES)
        scale = colormaps["viridis"](np.linspace(0, 0.92, shades))[:, :3]
        self.map = ListedColormap(scale)
        of_values = scale[(2 * np.arange(count) + 1) * shades // (2 * count)]
        self.of = of_values if self.scaled else np.array([to_rgb(color) for color in COLORS[:count]])

    def codes(self, columns: Columns, chosen: Array) -> NDArray[np.int64]:
        """Return which colours some points have."""
        return places(columns[self.key][chosen], self.values) if self.key else np.zeros(len(chosen), np.int64)

    def explain(self, figure: Figure, ax: panels.Axes) -> None:
        """Say which colour means what, beside the plot or above."""
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize
        from matplotlib.lines import Line2D

        if not self.key:
            return
        if not self.scaled:
            dots = [Line2D([], [], linestyle="", marker=marker, markersize=4, color=color, label=text(value))
                    for marker, color, value in zip(MARKERS, self.of, self.values, strict=False)]  # fmt: skip
            figure.legend(handles=dots, loc="outside upper center", ncols=len(dots) + 1, title=self.key)
            return
        count = len(self.values)
        bar = figure.colorbar(ScalarMappable(Normalize(-0.5, count - 0.5), self.map), ax=ax, label=self.key, pad=0.02,
                              aspect=30)  # fmt: skip
        shown = some(count, 9)
        bar.set_ticks(shown, labels=[text(self.values[i]) for i in shown])
        bar.minorticks_off()


class Pareto:
    """Two objectives of all points and of the front."""

    def __init__(self, points: Columns, front: Columns, objectives: Mapping[str, str], x: str, y: str,
                 colors: Colors, labels: Mapping[str, str], zoom: bool) -> None:  # fmt: skip
        self.points, self.front, self.colors, self.labels, self.zoom = points, front, colors, labels, zoom
        self.names, self.goals = (x, y), (objectives[x], objectives[y])
        self.joined = len(objectives) == 2

    def draw(self, figure: Figure, ax: panels.Axes) -> None:
        """Draw the cloud thinned, and the front whole."""
        limits = [self._limit(ax, axis, name) for axis, name in zip("xy", self.names, strict=True)]
        kept = self._thinned(limits)
        x, y = (self.points[name][kept] for name in self.names)
        size = next(size for most, size in DOTS.items() if len(kept) <= most)
        # Lighter than the front, which is drawn over them in the same colours.
        tints = (0.45 * self.colors.of + 0.55)[self.colors.codes(self.points, kept)]
        ax.scatter(x, y, size, tints, marker="s", linewidths=0, rasterized=True)
        x, y = (self.front[name] for name in self.names)
        order = np.lexsort((y, x))
        x, y = x[order], y[order]
        if self.joined:
            # What the front dominates ends at steps, which are beyond it in both objectives.
            ax.step(x, y, where="post" if self.goals[0] == "min" else "pre", color=INK, linewidth=0.7)
        codes = self.colors.codes(self.front, order)
        small = len(x) > 200
        for code in np.unique(codes):
            here = codes == code
            marker = "o" if self.colors.scaled else MARKERS[code]
            ax.scatter(x[here], y[here], 7 if small else 14, self.colors.of[[code]], marker=marker, edgecolors=INK,
                       linewidths=0.25 if small else 0.5, zorder=3, rasterized=len(x) > 5000)  # fmt: skip
        x_label, y_label = (
            f"{self.labels[name]}  ({'←' if goal == 'min' else '→'} better)"
            for name, goal in zip(self.names, self.goals, strict=True)
        )
        ax.set(xlabel=x_label, ylabel=y_label)
        self.colors.explain(figure, ax)

    def _limit(self, ax: panels.Axes, axis: str, name: str) -> tuple[float, float]:
        """Set scale and ends of an axis, and return the ends."""
        values = self.front[name] if self.zoom else np.concatenate([self.points[name], self.front[name]])
        log = is_log(values)
        low, high = (np.log(values.min()), np.log(values.max())) if log else (values.min(), values.max())
        margin = (0.25 if self.zoom else 0.04) * (high - low) or 0.1 * abs(low) or 1.0
        # Zoomed in, an axis of values that are not below 0 does not begin there.
        least = 0.0 if self.zoom and not log and low >= 0 else -np.inf
        low, high = max(float(low - margin), least), float(high + margin)
        ends = (float(np.exp(low)), float(np.exp(high))) if log else (low, high)
        ax.set(**{f"{axis}scale": "log" if log else "linear", f"{axis}lim": ends})
        set_ticks(ax.xaxis if axis == "x" else ax.yaxis, *ends)
        return ends

    def _thinned(self, limits: Sequence[tuple[float, float]]) -> NDArray[np.int64]:
        """Return one point of each cell of what is seen; the first of each would favour the first values of keys."""
        seen = np.ones(len(self.points[self.names[0]]), np.bool_)
        cell = np.zeros(len(seen), np.int64)
        for name, (low, high), count in zip(self.names, limits, CELLS, strict=True):
            values = self.points[name].astype(np.float64)
            inside = (values >= low) & (values <= high)
            seen &= inside
            values = np.where(inside, values, low)
            if is_log(np.array([low, high])):
                values, low, high = np.log(values), float(np.log(low)), float(np.log(high))
            cell = cell * count + np.minimum((values - low) / (high - low) * count, count - 1).astype(np.int64)
        visible = np.random.default_rng(0).permutation(np.flatnonzero(seen))
        return visible[np.unique(cell[visible], return_index=True)[1]]
