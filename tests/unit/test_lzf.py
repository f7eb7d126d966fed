"""The compressor of traces: what it writes, h5py's own decoder reads."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cyclesim.kernels.lzf import compress, encode_line
from cyclesim.traces import NOT_COMPRESSED, create_chunked


def packed(data: bytes) -> bytes:
    source = np.frombuffer(data + bytes(8), np.uint8).copy()
    out = np.empty(len(data) + len(data) // 32 + 8, np.uint8)
    size = compress(source, len(data), np.empty(1 << 13, np.int32), out)
    return out[:size].tobytes()


def unpacked(data: bytes) -> bytes:
    """Decode LZF as libLZF describes it, byte by byte."""
    out = bytearray()
    place = 0
    while place < len(data):
        control = data[place]
        place += 1
        if control < 32:
            out += data[place : place + control + 1]
            place += control + 1
            continue
        length = control >> 5
        if length == 7:
            length += data[place]
            place += 1
        start = len(out) - ((control & 31) << 8 | data[place]) - 1
        place += 1
        assert start >= 0
        for i in range(length + 2):
            out.append(out[start + i])
    return bytes(out)


pieces = st.one_of(
    st.binary(max_size=40),
    st.builds(lambda byte, count: bytes([byte]) * count, st.integers(0, 255), st.integers(1, 700)),
    st.builds(lambda first, step, count: bytes((first + step * i) % 256 for i in range(count)),
              st.integers(0, 255), st.integers(1, 255), st.integers(1, 400)),
)  # fmt: skip


@given(st.lists(st.tuples(pieces, st.integers(1, 6)), max_size=12))
@settings(max_examples=200, deadline=None)
def test_what_is_compressed_decodes_to_itself(parts: list[tuple[bytes, int]]) -> None:
    data = b"".join(piece * count for piece, count in parts)
    assert unpacked(packed(data)) == data


@pytest.mark.parametrize("distance", [1, 2, 8, 215, 8191, 8192, 8193, 20000])
def test_matches_of_every_distance_decode(distance: int) -> None:
    data = np.random.default_rng(distance).integers(0, 256, distance, np.uint8).tobytes() * max(3, 600 // distance)
    assert unpacked(packed(data)) == data
    assert (len(packed(data)) < 0.6 * len(data)) == (distance <= 8192)


def test_noise_grows_by_no_more_than_its_control_bytes() -> None:
    data = np.random.default_rng(0).integers(0, 256, 5000, np.uint8).tobytes()
    assert len(packed(data)) <= len(data) + len(data) // 32 + 1


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("kind", ["ramps", "noise"])
def test_h5py_reads_encoded_ports_back(tmp_path: Path, dtype: type[np.signedinteger], kind: str) -> None:
    """Also a last chunk that is not full, and ports that do not shrink."""
    ports, rows, cycles = 3, 500, 1234
    random = np.random.default_rng(1)
    addresses: NDArray[np.signedinteger]
    if kind == "ramps":
        addresses = (np.arange(cycles) * np.array([[1], [96], [70000]]) - 1).astype(dtype)
        addresses[:, 300:700] = -1
    else:
        addresses = random.integers(-1, np.iinfo(dtype).max, (ports, cycles), dtype)
    with h5py.File(tmp_path / "t.h5", "w") as file:
        dataset = create_chunked(file, "a", (cycles, ports), (rows, 1), np.dtype(dtype), -1)
        for first in range(0, cycles, rows):
            part = np.ascontiguousarray(addresses[:, first : first + rows])
            size = part.itemsize * rows
            out = np.empty(size + size // 32 + 8, np.uint8)
            for port in range(ports):
                end = encode_line(part[port], rows, np.empty(size + 8, np.uint8), np.empty(1 << 13, np.int32), out)
                mask = NOT_COMPRESSED if end == size else 0
                dataset.id.write_direct_chunk((first, port), out[:end].tobytes(), mask)
    with h5py.File(tmp_path / "t.h5") as file:
        assert np.array_equal(file["a"][:].T, addresses)
