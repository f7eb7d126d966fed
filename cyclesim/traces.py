"""The trace file: which word was on which port in which cycle, in HDF5.

The format is the contract's, section 7. Each SRAM dataset is chunked by whole folds and compressed in the threads that
generate it (byte shuffle and deflate, which every HDF5 has); equal chunks are encoded once. traces/README.md
has the measurements behind these choices.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cyclesim.demand import Demand
from cyclesim.errors import BadInput
from cyclesim.hardware import Hardware
from cyclesim.workload import Layer

if TYPE_CHECKING:
    import h5py

FORMAT = "cyclesim-trace"
FORMAT_VERSION = 1
SRAM_OPERANDS = ("ifmap", "filter", "ofmap", "psum")
DRAM_STREAMS = ("ifmap", "filter", "psum", "ofmap")
DEFLATE_LEVEL = 1
CHUNK_WORDS = 1 << 18
"""Words that a chunk of the widest port group has, about: the unit in which a reader decompresses."""
EMPTY_CHUNK_CYCLES = 1024
ADDRESS_LAYOUT = "group-major: the groups of the layer follow each other, array_cycles / groups cycles each"


def chunk_cycles(plan: Demand) -> int:
    """Return the array cycles of a chunk: folds that divide a column fold evenly, where steps are constant.

    Then the same words come in equal chunks again and again, and are encoded once.
    """
    widest = max(group.ports for group in plan.groups.values())
    target = max(1, CHUNK_WORDS // widest)
    cycles = plan.cycles
    folds = plan.plan
    if not folds.trimmed and folds.step < 2 * target:
        divisors = [count for count in range(1, folds.row_folds + 1) if folds.row_folds % count == 0]
        per_chunk = min(divisors, key=lambda count: abs(np.log(count * folds.step / target)))
        size = per_chunk * folds.step
        if target // 8 <= size <= 8 * target:
            return min(size, cycles)
    return min(target, cycles)


def deflate(planes: NDArray[np.uint8]) -> bytes:
    """Return a chunk's shuffled bytes as HDF5's deflate filter stores them."""
    return zlib.compress(memoryview(planes), DEFLATE_LEVEL)


class LayerTrace:
    """Writes one layer's datasets into an HDF5 group; a `simulation.ChunkEncoder`.

    Parameters
    ----------
    create_group : callable
        Makes the HDF5 group, when the layer begins.
    hardware : Hardware
    sram, dram : bool
        Which traces to write.
    """

    repeats = True

    def __init__(
        self, create_group: Callable[[], h5py.Group], hardware: Hardware, sram: bool = True, dram: bool = True
    ) -> None:
        self._create_group = create_group
        self._hardware = hardware
        self._sram = sram
        self._dram = dram
        self._datasets: dict[str, h5py.Dataset] = {}
        self._begun = False

    def chunk_cycles(self, demand: Demand) -> int:
        """Return how many array cycles a chunk has."""
        return chunk_cycles(demand)

    def encode(self, operand: str, first_cycle: int, addresses: NDArray[np.integer], chunk_cycles: int) -> bytes:
        """Return the stored form of one port group's chunk."""
        if not self._sram:
            return b""
        from cyclesim.kernels.planes import transpose_to_planes

        planes = np.empty(addresses.itemsize * chunk_cycles * len(addresses), np.uint8)
        transpose_to_planes(addresses, chunk_cycles, planes)
        return deflate(planes)

    def encode_cycles(self, first_cycle: int, cycles: int, chunk_cycles: int) -> bytes:
        """Return the stored form of a chunk of wall cycles: with unlimited DRAM they are the array cycles."""
        if not self._sram:
            return b""
        walls = np.full(chunk_cycles, -1, np.int64)
        walls[:cycles] = np.arange(first_cycle, first_cycle + cycles)
        return deflate(np.ascontiguousarray(walls.view(np.uint8).reshape(-1, 8).T).ravel())

    def store(self, demand: Demand, first_cycle: int, payloads: dict[str, bytes]) -> None:
        """Write an encoded chunk."""
        if not self._begun:
            self._begin(demand)
        for name, payload in payloads.items():
            if name in self._datasets:
                dataset = self._datasets[name]
                offset = (first_cycle,) if dataset.ndim == 1 else (first_cycle, 0)
                dataset.id.write_direct_chunk(offset, payload)

    def _begin(self, demand: Demand) -> None:
        self._begun = True
        group = self._create_group()
        gemm, plan = demand.gemm, demand.plan
        group.attrs.update(
            name=gemm.layer.name, m=gemm.m, k=gemm.k, n=gemm.n, groups=gemm.groups, dataflow=plan.dataflow,
            variant=f"{plan.variant}{'+trim' if plan.trimmed else ''}", layout=ADDRESS_LAYOUT,
            array_cycles=demand.cycles,
        )  # fmt: skip
        if self._sram:
            rows = chunk_cycles(demand)
            options: dict[str, Any] = {"compression": "gzip", "compression_opts": DEFLATE_LEVEL, "shuffle": True}
            sram = group.create_group("sram")
            for operand in SRAM_OPERANDS:
                if operand in demand.groups:
                    ports = demand.groups[operand].ports
                    self._datasets[operand] = sram.create_dataset(
                        operand, (demand.cycles, ports), demand.dtype, chunks=(rows, ports), fillvalue=-1, **options
                    )
            self._datasets["cycle"] = sram.create_dataset(
                "cycle", (demand.cycles,), np.int64, chunks=(rows,), **options
            )
        if self._dram:
            for stream in DRAM_STREAMS:
                words = group.create_group(f"dram/{stream}")
                words.create_dataset("cycle", (0,), np.int64)
                words.create_dataset("address", (0,), demand.dtype)


