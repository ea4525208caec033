"""VGG16 (Simonyan, Zisserman 2015): its layers, and loading of its ImageNet weights from a file."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from rlkit.errors import UserError
from rlkit.utils import paths

WIDTHS = (64, 128, 256, 512, 512)
DEPTHS = (2, 2, 3, 3, 3)
CONVOLUTIONS = sum(DEPTHS)

Layer = dict[str, Tensor]  # parameters of one layer by name, such as weight and bias


@torch.no_grad()
def load_vgg16(network: nn.Module, path: Path) -> str:
    """Initialise a network's encoder with VGG16's weights.

    The file has torchvision's names: `features.N.weight`, `features.N.bias`, of a VGG16 with or without batch
    normalisation. Batch normalisation that only the file has is folded into the convolutions; that which only the
    network has is not modified. Dense layers (`classifier.N.…`) are loaded into `fc6` and `fc7` of FCN if sizes agree.

    Args:
        network: With VGG16's 13 convolutions in `encoders`.
        path: A safetensors file.

    Returns:
        Description of the loaded layers.

    Raises:
        UserError: The file is missing, damaged or no VGG16, or the network's encoder is not VGG16's.
    """
    ours = list(_pairs(network))
    shapes = [tuple(convolution.weight.shape) for convolution, _ in ours]
    if shapes != list(_published_shapes()):
        raise UserError(
            "VGG16's weights fit only networks with VGG16's encoder (segnet, bayesian-segnet, fcn8s, fcn32s), "
            f"not {type(network).__name__}."
        )
    tensors = _read(path)
    theirs = list(_layers(tensors, path))
    for number, ((convolution, normalisation), (weights, norm)) in enumerate(zip(ours, theirs, strict=True), start=1):
        if tuple(weights["weight"].shape) != tuple(convolution.weight.shape):
            raise UserError(
                f"{path}: convolution {number} is {tuple(weights['weight'].shape)}, "
                f"VGG16's is {tuple(convolution.weight.shape)}."
            )
        if norm is not None and normalisation is None:
            weights = _folded(weights, norm)
        assert convolution.bias is not None
        convolution.weight.copy_(weights["weight"])
        convolution.bias.copy_(weights["bias"])
        if norm is not None and normalisation is not None:
            normalisation.load_state_dict(norm, strict=False)
    loaded = f"{len(ours)} convolutions" + (" and their batch normalisation" if theirs[0][1] and ours[0][1] else "")
    dense = [name for name, number in (("fc6", 0), ("fc7", 3)) if _load_dense(network, name, tensors, number)]
    return f"{loaded}{''.join(f', {name}' for name in dense)} from {path}"


def _published_shapes() -> Iterator[tuple[int, ...]]:
    inputs = 3
    for width in itertools.chain.from_iterable([width] * depth for width, depth in zip(WIDTHS, DEPTHS, strict=True)):
        yield (width, inputs, 3, 3)
        inputs = width


def _pairs(network: nn.Module) -> Iterator[tuple[nn.Conv2d, nn.BatchNorm2d | None]]:
    """Each convolution of the encoder with its batch normalisation, in order."""
    layers = [
        layer
        for layer in getattr(network, "encoders", nn.Module()).modules()
        if isinstance(layer, nn.Conv2d | nn.BatchNorm2d)
    ]
    for layer, following in itertools.zip_longest(layers, layers[1:]):
        if isinstance(layer, nn.Conv2d):
            yield layer, following if isinstance(following, nn.BatchNorm2d) else None


def _read(path: Path) -> dict[str, Tensor]:
    try:
        paths.open_regular(path).close()  # safetensors takes a file that may not be read for a missing one
        return load_file(path)
    except FileNotFoundError as error:
        raise UserError(f"There is no file of VGG16 weights at {path}.") from error
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is not a safetensors file, or damaged: {error}.", exit_code=1) from error


def _layers(tensors: dict[str, Tensor], path: Path) -> Iterator[tuple[Layer, Layer | None]]:
    """Each convolution of the file with its batch normalisation, in order."""
    layers: dict[int, Layer] = {}
    for name, tensor in tensors.items():
        found = re.fullmatch(r"features\.(\d+)\.(\w+)", name)
        if found:
            layers.setdefault(int(found[1]), {})[found[2]] = tensor
    ordered = [layers[number] for number in sorted(layers)]
    complete = all({"weight", "bias"} <= layer.keys() for layer in ordered)
    count = sum(layer["weight"].ndim == 4 for layer in ordered) if complete else 0
    if count != CONVOLUTIONS:
        some = ", ".join(sorted(tensors)[:3]) or "nothing"
        raise UserError(
            f"{path} is no VGG16: expected {CONVOLUTIONS} convolutions as features.N.weight and features.N.bias "
            f"(torchvision's names), found {some}{', …' if len(tensors) > 3 else ''}."
        )
    for layer, following in itertools.zip_longest(ordered, ordered[1:]):
        if layer["weight"].ndim == 4:
            yield layer, following if following is not None and "running_mean" in following else None


def _folded(weights: Layer, norm: Layer) -> Layer:
    scale = norm["weight"] / torch.sqrt(norm["running_var"] + 1e-5)  # torchvision's epsilon
    return {
        "weight": weights["weight"] * scale.view(-1, 1, 1, 1),
        "bias": (weights["bias"] - norm["running_mean"]) * scale + norm["bias"],
    }


def _load_dense(network: nn.Module, name: str, tensors: dict[str, Tensor], number: int) -> bool:
    layer = getattr(network, name, None)
    weight, bias = (tensors.get(f"classifier.{number}.{part}") for part in ("weight", "bias"))
    if not isinstance(layer, nn.Conv2d) or layer.bias is None or weight is None or bias is None:
        return False
    if weight.numel() != layer.weight.numel() or bias.shape != layer.bias.shape:
        return False
    layer.weight.copy_(weight.view_as(layer.weight))
    layer.bias.copy_(bias)
    return True
