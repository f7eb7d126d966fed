"""Random inputs for SCALE-Sim, as the text of a version's files, all from a seed.

Most are small but awkward: ragged folds, buffers so small that words are fetched again and again, hanging windows,
addresses below zero. A few are written in the odder ways that its readers take, and a few make it fail on purpose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from cyclesim.scalesim_versions import SCALESIM_VERSIONS, ScaleSimVersion

MOST_ROWS = 6000
"""Demand rows of a case: SCALE-Sim serves some thousands of them a second."""
MOST_ENTRIES = 300_000
"""Numbers in the SRAM traces of a case."""
MOST_WORDS = 40_000
"""Entries of an operand matrix: SCALE-Sim copies them one by one."""

Kind = Literal["conv", "gemm"]
Fields = list[tuple[str, str, str]]


@dataclass(frozen=True)
class TextCase:
    """The files of one run of SCALE-Sim, and what they are about.

    Parameters
    ----------
    kind : str
        Kind of the topology: conv or gemm.
    config, topology : str
        Text of the two files.
    dataflow : str
        os, ws or is; "other" for a name that SCALE-Sim does not know.
    mode : str
        CALC or USER.
    flaw : str
        What SCALE-Sim is expected to fail on, or empty.
    memory : str
        The memory model that follows the version which the case is for.
    """

    kind: Kind
    config: str
    topology: str
    dataflow: str
    mode: str
    flaw: str = ""
    memory: str = "scalesim"


@dataclass(frozen=True)
class _Draft:
    """A case before it is written: (section, key, value) of the config, and fields of the topology's lines."""

    kind: Kind
    dataflow: str
    mode: str
    config: Fields
    layers: list[list[str]]
    version: ScaleSimVersion
    flaw: str = ""
    tail: str = ""
    comma: str = ","
    without: tuple[str, ...] = field(default=())

    def value(self, key: str) -> str:
        return next(value for _, name, value in self.config if name == key)

    def with_values(self, **values: object) -> _Draft:
        changed = [(section, key, str(values.get(key, value))) for section, key, value in self.config]
        return replace(self, config=changed)

    def with_fields(self, line: int, **values: object) -> _Draft:
        """Return a copy with other fields in a line of the topology; ``f3`` is field 3."""
        layers = [list(layer) for layer in self.layers]
        for name, value in values.items():
            layers[line][int(name[1:])] = str(value)
        return replace(self, layers=layers)


def random_case(seed: int, number: int, version: ScaleSimVersion = SCALESIM_VERSIONS["scalesim"]) -> TextCase:
    """Return case `number` of those that `seed` gives: the same in every run, whichever others are made."""
    rng = np.random.default_rng([seed, number])
    draft = _draft(rng, version)
    if rng.random() < FLAWED_SHARE:
        names = [name for name in FLAWS if name not in (ONLY_3 if version.has_column_stride else ONLY_2)]
        name = names[int(rng.integers(len(names)))]
        draft = replace(FLAWS[name](rng, draft), flaw=name)
    odd = rng.random() < ODD_SHARE
    if odd and not draft.flaw:
        draft = _odd_draft(rng, draft)
    return TextCase(
        draft.kind,
        _config_text(rng, draft, odd),
        _topology_text(rng, draft, odd),
        draft.dataflow if draft.dataflow in ("os", "ws", "is") else "other",
        draft.mode,
        draft.flaw,
        version.memory_model,
    )


def log_uniform(rng: np.random.Generator, most: int) -> int:
    """Return a number of 1...most, small ones as likely as large ones in proportion."""
    return int(min(most, np.exp(rng.uniform(0, np.log(most + 1)))))


def _choice(rng: np.random.Generator, *values: Any) -> Any:
    return values[int(rng.integers(len(values)))]


