"""Charts as data, and how each kind is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cyclesim.plots.style import BEHIND_TEXT, COLORS, FAINT, MARKERS, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Numbers = tuple[float, ...]


def numbers(values: Sequence[float] | np.ndarray[Any, Any]) -> Numbers:
    """Return values as they go into a chart: whole ones as integers, others with six digits."""
    return tuple(int(value) if float(value).is_integer() else float(f"{value:.6g}") for value in values)


@dataclass(frozen=True)
class Points:
    """A series of points with one colour and marker."""

    name: str
    x: Numbers
    y: Numbers


@dataclass(frozen=True)
class Scatter:
    """Series of points, and the diagonal on which both values are equal; all values are above 0 on log axes."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Points, ...]
    log: bool = True
    text: str = ""

    def draw(self, axes: Axes) -> None:
        """Draw onto axes; the text stands in the upper left corner."""
        from matplotlib.ticker import MaxNLocator

        size = 6 if sum(len(one.x) for one in self.series) > 1000 else 9
        for one, color, marker in zip(self.series, COLORS, MARKERS, strict=False):
            # Hollow markers: a series that is drawn later hides less of the others.
            axes.scatter(
                one.x, one.y, size, marker=marker, facecolors="none", edgecolors=color, linewidths=0.6, label=one.name
            )
        values = [value for one in self.series for value in (*one.x, *one.y)]
        low, high = (min(values), max(values)) if values else (1.0, 1.0)
        if self.log:
            axes.set_xscale("log")
            axes.set_yscale("log")
            low, high = low / 1.5, high * 1.5
        else:
            margin = 0.03 * (high - low) or 1
            low, high = low - margin, high + margin
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(MaxNLocator(5, integer=True))
        axes.plot([low, high], [low, high], color=FAINT, linewidth=0.8, zorder=0.9)
        axes.set(xlim=(low, high), ylim=(low, high), xlabel=self.x_label, ylabel=self.y_label, title=self.title)
        axes.set_box_aspect(1)
        if self.text:
            axes.text(0.04, 0.96, self.text, transform=axes.transAxes, va="top", fontsize=7, bbox=BEHIND_TEXT)

    @property
    def names(self) -> tuple[str, ...]:
        """What the legend names."""
        return tuple(one.name for one in self.series)


@dataclass(frozen=True)
class Histogram:
    """Shares of relative errors with signs [%], in classes that grow away from 0; the middle one is around 0."""

    title: str
    x_label: str
    edges: Numbers
    shares: Numbers
    text: str = ""
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, title: str, x_label: str, errors: np.ndarray[Any, Any], text: str = "") -> Histogram:
        """Return the histogram of relative errors, 0.01 for 1 %; those beyond the edges count in the last classes."""
        steps = np.array([0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300])
        edges = np.concatenate([-steps[::-1][1:], steps])  # an estimate cannot be more than 100 % too low
        counts, _ = np.histogram(np.clip(100 * errors, edges[0], edges[-1]), edges)
        return cls(title, x_label, numbers(edges), numbers(100 * counts / max(1, len(errors))), text)

    def draw(self, axes: Axes) -> None:
        """Draw onto axes."""
        from matplotlib.ticker import NullLocator

        edges = np.array(self.edges)
        widths = np.diff(edges)
        axes.bar(edges[:-1], self.shares, widths, align="edge", color=COLORS[0], edgecolor="white", linewidth=0.3)
        axes.grid(False, axis="x")
        axes.set_xscale("symlog", linthresh=0.01, linscale=0.5)
        axes.set_yscale("log")
        axes.set_ylim(0.01, 150)
        ticks = [-100, -1, 0, 1, 100]
        axes.set_xticks(ticks, [f"{tick:+d}".replace("-", "−") if tick else "0" for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_yticks([0.01, 0.1, 1, 10, 100], ["0.01", "0.1", "1", "10", "100"])
        axes.set(xlabel=self.x_label, ylabel="share of points [%]", title=self.title)
        if self.text:
            axes.text(0.03, 0.97, self.text, transform=axes.transAxes, va="top", fontsize=7, bbox=BEHIND_TEXT)


@dataclass(frozen=True)
class Dots:
    """A value for each label on a log axis, which has no 0 for bars to start at, and what was to be reached."""

    title: str
    x_label: str
    labels: tuple[str, ...]
    values: Numbers
    goal: float | None = None
    names: tuple[str, ...] = ()

    def draw(self, axes: Axes) -> None:
        """Draw onto axes."""
        from matplotlib.ticker import StrMethodFormatter

        places = range(len(self.labels))
        axes.plot(self.values, places, MARKERS[0], color=COLORS[0], markersize=5)
        axes.set_yticks(places, self.labels)
        axes.set_ylim(len(self.labels) - 0.5, -0.5)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        bounds = (*self.values, *([self.goal] if self.goal else []))
        axes.set_xlim(10 ** np.floor(np.log10(min(bounds)) - 0.3), max(bounds) * 4)
        for place, value in zip(places, self.values, strict=True):
            axes.annotate(f"{value:,.0f}", (value, place), (6, 0), textcoords="offset points", va="center", fontsize=7,
                          bbox=BEHIND_TEXT)  # fmt: skip
        if self.goal:
            axes.axvline(self.goal, color=COLORS[1], linewidth=1, linestyle="--", zorder=1)
            axes.text(self.goal, 1.01, f"goal {self.goal:,.0f}", color=COLORS[1], ha="center", fontsize=7,
                      transform=axes.get_xaxis_transform())  # fmt: skip
        axes.set(xlabel=self.x_label)
        axes.set_title(self.title, pad=14 if self.goal else 6)


@dataclass(frozen=True)
class Chart:
    """A figure: panels side by side, over one or two columns of a page. `name` is that of its file, without suffix."""

    name: str
    caption: str
    panels: tuple[Scatter | Histogram | Dots, ...]
    columns: int
    height_inches: float
    across: int = 1


def draw(chart: Chart, path: Path, form: str = "png") -> None:
    """Draw a chart into a file (PNG, SVG or PDF); panels that name the same series share a legend."""
    across = min(chart.across, len(chart.panels))
    rows = -(-len(chart.panels) // across)
    with new_figure(chart.columns, chart.height_inches, rows, across) as (figure, grid):
        for panel, axes in zip(chart.panels, grid, strict=False):
            panel.draw(axes)
        for axes in grid[len(chart.panels) :]:
            axes.set_visible(False)
        names = chart.panels[0].names
        if names:
            handles, labels = grid[0].get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside upper center", ncols=len(names), markerscale=2)
        save(figure, path, form)
