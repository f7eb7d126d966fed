"""How figures look: sized for the columns of a paper, legible when printed, and without colours that some cannot tell.

Figures are made without pyplot, so nothing depends on a display or on what was drawn before.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN_INCHES = {1: 3.5, 2: 7.16}
"""Width of a figure over one or two columns of a two-column page."""
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's, which differ in brightness too, without those that are faint on white."""
MARKERS = ("o", "^", "s", "D", "v", "P")
"""One for each colour, for prints in grey."""
INK, FAINT = "#222222", "#888888"
BEHIND_TEXT = {"facecolor": "white", "edgecolor": "none", "pad": 1}
"""A box that keeps lines off the text in a plot."""
PIXELS_PER_INCH = 200
PALETTE = 96
"""Colours of a PNG: enough for smooth edges, and a third of the size."""
RC: Any = {
    "font.family": "sans-serif",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "legend.handletextpad": 0.3,
    "savefig.facecolor": "white",
    "pdf.fonttype": 42,
    "svg.hashsalt": "cyclesim",
    "figure.constrained_layout.h_pad": 0.05,
    "figure.constrained_layout.w_pad": 0.05,
}
"""Settings of Matplotlib; fonts go into PDF files as text that can be searched and edited."""


@contextmanager
def new_figure(columns: int, height_inches: float, rows: int, cols: int) -> Iterator[tuple[Figure, list[Axes]]]:
    """Give a figure over one or two columns of a page, and its `rows` x `cols` axes, row by row."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(COLUMN_INCHES[columns], height_inches), layout="constrained")
        grid = figure.subplots(rows, cols, squeeze=False)
        yield figure, list(grid.ravel())


def save(figure: Figure, path: Path, form: str = "png") -> None:
    """Write a figure as PNG, SVG or PDF; the same figure gives the same bytes."""
    if form == "png":
        from PIL import Image

        pixels = io.BytesIO()
        figure.savefig(pixels, format="png", dpi=max(PIXELS_PER_INCH, figure.dpi))
        image = Image.open(pixels).convert("RGB").quantize(PALETTE, dither=Image.Dither.NONE)
        image.save(path, format="PNG", optimize=True)
        return
    dates: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    figure.savefig(path, format=form, metadata=dates[form])
