"""The folder of an exploration: unfinished or complete, resumed or begun anew.

While an exploration goes on, its points lie in `.points/` (`parts`). At the end all files take their names, and
summary.json comes last: a folder with that file is complete.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cyclesim import __version__
from cyclesim.errors import BadInput
from cyclesim.explore.plan import Plan
from cyclesim.files import Lock, leftovers, remove, write_text
from cyclesim.outputs import check_names

POINTS, SUMMARY, FRONT, POINTS_CSV = "points.h5", "summary.json", "pareto.csv", "points.csv"
SIMULATED, REFINED = "simulated.csv", "refined.csv"
"""Of --evaluate refine: all points that were simulated, and those of them that no other one beats."""
FIGURES = "figures"
"""A folder of them."""
FILES = (SUMMARY, POINTS, FRONT, POINTS_CSV, SIMULATED, REFINED)
"""All files that an exploration may write. The summary, which is written last, is removed first."""
PARTIAL = ".points"
BYTES_A_POINT, CSV_BYTES_A_POINT = 80, 500
"""What a point takes in the parts and again in points.h5, and what in points.csv; rather less than it will be."""


def names_of(plan: Plan, form: str) -> list[str]:
    """Return the files that an exploration leaves behind."""
    csv = [POINTS_CSV] if form == "csv" else []
    return [SUMMARY, POINTS, FRONT, *csv, *([SIMULATED, REFINED] if plan.evaluate == "refine" else [])]


class ExplorationFolder:
    """OUT while an exploration goes on; a context manager.

    Parameters
    ----------
    folder : Path
    key : str
        Hash of everything that the points depend on.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        self.partial = folder / PARTIAL
        self._key = key
        self._lock = Lock(folder / ".points.lock", f"-p: another exploration is writing to {folder}")

    def __enter__(self) -> ExplorationFolder:
        return self

    def __exit__(self, *exc: object) -> None:
        self._lock.release()

    def is_complete(self, names: Iterable[str]) -> bool:
        """Whether this very exploration was finished before, and has these files."""
        return self._was_published() and all((self.folder / name).is_file() for name in names)

    def _was_published(self) -> bool:
        try:
            summary = json.loads((self.folder / SUMMARY).read_text(encoding="utf-8"))
            return bool(summary["input_hash"] == self._key)
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def check_resumable(self) -> None:
        """Make sure that what lies in the folder belongs to this exploration.

        Raises
        ------
        BadInput
            If there is nothing to resume, or if it had other inputs, options or version.
        """
        begun = self.partial / "exploration.json"
        if not begun.is_file():
            other = " (it holds a complete one of other inputs)" if (self.folder / SUMMARY).is_file() else ""
            if self._was_published():
                other = " (it holds this one, complete but for a file: leave out --resume)"
            raise BadInput("cyclesim", None, f"--resume: {self.folder} holds no unfinished exploration{other}")
        try:
            same = json.loads(begun.read_text(encoding="utf-8"))["input_hash"] == self._key
        except (ValueError, KeyError, TypeError):
            same = False
        if not same:
            rule = "had other inputs, options or another version"
            raise BadInput("cyclesim", None, f"--resume: the unfinished exploration in {self.folder} {rule}")

    def check_disk(self, points: int, form: str) -> None:
        """Refuse more points than fit on the disk, where those lie already that --resume takes up.

        Raises
        ------
        BadInput
            If there is no room for them.
        """
        place = next(path for path in (self.folder.absolute(), *self.folder.absolute().parents) if path.exists())
        needed = points * (2 * BYTES_A_POINT + (CSV_BYTES_A_POINT if form == "csv" else 0))
        free = shutil.disk_usage(place).free + sum(path.stat().st_size for path in self.partial.glob("*/*.h5"))
        if needed > free:
            rule = f"{points:,} points take about {needed / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB are free in {place}"
            raise BadInput("cyclesim", None, f"--search: {rule}; nsga2 and random evaluate --budget points only")

    def begin(self, resume: bool) -> None:
        """Make the folder for parts, empty unless resuming, and keep other explorations out of it.

        Raises
        ------
        BadInput
            If another exploration is writing to it, or a folder has the name of a file that it will write.
        """
        check_names(self.folder, FILES, "the exploration")
        for name in (FIGURES, PARTIAL):
            if (self.folder / name).is_file():
                rule = f"-p: {self.folder / name} is a file, and the exploration makes a folder of that name"
                raise BadInput("cyclesim", None, rule)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock.take()
        for leftover in leftovers(self.folder, FILES.__contains__):
            remove(leftover)
        if not resume:
            shutil.rmtree(self.partial, ignore_errors=True)
        self.partial.mkdir(exist_ok=True)
        text = json.dumps({"input_hash": self._key, "version": __version__}) + "\n"
        write_text(self.partial / "exploration.json", text)

    def clear(self) -> None:
        """Remove what an earlier exploration left: its files and those of this one never lie side by side."""
        for name in FILES:
            (self.folder / name).unlink(missing_ok=True)

    def publish(self, summary: Mapping[str, Any]) -> None:
        """Write summary.json, which says that all is there, and remove the parts."""
        write_text(self.folder / SUMMARY, json.dumps({**summary, "input_hash": self._key}, indent=2) + "\n")
        shutil.rmtree(self.partial)
