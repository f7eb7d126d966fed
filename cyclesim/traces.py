"""The trace file: which word was on which port in which cycle, and when words crossed the DRAM channel, in HDF5.

The format is described in traces/README.md. A chunk of an SRAM dataset is one port over many cycles, because that is
how the demand kernel makes it and where it repeats itself. Chunks hold whole folds, so that equal ones come again and
are encoded once; they are compressed (byte shuffle and LZF, which every h5py has) in the threads that generate them.
The measurements behind these choices stand there too.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.buffers import ThreadBuffers
from cyclesim.demand import Demand
from cyclesim.errors import BadInput
from cyclesim.hardware import Hardware
from cyclesim.results import LayerResult
from cyclesim.schedule import Schedule, schedule
from cyclesim.timeline import Series
from cyclesim.traffic import STREAMS
from cyclesim.workload import Layer

if TYPE_CHECKING:
    import h5py

FORMAT = "cyclesim-trace"
FORMAT_VERSION = 1
SRAM_OPERANDS = ("ifmap", "filter", "ofmap", "psum")
CHUNK_WORDS = 1 << 22
"""Words of all ports of a group that are generated at a time, about."""
LONGEST_CHUNK_CYCLES = 1 << 17
"""Cycles of one port in a chunk, about: what a reader decompresses at least (512 kB)."""
READER_CACHE_BYTES = 64 << 20
"""Decompressed chunks of a dataset that a reader keeps: enough for all ports of a wide array."""
LIBRARY_VERSIONS = ("v108", "v110")
"""Readable since HDF5 1.10 (2016), whose chunk index is faster to write than the one before."""
DRAM_CHUNK_WORDS = 1 << 16
"""Words in a chunk of a DRAM dataset."""
NOT_COMPRESSED = 0b10
"""HDF5's mask for a chunk on which the second filter, compression, was not used."""
ADDRESS_LAYOUT = "group-major: the groups of the layer follow each other, array_cycles / groups cycles each"


