"""Random machines, networks and near-valid input files for Hypothesis."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from cyclesim.hardware import (
    DEVICES,
    DRAM_PORTS,
    DRAM_TYPES,
    INTERFACE_BANDWIDTHS,
    MEMORY_MODELS,
    NUMBER_FORMATS,
    PADDED_VARIANTS,
    SRAM_ORGANISATIONS,
    SRAM_PORTS,
    TRIMMED_VARIANTS,
    Hardware,
    Scratchpad,
    Technology,
)
from cyclesim.workload import ConvShape, GemmShape, Layer, Network

NAME_CHARACTERS = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])


def rationals(maximum: Fraction | None = None) -> st.SearchStrategy[Fraction]:
    """Return positive rationals of at most nine digits above and below the line."""
    number = st.integers(1, 10**9)
    both = st.tuples(number, number).map(lambda pair: Fraction(*pair))
    return both if maximum is None else both.map(lambda each: min(each, 1 / each))


def cfg_texts(maximum: int = 40) -> st.SearchStrategy[str]:
    """Return values that a .cfg can hold: without comment signs after white space, or space around."""
    text = st.text(NAME_CHARACTERS, min_size=1, max_size=maximum)
    return text.filter(lambda each: each == each.strip() and not any(sign in each for sign in "#;"))


def run_names() -> st.SearchStrategy[str]:
    """Return single path components."""
    return cfg_texts().filter(lambda each: each not in {".", ".."} and "/" not in each and "\\" not in each)


def scratchpads() -> st.SearchStrategy[Scratchpad]:
    """Return capacities in kB, in words, or both."""
    size_bytes = st.integers(1, 2**40).map(lambda kilobytes: 1024 * kilobytes)
    size_words = st.integers(1, 2**53)
    return st.one_of(
        st.builds(Scratchpad, size_bytes=size_bytes),
        st.builds(Scratchpad, size_words=size_words),
        st.builds(Scratchpad, size_bytes=size_bytes, size_words=size_words),
    )


@st.composite
def machines(draw: st.DrawFn) -> Hardware:
    """Return any machine that a .cfg can describe."""
    variant = draw(st.sampled_from(PADDED_VARIANTS))
    array, _, overlap = variant.partition("-")
    os_drain = (
        "bus" if array == "osbus" else draw(st.sampled_from(["shift", "bus"] if array != "os" else ["shift"]))
    )
    optional: dict[str, Any] = {
        "dram_bandwidth_words_per_cycle": draw(st.none() | rationals()),
        "interface_bandwidth": draw(st.sampled_from(INTERFACE_BANDWIDTHS)),
    }
    if optional["dram_bandwidth_words_per_cycle"] is None:
        optional["interface_bandwidth"] = "CALC"
    offsets = st.integers(0, 2**62)
    bits = st.integers(1, 1024)
    return Hardware(
        run_name=draw(run_names()),
        rows=draw(st.integers(1, 65536)),
        cols=draw(st.integers(1, 65536)),
        dataflow=array[:2],  # type: ignore[arg-type]
        ifmap_sram=draw(scratchpads()),
        filter_sram=draw(scratchpads()),
        ofmap_sram=draw(scratchpads()),
        fold_overlap=overlap or "none",  # type: ignore[arg-type]
        os_drain=os_drain,  # type: ignore[arg-type]
        trim_folds=draw(st.booleans()) and variant in TRIMMED_VARIANTS,
        ifmap_offset_words=draw(offsets),
        filter_offset_words=draw(offsets),
        ofmap_offset_words=draw(offsets),
        ifmap_bits=draw(bits),
        filter_bits=draw(bits),
        ofmap_bits=draw(bits),
        psum_bits=draw(bits),
        memory_model=draw(st.sampled_from(MEMORY_MODELS)),
        active_fraction=draw(rationals(maximum=Fraction(1))),
        dram_ports=draw(st.sampled_from(DRAM_PORTS)),
        dram_latency_cycles=draw(st.integers(1, 10**9)),
        technology=Technology(
            draw(st.none() | rationals()),
            draw(st.none() | rationals()),
            draw(st.sampled_from([None, *DEVICES])),
            draw(st.sampled_from([None, *NUMBER_FORMATS])),
            draw(st.sampled_from([None, *DRAM_TYPES])),
            draw(st.none() | cfg_texts()),
            draw(st.sampled_from([None, *SRAM_ORGANISATIONS])),
            draw(st.sampled_from([None, *SRAM_PORTS])),
        ),
        **optional,
    )


def layer_names(*, depthwise: bool | None = None) -> st.SearchStrategy[str]:
    """Return names that a file can hold; with or without ``DP`` if `depthwise` says so."""
    names = st.text(NAME_CHARACTERS | st.sampled_from(',"# \u00a0'), min_size=1, max_size=12)
    names = names.filter(lambda each: bool(each.strip()))
    if depthwise is None:
        return names
    return names.map(lambda each: f"{each}DP") if depthwise else names.filter(lambda each: "DP" not in each)


SIZES = st.integers(1, 40) | st.integers(1, 5000)


@st.composite
def floor_convolutions(draw: st.DrawFn, kind: str) -> ConvShape:
    """Return conv, dw and fc shapes of the named-column format."""
    groups = draw(st.integers(1, 6))
    channels = groups * draw(st.integers(1, 6))
    filters = groups * draw(st.integers(1, 6))
    stride_h, stride_w = draw(SIZES), draw(SIZES)
    if kind == "fc":
        return ConvShape(1, 1, 1, 1, channels, filters, stride_h, stride_w, groups=groups)
    if kind == "dw":
        channels = groups
    sides = []
    for _ in range(2):
        filter_, dilation, pad = draw(st.integers(1, 9)), draw(st.integers(1, 4)), draw(st.integers(0, 5))
        least = max(1, dilation * (filter_ - 1) + 1 - 2 * pad)
        sides.append((draw(st.integers(least, least + 40)), filter_, pad, dilation))
    (ifmap_h, filter_h, pad_h, dilation_h), (ifmap_w, filter_w, pad_w, dilation_w) = sides
    return ConvShape(
        ifmap_h=ifmap_h,
        ifmap_w=ifmap_w,
        filter_h=filter_h,
        filter_w=filter_w,
        channels=channels,
        filters=filters,
        stride_h=stride_h,
        stride_w=stride_w,
        pad_h=pad_h,
        pad_w=pad_w,
        dilation_h=dilation_h,
        dilation_w=dilation_w,
        groups=groups,
    )


@st.composite
def named_networks(draw: st.DrawFn) -> Network:
    """Return networks that named columns can hold."""
    layers = []
    for index in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["conv", "dw", "fc", "gemm", "matmul"]))
        shape: ConvShape | GemmShape
        if kind in {"gemm", "matmul"}:
            shape = GemmShape(m=draw(SIZES), n=draw(SIZES), k=draw(SIZES), groups=draw(SIZES))
        else:
            shape = draw(floor_convolutions(kind))
        batch = draw(st.integers(1, 9))
        layers.append(Layer(draw(layer_names()), index, kind, shape, batch))  # type: ignore[arg-type]
    return Network("net", tuple(layers))


@st.composite
def scalesim_networks(draw: st.DrawFn) -> Network:
    """Return networks that SCALE-Sim's convolution files can hold."""
    layers = []
    for index in range(draw(st.integers(1, 5))):
        depthwise = draw(st.booleans())
        filter_h, filter_w = draw(st.integers(1, 9)), draw(st.integers(1, 9))
        channels = draw(SIZES)
        shape = ConvShape(
            filter_h + draw(st.integers(0, 300)),
            filter_w + draw(st.integers(0, 300)),
            filter_h,
            filter_w,
            channels,
            draw(SIZES) * (channels if depthwise else 1),
            draw(SIZES),
            draw(SIZES),
            groups=channels if depthwise else 1,
            ceil_output=True,
        )
        name = draw(layer_names(depthwise=depthwise))
        layers.append(Layer(name, index, "dw" if depthwise else "conv", shape))
    return Network("net", tuple(layers))


