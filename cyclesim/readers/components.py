"""Reads a ComponentFile: the user's own figures of components, one a row of ``component, figure, value``."""

from __future__ import annotations

from pathlib import Path

from cyclesim.hardware import ComponentFigure
from cyclesim.readers.rows import Row, split_rows
from cyclesim.readers.text import Text, got, read_text
from cyclesim.technology.components import COLUMNS, FIGURES, figure_value


def read_components(path: Path) -> tuple[ComponentFigure, ...]:
    """Return the figures of a file, in a fixed order.

    Raises
    ------
    BadInput
        If the file cannot be read or a row used; the place is the file's line.
    """
    text = read_text(path, head=",".join(COLUMNS))
    rows, _ = split_rows(text)
    header = [field.lower() for field in rows[0].fields] if rows else []
    if tuple(header[: len(COLUMNS)]) != COLUMNS:
        raise text.error(rows[0].line if rows else 1, f"the first columns must be {', '.join(COLUMNS)}")
    found: dict[tuple[str, str], ComponentFigure] = {}
    for row in rows[1:]:
        figure = _figure(row, text)
        key = (figure.component, figure.figure)
        if key in found:
            raise text.error(row.line, f"{figure.figure} of {figure.component} must be given once (got it again)")
        found[key] = figure
    return tuple(found[key] for key in sorted(found))


def _figure(row: Row, text: Text) -> ComponentFigure:
    component, figure, value = (row.field(position) for position in range(len(COLUMNS)))
    component, figure = component.lower(), figure.lower()
    if component not in FIGURES:
        raise text.error(row.line, f"component must be one of {', '.join(FIGURES)} {got(row.field(0), FIGURES)}")
    if figure not in FIGURES[component]:
        rule = f"figure of {component} must be one of {', '.join(FIGURES[component])}"
        raise text.error(row.line, f"{rule} {got(row.field(1), FIGURES[component])}")
    try:
        return ComponentFigure(component, figure, figure_value(figure, value))
    except ValueError as error:
        raise text.error(row.line, f"{figure} of {component} {error} {got(value)}") from error
