"""Figures of an exploration: objectives against each other, the front's keys, what each key does, how a search went.

What `write_figures` is given need not be all points of the space; the front always is complete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cyclesim.explore.convergence import Convergence
from cyclesim.explore.effects import Axes, Columns, Effect, effects
from cyclesim.explore.frontkeys import FrontKeys
from cyclesim.explore.labels import in_units, shortened
from cyclesim.explore.scatter import Colors, Pareto, set_ticks
from cyclesim.files import replacing
from cyclesim.plots.style import BEHIND_TEXT, COLORS, FAINT, MARKERS, new_figure, save

if TYPE_CHECKING:
    from matplotlib import axes as panels
    from matplotlib.figure import Figure

FORMS = ("png", "svg", "pdf")
DOTS_PER_INCH = 300
"""Of the cloud in SVG and PDF, where all else is lines and text."""
WORDS_IN_A_ROW = 60
"""Letters that a legend has room for above a figure."""
MOST_PAIRED, MOST_ZOOMED = 5, 3
"""Objectives up to which all pairs are drawn, of more those with the first one; and zoomed in, too."""


def write_figures(
    folder: Path,
    points: Columns,
    front: Columns,
    objectives: Mapping[str, str],
    axes: Axes,
    convergence: Convergence | None = None,
) -> list[Path]:
    """Write all figures as PNG, SVG and PDF.

    `pareto.*` shows two objectives, `pareto-X-Y.*` pairs of more, `-zoom` what is around the front; the rest are
    `keys.*` (parallel coordinates of the front), `sensitivity.*` if some points differ in one key alone, and
    `convergence.*` if one is given.

    Parameters
    ----------
    folder : Path
        Exists.
    points : columns of keys and objectives, (n,) each, n >= 1
        Feasible points.
    front : columns of the same names, (k,) each, k >= 1
        The non-dominated ones among all points.
    objectives : mapping of str to {"min", "max"}
    axes : mapping of str to sequence
        Every key, and its values in their order.
    convergence : Convergence, optional
        Of a search.

    Returns
    -------
    list of Path
    """
    varied = {key: list(values) for key, values in axes.items() if len(values) > 1}
    moves = effects(points, varied, list(objectives))
    units = {name: in_units(name, front[name]) for name in objectives}
    points, front = ({**columns, **{name: columns[name] * factor for name, (_, factor) in units.items()}}
                     for columns in (points, front))  # fmt: skip
    labels = {name: text for name, (text, _) in units.items()}
    colors = Colors(*_telling(front, varied, moves))
    drawn: list[tuple[str, int, float, Callable[[Figure, panels.Axes], None]]] = []
    first = next(iter(objectives))
    pairs = [pair for pair in combinations(objectives, 2) if len(objectives) <= MOST_PAIRED or first in pair]
    for x, y in pairs:
        name = "pareto" if len(objectives) == 2 else f"pareto-{x}-{y}"
        for suffix in ("", "-zoom") if len(objectives) <= MOST_ZOOMED else ("",):
            drawn.append(
                (name + suffix, 1, 2.6, Pareto(points, front, objectives, x, y, colors, labels, bool(suffix)).draw)
            )
    if varied:
        keys = FrontKeys(front, objectives, labels, varied)
        drawn.append(("keys", keys.columns, keys.height_inches, lambda _, ax: keys.draw(ax)))
    untold = _untold(points, moves)
    if len(untold) < len(moves):
        height = 0.9 + len(varied) * (0.08 + 0.08 * max(2, len(objectives)))
        drawn.append(("sensitivity", 1, height, lambda figure, ax: _draw_effects(figure, ax, moves, labels, untold)))
    if convergence is not None:
        drawn.append(("convergence", 1, 2.4, lambda _, ax: _draw_convergence(ax, convergence)))
    paths = []
    for name, columns, height, draw in drawn:
        with new_figure(columns, height, 1, 1) as (figure, (ax,)):
            figure.set_dpi(DOTS_PER_INCH)
            draw(figure, ax)
            for form in FORMS:
                paths.append(folder / f"{name}.{form}")
                with replacing(paths[-1]) as temporary:
                    save(figure, temporary, form)
    return paths


def _telling(front: Columns, axes: Axes, moves: Mapping[str, Sequence[Effect]]) -> tuple[str, Sequence[Any]]:
    """Return the key by which points are coloured, and its values: of those that vary on the front, the strongest."""
    strength = {key: sum(np.log(np.nan_to_num(middle, nan=1.0)) for _, middle, _ in moves[key]) for key in axes}
    key = max(axes, key=lambda key: (len(np.unique(front[key])) > 1, strength[key]), default="")
    return key, axes.get(key, ())


def _untold(points: Columns, moves: Mapping[str, Sequence[Effect]]) -> dict[str, str]:
    """Return why the effects of some keys are not known: an empty row would look like a mistake."""
    reasons = {}
    for key, effects_of_key in moves.items():
        if all(np.isnan(middle) for _, middle, _ in effects_of_key):
            values = np.unique(points[key])
            same = f"all feasible points looked at have {shortened(values[0].item())}"
            reasons[key] = same if len(values) == 1 else "no two points differ in this key alone"
    return reasons


def _draw_effects(
    figure: Figure, ax: panels.Axes, moves: Mapping[str, Sequence[Effect]], labels: Mapping[str, str],
    untold: Mapping[str, str],
) -> None:
    """Draw a row for each key, the strongest first: the median of its effects, from their 10th to 90th percentile.

    Rows of keys without known effects have the reason.
    """
    keys = sorted(moves, key=lambda key: -max(np.nan_to_num(one[1], nan=0.0) for one in moves[key]))
    for i, name in enumerate(labels.values()):
        color, marker = COLORS[i % len(COLORS)], MARKERS[i % len(MARKERS)]
        rows = np.arange(len(keys)) + (i - (len(labels) - 1) / 2) * 0.6 / len(labels)
        low, middle, high = np.array([moves[key][i] for key in keys]).T
        ax.hlines(rows, low, high, color=color, linewidth=1)
        ax.plot(middle, rows, marker, color=color, markersize=4, label=name.partition(" [")[0])
    for key, reason in untold.items():
        ax.text(0.03, keys.index(key), reason, transform=ax.get_yaxis_transform(), va="center", fontsize=6.5,
                style="italic", bbox=BEHIND_TEXT)  # fmt: skip
    ax.set_yticks(range(len(keys)), keys)
    ax.set_ylim(len(keys) - 0.5, -0.5)
    ax.grid(False, axis="y")
    most = float(np.nan_to_num([one for key in keys for one in moves[key]], nan=1.0).max(initial=1))
    if most > 3:
        ax.set_xscale("log")
        ax.set_xlim(most**-0.03, most**1.03)
        set_ticks(ax.xaxis, 1, most)
    else:
        width = max(most - 1, 0.1)
        ax.set_xlim(1 - 0.03 * width, 1 + 1.03 * width)
    ax.set_xlabel("greatest / least when this key alone changes")
    short = sum(len(name) + 4 for name in labels.values()) < WORDS_IN_A_ROW
    figure.legend(loc="outside upper center", ncols=len(labels) if short else 2)


def _draw_convergence(ax: panels.Axes, convergence: Convergence) -> None:
    """Draw the hypervolume that a search had reached after each generation."""
    percent = 100 * convergence.shares
    ax.step(convergence.evaluations, percent, where="post", color=COLORS[0], linewidth=1.2)
    ax.plot(convergence.evaluations[-1:], percent[-1:], "o", color=COLORS[0], markersize=3)
    ax.axhline(100, color=FAINT, linewidth=0.8)
    ax.set(
        xlabel="evaluations",
        ylabel=f"hypervolume\n[% of the {convergence.reference}'s]",
        xlim=(0, None),
        ylim=(max(0, ax.get_ylim()[0]), 101),
    )