CFG_SECTIONS = (
    "general", "architecture_presets", "run_presets", "cyclesim", "technology", "layout", "sparsity",
)  # fmt: skip
CFG_KEYS = (
    "run_name", "ArrayHeight", "ArrayWidth", "Dataflow", "IfmapSramSzkB", "FilterSramSzkB",
    "OfmapSramSzkB", "IfmapOffset", "Bandwidth", "InterfaceBandwidth", "NodeNm", "Device", "MemoryBanks",
    "IfmapCustomLayout", "SparsitySupport", "IfmapOfset", "x",
)  # fmt: skip
GOOD_VALUES: dict[str, tuple[str, ...]] = {
    "MemoryModel": ("native", "scalesim", "scalesim2"),
    "FoldOverlap": ("none", "db", "pipe1", "pipe", "pipe2"),
    "OsDrain": ("shift", "bus"),
    "TrimFolds": ("true", "no"),
    "WordBits": ("1", "16"),
    "PsumBits": ("32",),
    "IfmapSramWords": ("1", "1000"),
    "ActiveFraction": ("1", "0.5", "1/3"),
    "DramBandwidth": ("1.5", "3/2", "64"),
    "DramPorts": ("shared", "separate"),
    "DramLatency": ("1", "100"),
}
VALUES = (
    "os", "ws", "is", "wss", "none", "db", "pipe1", "pipe", "pipe2", "shift", "bus", "true", "no",
    "CALC", "USER", "native", "scalesim", "scalesim2", "shared", "separate", "0", "1", "-1", "8", "32", "1.5", "3/2",
    "1/0", "1e9", "1_0", "0x1", "nan", "..", "a/b", ";", "#", "", " ", "a b", "10, 20", "9" * 50,
    "\u0663", "\u2028", "\x1b[31m", "\x85", "\x00",
)  # fmt: skip
CFG_BASE = """\
[general]
run_name = edge
[architecture_presets]
ArrayHeight: 12
ArrayWidth: 14
IfmapSramSzkB: 36
FilterSramSzkB: 37
OfmapSramSzkB: 38
Dataflow: ws
[run_presets]
InterfaceBandwidth: CALC
""".splitlines()