def write_header(file: h5py.File, hardware: Hardware) -> None:
    """Write what says that this is a trace file, and of which run."""
    file.attrs.update(
        format=FORMAT,
        version=FORMAT_VERSION,
        run_name=hardware.run_name,
        hardware=json.dumps(hardware.expanded()),
    )


def layer_path(index: int) -> str:
    """Return where a layer lies in the file."""
    return f"/layers/{index:04d}"


class TraceFile:
    """A trace file of a whole run, written under a temporary name; leaving the context without an error renames it."""

    def __init__(self, path: str | os.PathLike[str], hardware: Hardware) -> None:
        import h5py

        self._path = Path(path)
        self._temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}.partial")
        self._hardware = hardware
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = h5py.File(self._temporary, "w")
        except OSError as error:
            raise BadInput(str(path), None, f"cannot be written: {error}") from None
        write_header(self._file, hardware)

    def __enter__(self) -> TraceFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if kind is None:
            os.replace(self._temporary, self._path)
        else:
            self._temporary.unlink(missing_ok=True)

    def layer(self, layer: Layer) -> LayerTrace:
        """Return the writer of one layer."""
        return LayerTrace(lambda: self._file.create_group(layer_path(layer.index)), self._hardware)


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
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise BadInput(os.fspath(path), None, f"is not a readable trace file: {error}") from None
        attrs = self._file.attrs
        if attrs.get("format") != FORMAT or int(attrs.get("version", 0)) > FORMAT_VERSION:
            self._file.close()
            raise BadInput(
                os.fspath(path), None, f"is no trace file of format {FORMAT}, version {FORMAT_VERSION} or older"
            )
        self.run_name: str = attrs["run_name"]
        self.hardware: dict[str, Any] = json.loads(attrs["hardware"])
        self.layers: dict[int, h5py.Group] = {int(key): group for key, group in self._file["layers"].items()}

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


def open_trace(path: str | os.PathLike[str]) -> TraceReader:
    """Open a trace file for reading."""
    return TraceReader(path)
