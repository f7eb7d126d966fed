"""The folder of a run: finished layers, resuming, and publishing the files when all is done.

While a run goes on, each finished layer lies in `.partial/` as one JSON, its series and, with traces, one HDF5 file or
one folder of CSV files; each is renamed when it is complete, the JSON last. At the end they are joined, the reports
take their names, and SUMMARY.json comes last: a folder with that file is a complete run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np

from cyclesim import __version__
from cyclesim.csvtraces import SERIES, layer_folder, own_file, series_text
from cyclesim.errors import BadInput
from cyclesim.files import Lock, remove, replacing, write_text
from cyclesim.outputs import SUMMARY, check_names
from cyclesim.reports import REPORTS, report_text, summary_text
from cyclesim.results import LayerResult, RunResult
from cyclesim.scalesim.layer import ScaleSimResult
from cyclesim.scalesim.reports import SCALESIM_REPORTS, scalesim_report_text
from cyclesim.timeline import Series

TRACES = "traces.h5"
PARTIAL = ".partial"


class RunFolder:
    """OUT/RUN_NAME while a run is going on; a context manager.

    Parameters
    ----------
    folder : Path
    key : str
        The run's `input_hash`.
    memory_model : str
        Whose reports are written.
    """

    def __init__(self, folder: Path, key: str, memory_model: str = "native") -> None:
        self._scalesim = memory_model != "native"
        self._reports = tuple(SCALESIM_REPORTS if self._scalesim else REPORTS)
        self.folder = folder
        self._partial = folder / PARTIAL
        self._key = key
        self._lock = Lock(folder / ".lock", f"-p: another run is writing to {folder}")

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *exc: object) -> None:
        self._lock.release()

    def is_complete(self) -> bool:
        """Whether this very run was finished before, and has all its reports."""
        return self._was_published() and all((self.folder / name).is_file() for name in self._reports)

    def _was_published(self) -> bool:
        try:
            summary = json.loads((self.folder / SUMMARY).read_text(encoding="utf-8"))
            return bool(summary["input_hash"] == self._key)
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def check_resumable(self) -> None:
        """Make sure that what lies in the folder belongs to this run.

        Raises
        ------
        BadInput
            If there is nothing to resume, or if it had other inputs, options or version.
        """
        begun = self._partial / "run.json"
        if not begun.is_file():
            other = ""
            if self._was_published():
                other = " (it holds this run, complete but for a report: leave out --resume)"
            elif (self.folder / SUMMARY).is_file():
                other = " (it holds a complete run of other inputs)"
            raise BadInput("cyclesim", None, f"--resume: {self.folder} holds no unfinished run{other}")
        try:
            same = json.loads(begun.read_text(encoding="utf-8"))["input_hash"] == self._key
        except (ValueError, KeyError, TypeError):
            same = False
        if not same:
            raise BadInput(
                "cyclesim", None,
                f"--resume: the unfinished run in {self.folder} had other inputs, options or another version",
            )  # fmt: skip

    def check_names(self) -> None:
        """Make sure that nothing stands in the way of the files that the run will write.

        Raises
        ------
        BadInput
            If a folder has the name of one of them.
        """
        check_names(self.folder, (SUMMARY, TRACES, *self._reports), "the run")

    def begin(self, resume: bool) -> None:
        """Make the folder for finished layers, empty unless resuming, and keep other runs out of it.

        Raises
        ------
        BadInput
            If another run is writing to it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock.take()
        if not resume:
            shutil.rmtree(self._partial, ignore_errors=True)
        self._partial.mkdir(exist_ok=True)
        write_text(self._partial / "run.json", json.dumps({"input_hash": self._key, "version": __version__}) + "\n")
        for leftover in self._partial.glob(".*.tmp"):
            remove(leftover)

    def layer_file(self, index: int) -> Path:
        """Return where a finished layer's HDF5 traces lie."""
        return self._partial / f"{index:04d}.h5"

    def layer_csv(self, index: int) -> Path:
        """Return where a finished layer's CSV traces lie."""
        return self._partial / layer_folder(index)

    def finished(self, index: int, traces: Path | None, series: bool) -> LayerResult | None:
        """Return a layer's result if it was finished before and its other files are there and can be read."""
        try:
            if traces is not None and not _is_readable(traces):
                return None
            if series:
                self._series(index)
            kind = ScaleSimResult if self._scalesim else LayerResult
            return kind.from_dict(json.loads(self._result_file(index).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def finish(self, result: LayerResult, series: Series | None) -> None:
        """Keep a layer's result and series: the layer is finished, its traces are in place."""
        if series is not None:
            with replacing(self._series_file(result.index)) as temporary, open(temporary, "wb") as file:
                np.savez(file, window=series.window, values=series.values)
        write_text(self._result_file(result.index), json.dumps(result.stored()) + "\n")

    def publish(self, run: RunResult, wall_seconds: float) -> None:
        """Join the layers, give every file its name, SUMMARY.json last, and remove what is left of the run."""
        (self.folder / SUMMARY).unlink(missing_ok=True)
        self._publish_traces(run)
        for name in self._reports:
            text = scalesim_report_text(name, run) if self._scalesim else report_text(REPORTS[name], run)
            write_text(self.folder / name, text)
        for name in REPORTS.keys() - set(self._reports):  # of an earlier run under this name
            (self.folder / name).unlink(missing_ok=True)
        write_text(self.folder / SUMMARY, summary_text(run, self._key, wall_seconds))
        shutil.rmtree(self._partial)

    def _publish_traces(self, run: RunResult) -> None:
        """Move or join this run's traces and series; those of an earlier run under this name go."""
        (self.folder / TRACES).unlink(missing_ok=True)
        for stale in self.folder.glob(layer_folder(0)[:-1] + "*"):
            _remove_traces(stale)
        csv = any(self.layer_csv(layer.index).exists() for layer in run.layers)
        if csv:
            for layer in run.layers:
                self._publish_csv(layer)
        elif any(self.layer_file(layer.index).exists() or self._series_file(layer.index).exists()
                 for layer in run.layers):  # fmt: skip
            self._join(run)

    def _publish_csv(self, layer: LayerResult) -> None:
        folder, target = self.layer_csv(layer.index), self.folder / layer_folder(layer.index)
        if self._series_file(layer.index).exists():
            write_text(folder / SERIES, series_text(self._series(layer.index), layer.total_cycles))
        if not target.exists():
            os.replace(folder, target)
            return
        for file in folder.iterdir():  # the folder holds somebody's files, too
            os.replace(file, target / file.name)

    def _join(self, run: RunResult) -> None:
        import h5py

        from cyclesim.traces import LIBRARY_VERSIONS, create_layer, layer_path, write_header, write_series

        with replacing(self.folder / TRACES) as temporary, h5py.File(temporary, "w", libver=LIBRARY_VERSIONS) as file:
            write_header(file, run.hardware)
            for layer in run.layers:
                path = layer_path(layer.index)
                if self.layer_file(layer.index).exists():
                    with h5py.File(self.layer_file(layer.index), "r") as part:
                        part.copy(part[path], file.require_group("layers"), name=Path(path).name)
                else:
                    create_layer(file, layer, run.hardware)
                if self._series_file(layer.index).exists():
                    write_series(file[path], self._series(layer.index), layer.total_cycles)

    def _series(self, index: int) -> Series:
        with np.load(self._series_file(index)) as stored:
            series = Series(int(stored["window"]))
            series.values = stored["values"]
        return series

    def _series_file(self, index: int) -> Path:
        return self._partial / f"{index:04d}.npz"

    def _result_file(self, index: int) -> Path:
        return self._partial / f"{index:04d}.json"


def _is_readable(traces: Path) -> bool:
    """Whether a layer's traces are there and whole, as far as one can tell without reading them."""
    if traces.suffix != ".h5":
        return traces.is_dir()
    import h5py

    try:
        with h5py.File(traces, "r") as file:
            return "layers" in file
    except OSError:
        return False


def _remove_traces(folder: Path) -> None:
    """Remove a layer's CSV traces of an earlier run, and their folder unless it holds something else."""
    if not re.fullmatch(layer_folder(0)[:-1] + "[0-9]+", folder.name) or not folder.is_dir() or folder.is_symlink():
        return
    for file in folder.iterdir():
        if own_file(file.name) and file.is_file():
            file.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()