def _draft(rng: np.random.Generator, version: ScaleSimVersion) -> _Draft:
    """Return a case that SCALE-Sim runs."""
    most = int(rng.choice([12, 40, 130], p=[0.45, 0.51, 0.04]))
    rows, cols = log_uniform(rng, most), log_uniform(rng, most)
    dataflow = _choice(rng, "os", "ws", "is")
    if rng.random() < 0.04:
        dataflow = _choice(rng, "OS", "Ws", "rs", "wss")
    mode = _choice(rng, "CALC", "USER")
    kind = _choice(rng, "conv", "conv", "gemm")
    layers: list[list[str]] = []
    budget = 1.0
    stress = _choice(rng, "none", "reads", "writes")
    for number in range(int(rng.choice([1, 2, 3], p=[0.65, 0.25, 0.1]))):
        layer, cost = _layer(rng, kind, number, rows, cols, dataflow, stress, budget, version)
        layers.append(layer)
        budget = max(0.2, budget - cost)
    if rows == cols == 1 and dataflow not in ("ws", "is"):
        layers = [_longer(layer) for layer in layers]
    config = _config(rng, rows, cols, dataflow, mode, stress)
    draft = _Draft(kind, dataflow, mode, config, layers, version)
    if not version.has_layout and rng.random() < 0.4:  # lines that fill half a buffer exactly
        draft = draft.with_values(Bandwidth=2 ** int(rng.integers(0, 10)))
    if not version.has_layout and rng.random() < 0.5:
        draft = replace(draft, without=_ONLY_IN_3)
    return draft


_ONLY_IN_3 = ("layout", "sparsity", "UseRamulatorTrace", "ReadRequestBuffer", "WriteRequestBuffer")
"""Sections and keys that version 2.0.2 does not know."""


def _longer(layer: list[str]) -> list[str]:
    """Return a layer of at least two MACs: SCALE-Sim fails on a layer of one row."""
    place = 3 if len(layer) == 4 else 5
    return [*layer[:place], str(int(layer[place]) + 1), *layer[place + 1 :]]


