"""Random inputs for SCALE-Sim: the same for the same seed, of every kind, and as flawed as they say."""

from __future__ import annotations

import configparser

import numpy as np
import pytest

from cyclesim.scalesim_versions import SCALESIM_VERSIONS
from cyclesim.validation.scalesim_cases import (
    FLAWS,
    MOST_ENTRIES,
    MOST_ROWS,
    ONLY_2,
    ONLY_3,
    TextCase,
    _cost,
    random_case,
)


@pytest.fixture(scope="module")
def cases() -> list[TextCase]:
    return [random_case(18, number) for number in range(600)]


def test_a_case_depends_on_seed_and_number_only(cases: list[TextCase]) -> None:
    assert [random_case(18, number) for number in (599, 7, 300)] == [cases[599], cases[7], cases[300]]
    assert random_case(4, 7) != cases[7]
    assert len({(case.config, case.topology) for case in cases}) == len(cases)


def test_every_kind_of_case_comes_up(cases: list[TextCase]) -> None:
    seen = {(case.dataflow, case.mode, case.kind) for case in cases}
    assert seen == {(d, m, k) for d in ("os", "ws", "is", "other") for m in ("CALC", "USER") for k in ("conv", "gemm")}
    user = sum(case.mode == "USER" for case in cases) / len(cases)
    assert 0.4 < user < 0.6
    flawed = [case.flaw for case in cases if case.flaw]
    assert 0.02 < len(flawed) / len(cases) < 0.09
    everything = {case.flaw for case in cases} | {random_case(18, number).flaw for number in range(600, 1100)}
    assert everything == {"", *FLAWS} - set(ONLY_2)


def test_the_other_version_has_cases_of_its_own() -> None:
    version = SCALESIM_VERSIONS["scalesim2"]
    found = [random_case(3, number, version) for number in range(500)]
    assert {case.memory for case in found} == {"scalesim2"}
    assert {case.flaw for case in found} <= {"", *FLAWS} - set(ONLY_3)
    assert "not a column stride" in {case.flaw for case in found}
    assert {"[layout]" in case.config for case in found} == {True, False}
    lines = [line for case in found if case.kind == "conv" and not case.flaw for line in case.topology.splitlines()[1:]]
    strides = [line.split(",")[7:9] for line in lines if line.count(",") > 8]
    assert {int(rows) == int(cols) for rows, cols in strides} == {True, False}


def test_sizes_are_awkward_but_small(cases: list[TextCase]) -> None:
    rows = 1 * 1 * (3 + 4 + 5 - 2)
    assert _cost(2, 2, 3, 4, 5, "os") == max(rows / MOST_ROWS, rows * (4 + 2 * 5) / MOST_ENTRIES)
    shapes = set()
    kilobytes = []
    for case in cases:
        if case.flaw:
            continue
        config = configparser.ConfigParser()
        config.read_string(case.config)
        machine = config["architecture_presets"]
        shapes.add((int(machine["arrayheight"]), int(machine["arraywidth"])))
        kilobytes.append(int(machine["ifmapsramszkb"]))
        for name in ("ifmap", "filter"):
            banks = int(config["layout"][f"{name}srambanknum"])
            assert int(config["layout"][f"{name}srambankbandwidth"]) % banks == 0
    assert {rows == cols for rows, cols in shapes} == {True, False}
    assert max(max(shape) for shape in shapes) > 40
    assert np.median(kilobytes) <= 2


def test_conv_lines_name_layers_that_fit_and_those_that_hang_over(cases: list[TextCase]) -> None:
    features = set()
    for case in cases:
        if case.kind == "gemm" or case.flaw:
            continue
        for line in case.topology.splitlines()[1:]:
            fields = [field.strip() for field in line.split(",")]
            if len(fields) < 9:
                continue
            ih, iw, fh, fw, channels, filters, stride = map(int, fields[1:8])
            assert fh <= ih
            assert fw <= iw
            assert min(fh, fw, channels, filters, stride) >= 1
            features |= {"DP"} if "DP" in fields[0] else set()
            features |= {"hanging"} if (ih - fh) % stride else set()
            features |= {"whole"} if (fh, fw) == (ih, iw) else set()
            features |= {"1x1"} if (fh, fw) == (1, 1) else set()
            features |= {"stride beyond the filter"} if stride > fh else set()
    assert features == {"DP", "hanging", "whole", "1x1", "stride beyond the filter"}