def chunk_cycles(plan: Demand) -> int:
    """Return the array cycles of a chunk: if possible a part of a column fold, or column folds, that go in evenly.

    Then the same words come in equal chunks again and again.
    """
    widest = max(group.ports for group in plan.groups.values())
    target = max(1, min(LONGEST_CHUNK_CYCLES, CHUNK_WORDS // widest))
    folds = plan.plan
    if not folds.trimmed:
        parts = [count * folds.step for count in _divisors(folds.row_folds)]
        wholes = [count * folds.row_folds * folds.step for count in _divisors(folds.col_folds)]
        cycles = min(parts + wholes, key=lambda size: abs(math.log(size / target)))
        if target // 4 <= cycles <= 2 * target:
            return min(cycles, plan.cycles)
    return min(target, plan.cycles)


def _divisors(number: int) -> list[int]:
    return [count for count in range(1, number + 1) if number % count == 0]


Ints = NDArray[np.int64]

_buffers = ThreadBuffers()


def _encoding_space(itemsize: int, rows: int, ports: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return this thread's planes, hash table and output for encoding so many ports."""
    size = itemsize * rows
    return (
        _buffers.get("planes", np.uint8, size + 8),
        _buffers.get("recent", np.int32, 1 << 13),
        _buffers.get("encoded", np.uint8, ports * (size + size // 32 + 8)),
    )


class TraceEncoder:
    """Encodes chunks as their HDF5 datasets keep them; a `simulation.ChunkEncoder`.

    Parameters
    ----------
    sram, dram : bool
        Which traces are written.
    """

    repeats = True

    def __init__(self, sram: bool = True, dram: bool = True) -> None:
        self.sram = sram
        self.dram_words = DRAM_CHUNK_WORDS if dram else 0

    def chunk_cycles(self, demand: Demand) -> int:
        """Return how many array cycles a chunk has."""
        return chunk_cycles(demand)

    def encode(self, plan: Demand, operand: str, first_cycle: int, walls: Ints, chunk_cycles: int) -> list[bytes]:
        """Generate one port group's chunk and return its stored form, port by port."""
        from cyclesim.kernels.encode import encode_ports

        group = plan.groups[operand]
        planes, recent, out = _encoding_space(plan.dtype.itemsize, chunk_cycles, group.ports)
        line = _buffers.get("line", plan.dtype, len(walls))
        ends = np.empty(group.ports, np.int64)
        encode_ports(
            group.stream, group.folds, plan.plan.cycles, first_cycle, line, chunk_cycles, planes, recent, out, ends
        )
        starts = [0, *ends[:-1].tolist()]
        return [out[start:end].tobytes() for start, end in zip(starts, ends.tolist(), strict=True)]

    def encode_cycles(self, walls: Ints, chunk_cycles: int) -> list[bytes]:
        """Return the stored form of a chunk of wall cycles."""
        return [_encoded(walls, chunk_cycles)]

    def encode_dram(self, walls: Ints, addresses: NDArray[np.integer]) -> list[bytes]:
        """Return the stored forms of issued words' wall cycles and of their addresses."""
        return [_encoded(walls, DRAM_CHUNK_WORDS), _encoded(addresses, DRAM_CHUNK_WORDS)]


def _encoded(values: NDArray[np.integer], rows: int) -> bytes:
    from cyclesim.kernels.lzf import encode_line

    planes, recent, out = _encoding_space(values.itemsize, rows, 1)
    return out[: encode_line(values, rows, planes, recent, out)].tobytes()


class LayerTrace:
    """Writes one layer's datasets into an HDF5 group; a `simulation.ChunkStore`, and a context manager.

    Parameters
    ----------
    create_group : callable
        Makes the HDF5 group, when the layer's first chunk comes.
    sram, dram : bool
        Which traces to write.
    """

    def __init__(self, create_group: Callable[[], h5py.Group], sram: bool = True, dram: bool = True) -> None:
        self._create_group = create_group
        self._sram = sram
        self._dram = dram
        self._group: h5py.Group | None = None
        self._datasets: dict[str, h5py.Dataset] = {}
        self._address_type = np.dtype(np.int32)  # until the first chunk says

    def __enter__(self) -> LayerTrace:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if kind is None and self._group is not None and self._dram:
            for stream in STREAMS:
                if f"dram/{stream}/cycle" not in self._datasets:
                    words = self._group.require_group(f"dram/{stream}")
                    words.create_dataset("cycle", (0,), np.int64)
                    words.create_dataset("address", (0,), self._address_type)

    def store(self, demand: Demand, first_cycle: int, payloads: Mapping[str, Sequence[bytes]]) -> None:
        """Write an encoded chunk of scratchpad requests."""
        self._begin(demand)
        for name, ports in payloads.items():
            dataset = self._datasets[f"sram/{name}"]
            for port, payload in enumerate(ports):
                _write_chunk(dataset, (first_cycle, port) if dataset.ndim == 2 else (first_cycle,), payload)

    def store_dram(self, demand: Demand, stream: str, first_word: int, words: int, payload: Sequence[bytes]) -> None:
        """Write encoded words of a DRAM stream."""
        layer = self._begin(demand)
        if not first_word:
            # Only now: streams without words get plain empty datasets at the end.
            group = layer.require_group(f"dram/{stream}")
            for name, dtype in (("cycle", np.dtype(np.int64)), ("address", demand.dtype)):
                dataset = create_chunked(group, name, (0,), (DRAM_CHUNK_WORDS,), dtype, 0, grows=True)
                self._datasets[f"dram/{stream}/{name}"] = dataset
        for name, encoded in zip(("cycle", "address"), payload, strict=True):
            dataset = self._datasets[f"dram/{stream}/{name}"]
            dataset.id.set_extent((first_word + words,))
            _write_chunk(dataset, (first_word,), encoded)

    def store_series(self, series: Series, total_cycles: int) -> None:
        """Write the layer's series."""
        assert self._group is not None, "a layer has at least one chunk"
        write_series(self._group, series, total_cycles)

    def _begin(self, demand: Demand) -> h5py.Group:
        if self._group is not None:
            return self._group
        group = self._group = self._create_group()
        self._address_type = demand.dtype
        gemm, plan = demand.gemm, demand.plan
        _describe(
            group, gemm.layer.name, (gemm.m, gemm.k, gemm.n, gemm.groups), plan, demand.cycles
        )  # fmt: skip
        cycle_type = np.dtype(np.int64)
        if self._sram:
            rows = chunk_cycles(demand)
            sram = group.create_group("sram")
            for operand in SRAM_OPERANDS:
                if operand in demand.groups:
                    shape = (demand.cycles, demand.groups[operand].ports)
                    dataset = create_chunked(sram, operand, shape, (rows, 1), demand.dtype, -1)
                    self._datasets[f"sram/{operand}"] = dataset
            for name in plan.clocks:
                self._datasets[f"sram/{name}"] = create_chunked(sram, name, (demand.cycles,), (rows,), cycle_type, 0)
        return group


def _write_chunk(dataset: h5py.Dataset, offset: tuple[int, ...], payload: bytes) -> None:
    raw_size = dataset.dtype.itemsize * dataset.chunks[0]
    dataset.id.write_direct_chunk(offset, payload, NOT_COMPRESSED if len(payload) == raw_size else 0)


def create_chunked(
    group: h5py.Group, name: str, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: np.dtype[Any], fill: int,
    grows: bool = False,
) -> h5py.Dataset:  # fmt: skip
    """Make a shuffled and compressed dataset. The low-level interface saves a third of the time."""
    import h5py
    from h5py import h5d, h5p, h5s, h5t, h5z

    settings = h5p.create(h5p.DATASET_CREATE)
    settings.set_chunk(chunks)
    settings.set_fill_value(np.array(fill, dtype))
    settings.set_shuffle()
    settings.set_filter(h5z.FILTER_LZF, h5z.FLAG_OPTIONAL)
    space = h5s.create_simple(shape, (h5s.UNLIMITED,)) if grows else h5s.create_simple(shape)
    return h5py.Dataset(h5d.create(group.id, name.encode(), h5t.py_create(dtype), space, settings))


def create_layer(file: h5py.File, layer: LayerResult, hardware: Hardware) -> None:
    """Make the group of a layer without traces."""
    plan = schedule(layer.m, layer.k, layer.n, hardware)
    _describe(
        file.create_group(layer_path(layer.index)), layer.name, (layer.m, layer.k, layer.n, layer.groups), plan,
        layer.compute_cycles,
    )  # fmt: skip


def _describe(
    group: h5py.Group, name: str, sizes: tuple[int, int, int, int], plan: Schedule, cycles: int
) -> None:
    m, k, n, groups = sizes
    write_attributes(
        group, name=name, m=m, k=k, n=n, groups=groups, dataflow=plan.dataflow, variant=plan.label,
        layout=ADDRESS_LAYOUT, array_cycles=cycles,
    )  # fmt: skip


def write_attributes(group: h5py.Group, **values: str | int) -> None:
    """Write attributes into a new group; h5py's own way, which can also replace them, takes six times as long."""
    from h5py import h5a, h5s, h5t

    for name, value in values.items():
        array = np.array(value, h5t.string_dtype() if isinstance(value, str) else np.int64)
        kind = h5t.py_create(array.dtype, logical=True)
        h5a.create(group.id, name.encode(), kind, h5s.create(h5s.SCALAR)).write(array)


def write_series(group: h5py.Group, series: Series, total_cycles: int) -> None:
    """Write a layer's series: words in windows of wall cycles, and the share of stalled cycles."""
    target = group.create_group("series")
    target.attrs["window"] = series.window
    for side in ("sram", "dram"):
        columns = np.stack([series.column(f"{side}_{operand}") for operand in STREAMS], axis=1)
        target.create_dataset(side, data=columns).attrs["columns"] = STREAMS
    target.create_dataset("stall_fraction", data=series.stall_fraction(total_cycles))


def write_header(file: h5py.File, hardware: Hardware) -> None:
    """Write what says that this is a trace file, and of which run."""
    write_attributes(
        file, format=FORMAT, version=FORMAT_VERSION, run_name=hardware.run_name,
        hardware=json.dumps(hardware.expanded()),
    )  # fmt: skip


def layer_path(index: int) -> str:
    """Return where a layer lies in the file."""
    return f"/layers/{index:04d}"


class TraceFile:
    """A trace file of a whole run, written under a temporary name; leaving the context without an error renames it."""

    def __init__(self, path: str | os.PathLike[str], hardware: Hardware) -> None:
        import h5py

        if not os.fspath(path) or Path(path).is_dir():
            raise BadInput(str(path) or "cyclesim", None, "traces cannot be written: it is not the name of a file")
        self._path = Path(path)
        self._temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}.partial")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = h5py.File(self._temporary, "w", libver=LIBRARY_VERSIONS)
        except OSError as error:
            raise BadInput(str(path), None, f"cannot be written: {error}") from None
        write_header(self._file, hardware)

    def __enter__(self) -> TraceFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        try:
            if kind is None:
                os.replace(self._temporary, self._path)
        finally:
            self._temporary.unlink(missing_ok=True)

    def layer(self, layer: Layer) -> LayerTrace:
        """Return the writer of one layer."""
        return LayerTrace(lambda: self._file.create_group(layer_path(layer.index)))


class TraceReader:
    """Reads a trace file; a context manager.

    `layers` maps layer indices to h5py groups with the datasets of the format, to be sliced like arrays.

    Raises
    ------
    BadInput
        If the file is not a trace file, or of a newer format.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        import h5py

        try:
            self._file = h5py.File(path, "r", rdcc_nbytes=READER_CACHE_BYTES)
        except OSError as error:
            if error.errno is not None:
                raise BadInput(os.fspath(path), None, f"cannot be read: {os.strerror(error.errno)}") from None
            raise BadInput(os.fspath(path), None, f"is not a trace file: {error}") from None
        attrs = self._file.attrs
        try:
            if attrs["format"] != FORMAT or int(attrs["version"]) > FORMAT_VERSION:
                raise ValueError
            self.run_name: str = attrs["run_name"]
            self.hardware: dict[str, Any] = json.loads(attrs["hardware"])
            self.layers: dict[int, h5py.Group] = {int(key): group for key, group in self._file["layers"].items()}
        except (KeyError, TypeError, ValueError):
            self._file.close()
            message = f"is no complete trace file of format {FORMAT}, version {FORMAT_VERSION} or older"
            raise BadInput(os.fspath(path), None, message) from None

    def __enter__(self) -> TraceReader:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def chunks(self, index: int, operand: str, cycles: int = 65536) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Yield (wall cycles (n,), addresses (n, ports)) of an SRAM trace, `cycles` array cycles at a time."""
        sram = self.layers[index]["sram"]
        for first in range(0, len(sram["cycle"]), cycles):
            yield sram["cycle"][first : first + cycles], sram[operand][first : first + cycles]

    def series(self, index: int) -> dict[str, NDArray[Any]]:
        """Return a layer's series: ``start`` (first cycle of each window), ``stall_fraction``, ``sram_ifmap``, ….

        Raises
        ------
        ValueError
            If the file has no series of the layer.
        """
        if "series" not in self.layers[index]:
            raise ValueError(f"layer {index} has no series: it was run with --window 0, or in memory model scalesim")
        group = self.layers[index]["series"]
        found = {"start": np.arange(len(group["stall_fraction"])) * int(group.attrs["window"])}
        found["stall_fraction"] = group["stall_fraction"][:]
        for side in ("sram", "dram"):
            words = group[side][:]
            found.update({f"{side}_{name}": words[:, i] for i, name in enumerate(group[side].attrs["columns"])})
        return found


def open_trace(path: str | os.PathLike[str]) -> TraceReader:
    """Open a trace file for reading."""
    return TraceReader(path)