def _config(rng: np.random.Generator, rows: int, cols: int, dataflow: str, mode: str, stress: str) -> Fields:
    def size(small: bool) -> int:
        return 1 if small and rng.random() < 0.8 else int(_choice(rng, 1, 1, 1, 1, 2, 2, 3, 4, 5, 8, 16, 64))

    def banks(bandwidth: int) -> int:
        return int(_choice(rng, *(number for number in range(1, bandwidth + 1) if bandwidth % number == 0)))

    reads, writes = stress == "reads", stress == "writes"
    ifmap_read, filter_read = (log_uniform(rng, 60 if reads else 600) for _ in range(2))
    write = log_uniform(rng, max(1, cols // 2) if writes else 600)
    offsets = _offsets(rng)
    second = f",{log_uniform(rng, 600)}" if rng.random() < 0.2 else ""
    return [
        ("general", "run_name", "parity"),
        ("run_presets", "InterfaceBandwidth", mode),
        ("run_presets", "UseRamulatorTrace", "False"),
        ("architecture_presets", "ArrayHeight", str(rows)),
        ("architecture_presets", "ArrayWidth", str(cols)),
        ("architecture_presets", "IfmapSramSzkB", str(size(reads))),
        ("architecture_presets", "FilterSramSzkB", str(size(reads))),
        ("architecture_presets", "OfmapSramSzkB", str(size(writes))),
        ("architecture_presets", "IfmapOffset", str(offsets[0])),
        ("architecture_presets", "FilterOffset", str(offsets[1])),
        ("architecture_presets", "OfmapOffset", str(offsets[2])),
        ("architecture_presets", "Dataflow", dataflow),
        ("architecture_presets", "Bandwidth", f"{write}{second}"),
        ("architecture_presets", "ReadRequestBuffer", "32"),
        ("architecture_presets", "WriteRequestBuffer", "32"),
        ("layout", "IfmapCustomLayout", "False"),
        ("layout", "FilterCustomLayout", "False"),
        ("layout", "IfmapSRAMBankBandwidth", str(ifmap_read)),
        ("layout", "IfmapSRAMBankNum", str(banks(ifmap_read))),
        ("layout", "IfmapSRAMBankPort", "2"),
        ("layout", "FilterSRAMBankBandwidth", str(filter_read)),
        ("layout", "FilterSRAMBankNum", str(banks(filter_read))),
        ("layout", "FilterSRAMBankPort", "2"),
        ("sparsity", "SparsitySupport", "false"),
    ]


def _offsets(rng: np.random.Generator) -> list[int]:
    """Return the three base addresses: apart, overlapping, some below zero, some beyond 32 bits."""
    usual = [0, 10_000_000, 20_000_000]
    kind = rng.choice(["usual", "overlapping", "negative", "large"], p=[0.55, 0.2, 0.2, 0.05])
    if kind == "overlapping":
        return [int(rng.integers(0, 400)) for _ in range(3)]
    if kind == "negative":
        return [-log_uniform(rng, 4000) if rng.random() < 0.5 else start for start in usual]
    if kind == "large":
        return [int(start + rng.integers(2**31, 2**40)) for start in usual]
    return usual


def _layer(
    rng: np.random.Generator, kind: Kind, number: int, rows: int, cols: int, dataflow: str, stress: str, budget: float,
    version: ScaleSimVersion,
) -> tuple[list[str], float]:
    """Return the fields of a layer's line, and its share of what a case may cost, at most `budget` if possible.

    Under stress it is the one of several that reads or writes the most words.
    """
    make = _gemm if kind == "gemm" else _conv_with_column_stride if version.has_column_stride else _conv
    found: list[tuple[float, list[str], float]] = []
    for _ in range(200):
        name, sizes, copies = make(rng, number)
        m, n, k = _matrix_sizes(kind, sizes)
        cost = copies * _cost(m, n, k, rows, cols, dataflow)
        words = {"none": 0, "reads": max(m, n) * k, "writes": m * n * (1 if dataflow == "os" else -(-k // rows))}[
            stress
        ]
        found.append((-cost if cost > budget else words, [name, *map(str, sizes)], cost))
        if sum(each[2] <= budget for each in found) == (1 if stress == "none" else 12):
            break
    _, fields, cost = max(found, key=lambda each: each[0])
    return fields, cost


def _gemm(rng: np.random.Generator, number: int) -> tuple[str, list[int], int]:
    return f"Gemm{number}", [log_uniform(rng, 160) for _ in range(3)], 1


def _conv(rng: np.random.Generator, number: int) -> tuple[str, list[int], int]:
    """Return name, sizes and number of copies of a convolution, each kind of which is awkward in its way."""
    kind = _choice(rng, "any", "any", "any", "any", "strided", "1x1", "kernel = ifmap", "DP")
    fh, fw = (1, 1) if kind == "1x1" else (int(rng.integers(1, 6)) for _ in range(2))
    ih, iw = (side + (0 if kind == "kernel = ifmap" else log_uniform(rng, 25) - 1) for side in (fh, fw))
    stride = int(rng.integers(2, 6)) if kind == "strided" else int(rng.choice([1, 2, 3], p=[0.7, 0.2, 0.1]))
    channels = int(rng.integers(1, 4)) if kind == "DP" else log_uniform(rng, 40)
    filters = log_uniform(rng, 80)
    name = _choice(rng, f"{number}DP", "DPW", "aDPb") if kind == "DP" else f"Conv{number}"
    return name, [ih, iw, fh, fw, channels, filters, stride], channels if kind == "DP" else 1


def _conv_with_column_stride(rng: np.random.Generator, number: int) -> tuple[str, list[int], int]:
    """Return a convolution, half of which have a column stride of their own."""
    name, sizes, copies = _conv(rng, number)
    return name, sizes + [int(rng.integers(1, 6))] * int(rng.integers(2)), copies


def _matrix_sizes(kind: Kind, sizes: list[int]) -> tuple[int, int, int]:
    """Return M, N and K."""
    if kind == "gemm":
        return sizes[0], sizes[1], sizes[2]
    ih, iw, fh, fw, channels, filters, stride, *column_stride = sizes
    pixels = (-(-(ih - fh) // stride) + 1) * (-(-(iw - fw) // (column_stride or [stride])[0]) + 1)
    return pixels, filters, fh * fw * channels


def _cost(m: int, n: int, k: int, rows: int, cols: int, dataflow: str) -> float:
    """Return what a layer costs as a share of what a case may."""
    spatial_rows, spatial_cols, steps, fill = {
        "ws": (k, n, m, 2 * rows + cols - 2),
        "is": (k, m, n, 2 * rows + cols - 2),
    }.get(dataflow, (m, n, k, rows + cols - 2))
    length = -(-spatial_rows // rows) * -(-spatial_cols // cols) * (steps + fill)
    entries = length * (rows + 2 * cols)
    return max(length / MOST_ROWS, entries / MOST_ENTRIES, max(m * k, k * n, m * n) / MOST_WORDS)


# How the files are written

ODD_SHARE = 0.25
"""Cases that are written in odd ways."""

_HEADERS = {
    "conv": "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,",
    "gemm": "Layer name, M, N, K,",
}


def _odd_draft(rng: np.random.Generator, draft: _Draft) -> _Draft:
    """Return a case with unusual but working values."""
    kind = rng.choice(
        ["plain", "name", "interpolation", "defaults", "no layers", "banks"], p=[0.5, 0.2, 0.1, 0.1, 0.04, 0.06]
    )
    if kind == "name":
        return draft.with_values(run_name=_choice(rng, "run 2", "r-1.x", "50%%", "a ; b", "layer0"))
    if kind == "interpolation":
        return draft.with_values(FilterSramSzkB="%(IfmapSramSzkB)s", OfmapSramSzkB="%(ifmapsramszkb)s")
    if kind == "defaults":
        moved = [
            ("DEFAULT", key, value) if key.endswith("kB") else (section, key, value)
            for section, key, value in draft.config
        ]
        return replace(draft, config=moved)
    if kind == "no layers":
        return replace(draft, layers=[])
    if kind == "banks" and not draft.version.has_layout:  # keys that the version does not look at
        return draft.with_values(
            IfmapSRAMBankNum="none", UseRamulatorTrace="True", SparsitySupport="true", IfmapCustomLayout="perhaps"
        )
    return draft.with_values(IfmapSRAMBankNum=-1) if kind == "banks" else draft


def _config_text(rng: np.random.Generator, draft: _Draft, odd: bool) -> str:
    fields = [entry for entry in draft.config if entry[1] not in draft.without and entry[0] not in draft.without]
    order = list(dict.fromkeys(section for section, _, _ in fields))
    if odd:
        fields = [fields[i] for i in rng.permutation(len(fields))]
        order = [order[i] for i in rng.permutation(len(order))]
    lines = []
    for section in order:
        lines.append(f"[{section}]")
        for _, key, value in (entry for entry in fields if entry[0] == section):
            if odd:
                key = _choice(rng, key, key.lower(), key.upper())
                value = _odd_number(rng, value)
            lines.append(f"{key}{_choice(rng, '=', ': ', ' = ', chr(9) + ': ') if odd else ' : '}{value}")
            if odd and rng.random() < 0.1:
                lines.append(_choice(rng, "", "# ArrayHeight : 3", "; a remark", f"Unknown{len(lines)} : 7"))
    return "\n".join([*lines, draft.tail]) + "\n"


def _odd_number(rng: np.random.Generator, value: str) -> str:
    """Return a whole number as Python's int() takes it, too."""
    if not value.isdigit() or rng.random() < 0.7:
        return value
    spread = f"{value[0]}_{value[1:]}" if len(value) > 1 else value
    return str(_choice(rng, f"+{value}", f"00{value}", spread, f"{value}  "))


def _topology_text(rng: np.random.Generator, draft: _Draft, odd: bool) -> str:
    lines = [_HEADERS[draft.kind]]
    if odd:
        lines[0] = _choice(rng, lines[0], "", "anything", "First,6,6,2,2,1,1,1,")
    for layer in draft.layers:
        fields = [layer[0], *(_odd_number(rng, value) for value in layer[1:])] if odd else list(layer)
        last = draft.comma
        if odd and draft.flaw == "":
            more: tuple[list[str], ...] = ([], ["1:1"], ["2:4"])
            more += (["7", "1:1"], [" 1 : 2 : 3 "]) if draft.kind == "conv" else (["1:4", "", "x"],)
            if draft.version.has_column_stride:
                more = _more_fields(draft.kind, len(fields))
            fields += _choice(rng, *more)
            last = _choice(rng, ",", ", ", ", 5", ",\t# a remark")
        lines.append(_choice(rng, ",", ", ", " ,\t").join(fields) + last if odd else ", ".join(fields) + last)
        if odd and rng.random() < 0.2:
            lines.append(_choice(rng, "", "   "))
    end = "\r\n" if odd and rng.random() < 0.3 else "\n"
    return end.join(lines) + ("" if odd and rng.random() < 0.3 else end)


def _more_fields(kind: Kind, fields: int) -> tuple[list[str], ...]:
    """Return what may stand behind so many fields of a line, in a version with column strides."""
    if kind == "gemm":
        return [], ["1:1"], ["", "x"], ["7", "1:4"]
    column_stride = ["2"] if fields == 8 else []
    return [], [*column_stride, "7"], [*column_stride, "-3", " 0 "]


# What makes SCALE-Sim fail

FLAWED_SHARE = 0.05
"""Cases that SCALE-Sim is expected to fail on."""

Flaw = Callable[[np.random.Generator, _Draft], _Draft]
_SIZES = ("IfmapSramSzkB", "FilterSramSzkB", "OfmapSramSzkB")
_NEEDED = (
    "run_name", "InterfaceBandwidth", "ArrayHeight", "ArrayWidth", *_SIZES,
    "IfmapOffset", "FilterOffset", "OfmapOffset", "Dataflow",
)  # fmt: skip
_READS = ("IfmapSRAMBankBandwidth", "FilterSRAMBankBandwidth")


def _user(draft: _Draft, **values: object) -> _Draft:
    return replace(draft, mode="USER").with_values(InterfaceBandwidth="USER", **values)


def _not_divisible(rng: np.random.Generator, draft: _Draft) -> _Draft:
    name = _choice(rng, "Ifmap", "Filter")
    bandwidth = int(draft.value(f"{name}SRAMBankBandwidth"))
    return _user(draft, **{f"{name}SRAMBankNum": bandwidth + 1})


def _large_filter(rng: np.random.Generator, draft: _Draft) -> _Draft:
    draft = replace(draft, kind="conv", layers=[["Conv", "6", "5", "3", "2", "4", "7", "1"]])
    place = int(rng.integers(1, 3))
    return draft.with_fields(-1, **{f"f{place + 2}": int(draft.layers[-1][place]) + 1})


def _zero(rng: np.random.Generator, draft: _Draft) -> _Draft:
    places = (1, 2, 3) if draft.kind == "gemm" else (5, 6, 7)
    return draft.with_fields(-1, **{f"f{_choice(rng, *places)}": 0})


def _not_whole(rng: np.random.Generator, draft: _Draft) -> _Draft:
    text = _choice(rng, "8.0", "eight", "", "1e1", "8 ; a remark", "8 # a remark")
    if rng.random() < 0.5 and not text.startswith("8 "):
        return draft.with_fields(-1, **{f"f{int(rng.integers(1, len(draft.layers[-1])))}": text})
    return draft.with_values(**{_choice(rng, "ArrayHeight", "ArrayWidth", *_SIZES, "IfmapOffset"): text})


def _null_operand(rng: np.random.Generator, draft: _Draft) -> _Draft:
    """All words of one operand have the address -1, which stands for none; in USER mode only the ofmap's must not."""
    operand = _choice(rng, "Ifmap", "Filter", "Ofmap")
    m, n, k = (1, 1, 1) if operand == "Ifmap" else (4, 1, 1) if operand == "Filter" else (1, 1, 4)
    drafted = replace(draft, kind="gemm", layers=[["Null", str(m), str(n), str(k)]])
    return drafted.with_values(**{f"{operand}Offset": -1, "ArrayHeight": 2})


def _one_cycle(rng: np.random.Generator, draft: _Draft) -> _Draft:
    drafted = replace(draft, kind="gemm", dataflow="os", layers=[["One", "1", "1", "1"]])
    return drafted.with_values(ArrayHeight=1, ArrayWidth=1, Dataflow="os")


def _two_switches(rng: np.random.Generator, draft: _Draft) -> _Draft:
    """A row of 700 new words fills a half buffer of 500 twice: the third one does."""
    drafted = replace(draft, kind="gemm", dataflow="ws", mode="CALC", layers=[["Wide", "2", "700", "4"]])
    return drafted.with_values(
        InterfaceBandwidth="CALC", Dataflow="ws", ArrayHeight=4, ArrayWidth=700, FilterSramSzkB=1, FilterOffset=0
    )


def _ratio(rng: np.random.Generator, draft: _Draft) -> _Draft:
    return replace(draft, layers=[[*layer, "2"] for layer in draft.layers])


def _column_stride(rng: np.random.Generator, draft: _Draft) -> _Draft:
    """The ninth field, or one behind it, is no stride."""
    wrong = _choice(rng, ["0"], ["1:1"], [""], ["2", "x"], ["2", ""], ["2", "1:1"])
    return replace(draft, kind="conv", layers=[["Conv", "6", "5", "3", "2", "4", "7", "1", *wrong]])


FLAWS: dict[str, Flaw] = {
    "no trailing comma": lambda rng, draft: replace(
        draft, comma="", layers=[layer[:8] for layer in draft.layers]
    ),
    "ratio without colon": _ratio,
    "filter larger than ifmap": _large_filter,
    "not a column stride": _column_stride,
    "stride, channels or filters 0": _zero,
    "not a whole number": _not_whole,
    "bandwidth not divisible by banks": _not_divisible,
    "no Bandwidth": lambda rng, draft: replace(_user(draft), without=("Bandwidth",)),
    "Bandwidth 0": lambda rng, draft: _user(draft, Bandwidth=0),
    "read bandwidth 0": lambda rng, draft: _user(draft, **{_choice(rng, *_READS): 0}),
    "unknown InterfaceBandwidth": lambda rng, draft: draft.with_values(
        InterfaceBandwidth=_choice(rng, "user", "Calc", "", "both")
    ),
    "SRAM size 0": lambda rng, draft: draft.with_values(**{_choice(rng, *_SIZES): 0}),
    "array side 0": lambda rng, draft: draft.with_values(**{_choice(rng, "ArrayHeight", "ArrayWidth"): 0}),
    "operand of null addresses": _null_operand,
    "a single cycle": _one_cycle,
    "two switches within a row": _two_switches,
    "missing key": lambda rng, draft: replace(draft, without=(_choice(rng, *_NEEDED),)),
    "missing read bandwidth": lambda rng, draft: replace(_user(draft), without=(_choice(rng, *_READS),)),
    "missing section": lambda rng, draft: replace(
        draft, without=(_choice(rng, "general", "run_presets", "architecture_presets"),)
    ),
    "repeated key": lambda rng, draft: replace(
        draft, config=[*draft.config, ("architecture_presets", "arrayheight", draft.value("ArrayHeight"))]
    ),
    "repeated section": lambda rng, draft: replace(draft, tail="[architecture_presets]\nUnknown : 1"),
    "network_presets": lambda rng, draft: replace(draft, tail='[network_presets]\nTopologyCsvLoc : "a.csv"'),
    "text that is no config": lambda rng, draft: replace(draft, tail="a line without a value"),
}
"""What SCALE-Sim fails on, by name, as changes to a case that it would run."""

ONLY_2 = ("not a column stride",)
ONLY_3 = ("ratio without colon", "bandwidth not divisible by banks", "missing read bandwidth", "read bandwidth 0")
"""Flaws of version 2.0.2 only, and of version 3.0.0 only."""
