"""What SCALE-Sim can run, and what it fails on (docs/scalesim.md, Refused): checked before anything is written."""

from __future__ import annotations

from dataclasses import replace

from cyclesim.demand import Demand, demand
from cyclesim.errors import BadInput
from cyclesim.hardware import Hardware, Scratchpad
from cyclesim.kernels import IDLE
from cyclesim.lowering import tensor_words
from cyclesim.scalesim.buffers import MissBuffer, half_words, row_blocks
from cyclesim.scalesim_schedule import layer_schedule
from cyclesim.scalesim_versions import SCALESIM_VERSIONS
from cyclesim.workload import GemmShape, Layer, Network

LARGEST_ADDRESS = 2**53


def layer_problem(layer: Layer, hardware: Hardware) -> str | None:
    """Return why SCALE-Sim fails on a layer that it can describe, in one line, or None.

    A look at the demand is taken only where its outcome is open: with a negative offset, or with buffers so small that
    one demand row may fill them twice.
    """
    if layer_schedule(layer, hardware).cycles == 1:
        return "SCALE-Sim divides by its Total Cycles, which are 0 here: one multiplication on a 1 x 1 array in os"
    offsets = (hardware.ifmap_offset_words, hardware.filter_offset_words, hardware.ofmap_offset_words)
    user = hardware.interface_bandwidth == "USER"
    for operand, offset, words in zip(("ifmap", "filter", "ofmap"), offsets, tensor_words(layer), strict=True):
        if offset + words > LARGEST_ADDRESS:
            return f"SCALE-Sim holds addresses in doubles, which are exact up to 2^53, and the {operand} goes beyond"
        can_do_without = user and operand != "ofmap"
        if offset < 0 and not can_do_without and not _requests_anything(demand(layer, hardware), operand):
            return f"SCALE-Sim needs a request: the only address of the {operand} is -1, its marker for none"
    if not user:
        for operand, sram in (("ifmap", hardware.ifmap_sram), ("filter", hardware.filter_sram)):
            half = half_words(sram.words(8))
            if max(hardware.rows, hardware.cols) > half and _switches_twice(demand(layer, hardware), operand, sram):
                name = f"{operand.capitalize()}SramSzkB"
                return f"SCALE-Sim fails where a demand row brings over {half} new {operand} words; {name} must be more"
    return None


def _requests_anything(plan: Demand, operand: str) -> bool:
    return any(bool((block != IDLE).any()) for _, block in row_blocks(plan, operand, 0, plan.cycles))


def _switches_twice(plan: Demand, operand: str, sram: Scratchpad) -> bool:
    try:
        MissBuffer(plan, operand, sram.words(8)).serve(0, plan.cycles)
    except ZeroDivisionError:
        return True
    return False


def scalesim_machine(hardware: Hardware) -> Hardware:
    """Return the machine as its version of SCALE-Sim sees it; what SCALE-Sim does not know is left out.

    Raises
    ------
    BadInput
        If it needs a setting that the machine does not have.
    """
    model = hardware.memory_model
    buffers = {"Ifmap": hardware.ifmap_sram, "Filter": hardware.filter_sram, "Ofmap": hardware.ofmap_sram}
    for name, sram in buffers.items():
        if sram.size_bytes is None or sram.size_bytes % 1024 or sram.size_words is not None:
            raise BadInput("cyclesim", None, f"memory {model}: {name}SramSzkB must be given, and no {name}SramWords")
    if hardware.interface_bandwidth == "USER":
        bandwidth = hardware.dram_bandwidth_words_per_cycle
        if bandwidth is None or bandwidth.denominator != 1:
            raise BadInput("cyclesim", None, f"memory {model}: Bandwidth must be a whole number (got {bandwidth})")
        if hardware.scalesim_read_bandwidths is None and SCALESIM_VERSIONS[model].has_layout:
            keys = "IfmapSRAMBankBandwidth and FilterSRAMBankBandwidth of [layout]"
            raise BadInput("cyclesim", None, f"memory {model}: InterfaceBandwidth USER needs {keys}")
    return replace(
        hardware, fold_overlap="none", os_drain="shift", trim_folds=False,
        ifmap_bits=8, filter_bits=8, ofmap_bits=8, psum_bits=8,
    )  # fmt: skip


def scalesim_network(network: Network, hardware: Hardware) -> Network:
    """Return the layers as SCALE-Sim runs them: depthwise layers of its files are a layer a channel.

    Raises
    ------
    BadInput
        If SCALE-Sim cannot describe a layer, or fails on it.
    """
    layers = [part for layer in network.layers for part in _parts(layer, hardware.memory_model)]
    if any(part.index != i for i, part in enumerate(layers)) and len(layers) != len(network.layers):
        layers = [replace(part, index=i) for i, part in enumerate(layers)]
    for layer in layers:
        problem = layer_problem(layer, hardware)
        if problem is not None:
            raise BadInput("cyclesim", None, f"memory {hardware.memory_model}: layer {layer.name}: {problem}")
    return replace(network, layers=tuple(layers))


def _parts(layer: Layer, model: str) -> list[Layer]:
    shape = layer.shape
    strides = SCALESIM_VERSIONS[model].has_column_stride
    known = layer.batch == 1
    if isinstance(shape, GemmShape):
        if known and shape.groups == 1 and layer.type == "gemm":
            return [layer]
    elif known and not (shape.pad_h or shape.pad_w) and shape.dilation_h == shape.dilation_w == 1:
        rounded = replace(shape, ceil_output=True)
        same_outputs = (rounded.ofmap_h, rounded.ofmap_w) == (shape.ofmap_h, shape.ofmap_w)
        same_outputs = same_outputs and (strides or shape.stride_h == shape.stride_w)
        if same_outputs and shape.groups == 1:
            return [replace(layer, type="conv", shape=rounded)]
        if same_outputs and shape.ceil_output and layer.type == "dw":
            one = replace(rounded, channels=1, filters=shape.filters // shape.channels, groups=1)
            return [replace(layer, type="conv", shape=one)] * shape.channels
    raise BadInput(
        "cyclesim", None,
        f"memory {model}: layer {layer.name}: must be a convolution without padding, dilation, groups and batch, with "
        f"{'' if strides else 'one stride for both directions and '}output sizes that need no rounding down, or a "
        "matrix product",
    )  # fmt: skip
