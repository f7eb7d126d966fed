"""What the published figures need to know of a network's layers: the sizes of their tensors, and resized networks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cyclesim.api import load_topology
from cyclesim.lowering import gemm_sizes, tensor_words
from cyclesim.workload import ConvShape, Layer, Network


@dataclass(frozen=True)
class Tensors:
    """A layer with the words of its tensors."""

    layer: Layer
    ifmap: int
    filter: int
    ofmap: int

    @property
    def activations(self) -> int:
        """Words of ifmap and ofmap."""
        return self.ifmap + self.ofmap

    @property
    def words(self) -> int:
        """Words of all three."""
        return self.ifmap + self.filter + self.ofmap

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return macs(self.layer)


def macs(layer: Layer) -> int:
    """Return a layer's multiply-accumulates."""
    groups, m, k, n = gemm_sizes(layer)
    return groups * m * k * n


def tensors(network: Network, *types: str) -> tuple[Tensors, ...]:
    """Return the layers with the sizes of their tensors; only those of `types` if any are given."""
    return tuple(
        Tensors(layer, *tensor_words(layer)) for layer in network.layers if not types or layer.type in types
    )


def shipped_tensors(name: str, *types: str) -> tuple[Tensors, ...]:
    """Return the layers of a shipped network with the sizes of their tensors."""
    return tensors(load_topology(name), *types)


def conv_shape(layer: Layer) -> ConvShape:
    """Return the shape of a layer that is a convolution or fully connected."""
    assert isinstance(layer.shape, ConvShape), f"{layer.name} is a {layer.type}"
    return layer.shape


def resized(network: Network, now: int, wanted: int) -> Network:
    """Return a network of convolutions for inputs of another size: all feature maps grow by wanted / now."""
    layers = []
    for layer in network.layers:
        shape = conv_shape(layer)
        sides = shape.ifmap_h * wanted, shape.ifmap_w * wanted
        assert not any(side % now for side in sides), f"{layer.name}: {sides} by {now}"
        layers.append(replace(layer, shape=replace(shape, ifmap_h=sides[0] // now, ifmap_w=sides[1] // now)))
    return replace(network, layers=tuple(layers))
