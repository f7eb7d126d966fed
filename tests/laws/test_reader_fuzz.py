"""Whatever a file holds, reading it gives a valid object or one line that says where and why not.

And what is written reads back equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cyclesim.errors import BadInput
from cyclesim.hardware import Hardware
from cyclesim.readers.hwconfig import format_hardware, parse_hardware, read_hardware
from cyclesim.readers.text import read_text
from cyclesim.readers.topology import format_topology, read_topology
from cyclesim.readers.topology_positional import Kind
from cyclesim.workload import Network
from tests.laws import strategies

FEW = settings(max_examples=100, deadline=None, derandomize=True)
MANY = settings(max_examples=250, deadline=None, derandomize=True)
KINDS: st.SearchStrategy[Kind | None] = st.sampled_from([None, "conv", "gemm"])


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a path that every example of this module writes to."""
    return tmp_path_factory.mktemp("fuzz") / "in put.cfg"


def reads_or_says_why(
    file: Path, data: bytes, read: Callable[[], tuple[Hardware | Network, list[str]]]
) -> Hardware | Network | None:
    """Read the bytes as a file, and check what every outcome must satisfy; None where it is refused."""
    file.write_bytes(data)
    refusal: BadInput | None = None
    try:
        result, warnings = read()
    except BadInput as error:
        refusal = error
    if refusal is not None:
        message = str(refusal)
        assert message.isprintable(), "an error must be one printable line"
        assert re.match(rf"{re.escape(str(file))}(:[1-9][0-9]*)?: \S|cyclesim: --?[a-z]", message)
        assert len(message) < 1000, "an error must be readable"
        if refusal.line is not None:
            assert refusal.line <= max(1, len(re.split(b"\r\n|\r|\n", data)))
        return None
    assert all(each.isprintable() for each in warnings), "a warning must be one printable line"
    return result


def check_cfg(file: Path, data: bytes, overrides: dict[str, str] | None = None) -> None:
    """Check the outcome of any bytes as a .cfg."""
    hardware = reads_or_says_why(file, data, lambda: read_hardware(file, overrides))
    assert hardware is None or isinstance(hardware, Hardware)


def check_topology(file: Path, data: bytes, kind: Kind | None) -> None:
    """Check the outcome of any bytes as a topology; what is read can be written and read again."""
    network = reads_or_says_why(file, data, lambda: read_topology(file, kind))
    if network is not None:
        assert isinstance(network, Network)
        assert network.layers
        file.write_text(format_topology(network), encoding="utf-8")
        assert read_topology(file)[0] == network


@FEW
@given(
    data=st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
@example(data=b"\xef\xbb\xbf[\xff")
@example(data=b"\xef\xbb")
@example(data=b"\r\r\n\0")
def test_any_bytes_give_an_object_or_one_line(file: Path, data: bytes) -> None:
    check_cfg(file, data)
    check_topology(file, data, None)


@MANY
@given(text=strategies.near_cfgs())
def test_any_text_like_a_cfg_gives_a_machine_or_one_line(file: Path, text: str) -> None:
    check_cfg(file, text.encode("utf-8", "surrogatepass"))


@FEW
@given(overrides=st.lists(strategies.settings(), max_size=3).map(dict))
def test_any_overrides_give_a_machine_or_one_line(file: Path, overrides: dict[str, str]) -> None:
    check_cfg(file, "\n".join(strategies.CFG_BASE).encode(), overrides)


@MANY
@given(text=strategies.near_topologies(), kind=KINDS)
def test_any_text_like_a_topology_gives_a_network_or_one_line(
    file: Path, text: str, kind: Kind | None
) -> None:
    check_topology(file, text.encode("utf-8", "surrogatepass"), kind)


@FEW
@given(hardware=strategies.machines())
def test_a_machine_that_is_written_reads_back_equal(file: Path, hardware: Hardware) -> None:
    file.write_text(format_hardware(hardware), encoding="utf-8")
    assert parse_hardware(read_text(file), "another") == (hardware, [])


@FEW
@given(network=strategies.named_networks() | strategies.scalesim_networks())
def test_a_network_that_is_written_reads_back_equal(file: Path, network: Network) -> None:
    net = file.with_name("net.csv")
    net.write_text(format_topology(network), encoding="utf-8")
    assert read_topology(net)[0] == network
