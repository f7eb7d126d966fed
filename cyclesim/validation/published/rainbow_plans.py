"""RAINBOW's plans (VEDLIoT D3.4, table 3): how much memory each needs, and how many words it moves.

A plan keeps all filters on chip (aF), a layer's (lF) or a tile of them (tF), and a layer's activations (lA) or a tile
of them (tA); ``+p`` adds room for what comes next. The document does not say what a tile is: here it is a number of
filters with all their channels, and a number of output rows with the ifmap rows that they need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cyclesim.validation.published.layers import Tensors, conv_shape, shipped_tensors
from cyclesim.validation.published.rows import Row

MIB = 1 << 20
FILTER_PARTS = ("aF", "lF", "lF+p", "tF", "tF+p")
ACTIVATION_PARTS = ("lA", "tA", "tA+p")
PLANS = tuple(f"{filters}/{activations}" for filters in FILTER_PARTS for activations in ACTIVATION_PARTS)
"""All 15, in the order of the table but for lF+p/tA and lF/tA+p."""
TILE_FILTERS, TILE_ROWS = 8, 1


@dataclass(frozen=True)
class Tile:
    """A layer's tile [words]; `filters` and `rows` are counts, no more than the layer has."""

    filters: int
    rows: int
    filter_words: int
    activation_words: int

    @classmethod
    def of(cls, tensors: Tensors, filters: int, rows: int) -> Tile:
        """Return the tile of `filters` filters and `rows` output rows."""
        shape = conv_shape(tensors.layer)
        filters, rows = min(filters, shape.filters), min(rows, shape.ofmap_h)
        reach = shape.dilation_h * (shape.filter_h - 1) + 1
        ifmap_rows = min((rows - 1) * shape.stride_h + reach, shape.ifmap_h)
        ifmap = ifmap_rows * tensors.ifmap // shape.ifmap_h
        ofmap = rows * tensors.ofmap // shape.ofmap_h
        return cls(filters, rows, filters * tensors.filter // shape.filters, ifmap + ofmap)


def layer_bytes(
    layers: Sequence[Tensors], tile_filters: int = TILE_FILTERS, tile_rows: int = TILE_ROWS, bytes_per_word: int = 1
) -> dict[str, list[int]]:
    """Return the bytes on chip that each plan needs while each layer runs."""
    all_filters = sum(layer.filter for layer in layers)
    found: dict[str, list[int]] = {plan: [] for plan in PLANS}
    for number, layer in enumerate(layers):
        tile = Tile.of(layer, tile_filters, tile_rows)
        following = layers[number + 1].filter if number + 1 < len(layers) else 0
        filters = {
            "aF": all_filters,
            "lF": layer.filter,
            "lF+p": layer.filter + following,
            "tF": tile.filter_words,
            "tF+p": 2 * tile.filter_words,
        }
        activations = {
            "lA": layer.activations,
            "tA": tile.activation_words,
            "tA+p": 2 * tile.activation_words,
        }
        for plan in PLANS:
            kept, passing = plan.split("/")
            found[plan].append(bytes_per_word * (filters[kept] + activations[passing]))
    return found


def plan_bytes(
    layers: Sequence[Tensors], tile_filters: int = TILE_FILTERS, tile_rows: int = TILE_ROWS, bytes_per_word: int = 1
) -> dict[str, int]:
    """Return the bytes on chip that each plan needs for a network: those of its most demanding layer."""
    return {
        plan: max(sizes) for plan, sizes in layer_bytes(layers, tile_filters, tile_rows, bytes_per_word).items()
    }


def smaller_and_larger() -> list[tuple[str, str]]:
    """Return pairs of plans of which the first never needs more than the second.

    A plan never needs more than the same with ``+p``; tF <= lF <= aF and tA <= lA with the other part equal. A
    prefetched tile of activations, however, can be larger than the whole layer's.
    """
    pairs = [(f"{filters}/{small}", f"{filters}/{large}")
             for filters in FILTER_PARTS for small, large in (("tA", "lA"), ("tA", "tA+p"))]  # fmt: skip
    for activations in ACTIVATION_PARTS:
        for small, large in (("lF", "lF+p"), ("tF", "tF+p"), ("tF", "lF"), ("lF", "aF"), ("lF+p", "aF")):
            pairs.append((f"{small}/{activations}", f"{large}/{activations}"))
    return pairs


def plan_rows(
    networks: Mapping[str, Sequence[Tensors]] | None = None,
    needs: Callable[..., dict[str, int]] = plan_bytes,
) -> Iterator[Row]:
    """Yield the 15 plans' needs for a stated tile, and whether their order is as it must be."""
    names = ("mobilenet_v1", "mobilenet_v2", "resnet18", "resnet50_v1", "yolov4")
    networks = {name: shipped_tensors(name) for name in names} if networks is None else networks
    example = needs(networks["resnet50_v1"])
    for filters in FILTER_PARTS:
        sizes = " / ".join(f"{example[f'{filters}/{activations}'] / MIB:.3f}" for activations in ACTIVATION_PARTS)
        yield Row(
            "1.3", f"resnet50_v1 {filters} with lA / tA / tA+p [MiB]", sizes, "no figure", "",
            f"the document has no tile sizes; here {TILE_FILTERS} filters and {TILE_ROWS} output row", "-", False, True,
        )  # fmt: skip
    tried, wrong = 0, []
    for name, layers in networks.items():
        for tile in ((TILE_FILTERS, TILE_ROWS), (1, 1), (16, 2), (64, 7)):
            sizes_of = needs(layers, *tile)
            for small, large in smaller_and_larger():
                tried += 1
                if sizes_of[small] > sizes_of[large]:
                    wrong.append(f"{name} {small} > {large}")
    yield Row(
        "1.3", "+p never needs less; tF <= lF <= aF, tA <= lA", f"{tried - len(wrong)} of {tried}", "always",
        ", ".join(wrong[:3]) or "none", f"{len(networks)} networks, 4 tiles", "A", True, not wrong,
    )  # fmt: skip


def words_moved(
    layer: Tensors, plan: str, by_rows: bool, tile_filters: int, tile_rows: int, halo_again: bool
) -> int:
    """Return the words that cross the DRAM channel in a layer.

    Whatever is kept whole is read once. With tiles of both, one of them is read again for every tile of the other:
    the filters for every tile of rows, or the ifmap for every tile of filters. Rows that neighbouring tiles share stay
    on chip, unless `halo_again`: then every tile reads its own rows, and rows that a stride skips are not read.
    """
    filters, activations = plan.split("/")
    if activations == "lA":
        return layer.words
    ifmap = _ifmap_by_tiles(layer, tile_rows) if halo_again else layer.ifmap
    if not filters.startswith("tF"):
        return layer.filter + ifmap + layer.ofmap
    shape = conv_shape(layer.layer)
    if by_rows:
        return layer.filter * -(-shape.ofmap_h // tile_rows) + ifmap + layer.ofmap
    return layer.filter + ifmap * -(-shape.filters // tile_filters) + layer.ofmap


def _ifmap_by_tiles(layer: Tensors, tile_rows: int) -> int:
    shape = conv_shape(layer.layer)
    rows = 0
    for first in range(0, shape.ofmap_h, tile_rows):
        last = min(first + tile_rows, shape.ofmap_h) - 1
        top = first * shape.stride_h - shape.pad_h
        bottom = last * shape.stride_h - shape.pad_h + shape.dilation_h * (shape.filter_h - 1)
        rows += min(bottom, shape.ifmap_h - 1) - max(top, 0) + 1
    return rows * layer.ifmap // shape.ifmap_h


@dataclass(frozen=True)
class Comparison:
    """Words moved by the best plan for all layers and by the best plan of each layer."""

    homogeneous: int
    heterogeneous: int
    best: str

    @property
    def ratio(self) -> float:
        """How many times more words the one plan moves."""
        return self.homogeneous / self.heterogeneous


def compare(
    layers: Sequence[Tensors],
    buffer_bytes: int,
    tile_filters: int = TILE_FILTERS,
    tile_rows: int = TILE_ROWS,
    halo_again: bool = False,
) -> Comparison:
    """Return what a buffer costs with one plan for all layers and with a plan for each; one byte a word."""
    needs = layer_bytes(layers, tile_filters, tile_rows)
    whole: dict[str, int] = {}
    each: list[list[int]] = [[] for _ in layers]
    for plan in PLANS:
        for by_rows in (True, False) if plan.startswith("tF") and "tA" in plan else (True,):
            words = [words_moved(layer, plan, by_rows, tile_filters, tile_rows, halo_again) for layer in layers]
            name = f"{plan}, {'filters again for every row tile' if by_rows else 'ifmap again for every filter tile'}"
            if max(needs[plan]) <= buffer_bytes:
                whole[name if "tF" in plan and "tA" in plan else plan] = sum(words)
            for options, need, moved in zip(each, needs[plan], words, strict=True):
                if need <= buffer_bytes:
                    options.append(moved)
    best = min(whole, key=lambda name: whole[name])
    return Comparison(whole[best], sum(min(options) for options in each), best)


def heterogeneous_rows(
    layers: Sequence[Tensors] | None = None, mib: int = MIB, tile_rows: int = TILE_ROWS
) -> Iterator[Row]:
    """Compare the gain of a plan for each layer; ResNet-50 v1 by default."""
    layers = shipped_tensors("resnet50_v1") if layers is None else layers
    convolutions = [layer for layer in layers if layer.layer.type != "fc"]
    tile = f"{TILE_FILTERS} filters, {tile_rows} output row" + ("s" if tile_rows > 1 else "")
    variants = (
        ("", layers, False),
        (", halo read again", layers, True),
        (", without the classifier", convolutions, False),
        (", neither", convolutions, True),
    )
    for what, chosen, halo in variants:
        found = compare(chosen, mib, tile_rows=tile_rows, halo_again=halo)
        yield Row(
            "1.4", f"1 MB{what}", f"{found.ratio:.2f}x", "5.7x, gate 5 to 6.5", f"{found.ratio - 5.7:+.2f}",
            f"{found.homogeneous / 1e6:.1f} MB by the best one plan ({found.best}) against "
            f"{found.heterogeneous / 1e6:.1f} MB; the document does not define the tile, here {tile}",
            "A", True, 5 <= found.ratio <= 6.5,
        )  # fmt: skip
    two = compare(layers, mib, tile_rows=2)
    yield Row(
        "1.4", "1 MB, tiles of two rows", f"{two.ratio:.2f}x", "5.7x", f"{two.ratio - 5.7:+.2f}",
        "half as many passes over the filters: the ratio hangs on the tile", "A", False, 5 <= two.ratio <= 6.5,
    )  # fmt: skip
    without = [layer for layer in layers if not layer.layer.name.endswith("downsample")]
    found = compare(without, mib, tile_rows=tile_rows)
    yield Row(
        "1.4", "1 MB, without the projections", f"{found.ratio:.2f}x", "1.00x", f"{found.ratio - 1:+.2f}",
        "stage 3's projection has 1.15 MiB of activations and alone keeps tF/lA out", "A", True, found.ratio == 1,
    )  # fmt: skip
    found = compare(layers, 2 * mib, tile_rows=tile_rows)
    yield Row(
        "1.4", "2 MB", f"{found.ratio:.2f}x", "1.00x", f"{found.ratio - 1:+.2f}",
        f"{found.best} fits all layers and moves every word once", "A", True,
        found.homogeneous == found.heterogeneous,
    )  # fmt: skip
    found = compare(layers, 2 * mib, tile_rows=tile_rows, halo_again=True)
    yield Row(
        "1.4", "2 MB, halo read again", f"{found.ratio:.2f}x", "1.00x", f"{found.ratio - 1:+.2f}",
        "one-row tiles skip the ifmap rows that a strided 1x1 layer does not use", "A", False, found.ratio == 1,
    )  # fmt: skip


def rows() -> Iterator[Row]:
    """Yield all rows of sections 1.3 and 1.4."""
    yield from plan_rows()
    yield from heterogeneous_rows()