def _values() -> st.SearchStrategy[str]:
    return st.sampled_from(VALUES) | st.text(max_size=8)


@st.composite
def _cfg_lines(draw: st.DrawFn) -> str:
    if draw(st.integers(0, 5)) == 0:
        return f"[{draw(st.sampled_from(CFG_SECTIONS) | st.text(max_size=6))}]"
    key = draw(st.sampled_from((*CFG_KEYS, *GOOD_VALUES)) | st.text(max_size=6))
    return f"{key}{draw(st.sampled_from([' = ', ':', '=', ' ']))}{draw(_values())}{draw(_tails())}"


def _tails() -> st.SearchStrategy[str]:
    return st.sampled_from(["", "", " ; why", " # why", "\t", " ,", "\r"])


@st.composite
def _edited(draw: st.DrawFn, base: list[str], line: st.SearchStrategy[str]) -> str:
    """Return lines with a few replaced, inserted or removed."""
    lines = list(base)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(lines)))
        lines[start : start + draw(st.integers(0, 1))] = draw(st.lists(line, max_size=1))
    return draw(st.sampled_from(["\n", "\n", "\r\n", "\r"])).join(lines)


@st.composite
def near_cfgs(draw: st.DrawFn) -> str:
    """Return texts that look like a .cfg, and often are one."""
    text = draw(_edited(CFG_BASE, _cfg_lines()))
    native = settings().flatmap(lambda pair: st.builds("{} = {}{}".format, *map(st.just, pair), _tails()))
    return "\n".join([text, "[cyclesim]", *draw(st.lists(native, max_size=3))])


@st.composite
def settings(draw: st.DrawFn) -> tuple[str, str]:
    """Return a key and a value for it, of which mostly both are good."""
    kind = draw(st.integers(0, 7))
    if kind == 0:
        return draw(st.text(max_size=6)), draw(_values())
    key = draw(st.sampled_from(CFG_KEYS if kind == 1 else tuple(GOOD_VALUES)))
    return key, draw(_values() if kind <= 2 else st.sampled_from(GOOD_VALUES[key]))


CSV_BASES: tuple[list[str], ...] = (
    [
        "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,",
        "C1, 9, 9, 3, 3, 4, 8, 1,",
        "FCDP, 1, 1, 1, 1, 4, 8, 1,",
    ],
    ["C1,9,9,3,3,4,8,1"],
    ["Layer, M, N, K,", "G1, 3, 4, 5,", "G2, 1, 1, 1,"],
    ["G1\t3\t4\t5"],
    [
        "Layer,Type,IfmapH,IfmapW,FilterH,FilterW,Channels,Filters,StrideH,PadH,DilationH,Groups,Batch,M,N,K",
        "a,conv,9,9,3,3,4,8,1,1,2,2,2",
        "b,dw,9,9,3,3,4,8",
        "c,fc,,,,,4,8",
        "d,matmul,,,,,,,,,,7,2,3,4,5",
    ],
)
FIELDS = (
    "0", "1", "2", "9", "11", "-1", "1.0", "2:4", "x", "B", "DP", "conv", "dw", "fc", "gemm", "matmul",
    "Type", "IfmapH", "PadH", "Layer", "M", "N", "K", "Sparsity", "#", "#dw", "", " ", "1 2", "9" * 30,
    "2147483647", '"', '"a, b"', '"1"', '""', "\xa0", "\u0663", "\x0b", "\x1c", "\x1b", "\x00", "\ufeff",
)  # fmt: skip


@st.composite
def _csv_lines(draw: st.DrawFn) -> str:
    separator = draw(st.sampled_from([",", ",", ", ", "\t", ";", " "]))
    fields = draw(st.lists(st.sampled_from(FIELDS) | st.text(max_size=5), max_size=20))
    return separator.join(fields) + draw(st.sampled_from(["", ",", ",,"]))


@st.composite
def _mangled_csv_lines(draw: st.DrawFn) -> str:
    """Return a good row with one field replaced: nearer to valid than random fields."""
    fields = draw(st.sampled_from([line for base in CSV_BASES for line in base])).split(",")
    fields[draw(st.integers(0, len(fields) - 1))] = draw(st.sampled_from(FIELDS))
    return ",".join(fields)


@st.composite
def near_topologies(draw: st.DrawFn) -> str:
    """Return texts that look like a topology of any format, and sometimes are one."""
    return draw(_edited(draw(st.sampled_from(CSV_BASES)), _csv_lines() | _mangled_csv_lines()))


EVERY_VARIANT: tuple[tuple[str, bool], ...] = (
    *((variant, False) for variant in PADDED_VARIANTS),
    *((variant, True) for variant in TRIMMED_VARIANTS),
)
"""Every (variant, trimmed) that an array can be."""


def array_machine(
    variant: str, trimmed: bool, rows: int, cols: int, offsets: tuple[int, int, int] = (0, 500, 1000)
) -> Hardware:
    """Return a machine of which only the array and the tensors' offsets (ifmap, filter, ofmap) matter."""
    array, _, overlap = variant.partition("-")
    scratchpad = Scratchpad(size_words=1024)
    return Hardware(
        run_name=f"{variant}{'+trim' if trimmed else ''}",
        rows=rows,
        cols=cols,
        dataflow=array[:2],  # type: ignore[arg-type]
        ifmap_sram=scratchpad,
        filter_sram=scratchpad,
        ofmap_sram=scratchpad,
        fold_overlap=overlap or "none",  # type: ignore[arg-type]
        os_drain="bus" if array == "osbus" else "shift",
        trim_folds=trimmed,
        ifmap_offset_words=offsets[0],
        filter_offset_words=offsets[1],
        ofmap_offset_words=offsets[2],
    )


@st.composite
def small_convolutions(draw: st.DrawFn, kind: str) -> ConvShape:
    """Return conv, dw and fc shapes with all that convolutions can have, but few MACs."""
    groups = draw(st.integers(1, 3))
    channels = groups * (1 if kind == "dw" else draw(st.integers(1, 3)))
    filters = groups * draw(st.integers(1, 4 if kind == "conv" else 9))
    if kind == "fc":
        return ConvShape(1, 1, 1, 1, draw(st.integers(1, 12)) * channels, filters, groups=groups)
    sides = []
    for _ in range(2):
        filter_, dilation, pad = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(0, 2))
        least = max(1, dilation * (filter_ - 1) + 1 - 2 * pad)
        sides.append((draw(st.integers(least, least + 3)), filter_, pad, dilation, draw(st.integers(1, 3))))
    (ifmap_h, filter_h, pad_h, dilation_h, stride_h), (ifmap_w, filter_w, pad_w, dilation_w, stride_w) = sides
    return ConvShape(
        ifmap_h, ifmap_w, filter_h, filter_w, channels, filters, stride_h, stride_w, pad_h, pad_w, dilation_h,
        dilation_w, groups, ceil_output=draw(st.booleans()),
    )  # fmt: skip


@st.composite
def small_layers(draw: st.DrawFn) -> Layer:
    """Return layers of every type, of at most a few thousand MACs, dimensions of 1 among them."""
    kind = draw(st.sampled_from(["conv", "conv", "conv", "dw", "fc", "gemm", "matmul"]))
    batch = draw(st.integers(1, 2))
    shape: ConvShape | GemmShape
    if kind in {"gemm", "matmul"}:
        sizes = st.integers(1, 14)
        shape = GemmShape(m=draw(sizes), n=draw(sizes), k=draw(sizes), groups=draw(st.integers(1, 3)))
    else:
        shape = draw(small_convolutions(kind).filter(lambda each: each.ofmap_h * each.ofmap_w <= 16))
    return Layer("layer", 0, kind, shape, batch)  # type: ignore[arg-type]
