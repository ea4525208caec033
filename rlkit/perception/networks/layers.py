"""Layers of segmentation networks: input scaling, convolution blocks, unpooling, folding of batch normalisation."""

import copy
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from rlkit.errors import UserError

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # RGB in [0, 1], as published VGG16 weights expect
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


def convolution(
    inputs: int, outputs: int, kernel: int = 3, *, batch_norm: bool = True, relu: bool = True
) -> nn.Sequential:
    """A convolution that keeps height and width, then optionally batch normalisation (Ioffe, Szegedy 2015) and ReLU.

    Args:
        inputs: Input channels.
        outputs: Output channels.
        kernel: Side of the kernel, in pixels; odd.
        batch_norm: Whether to add batch normalisation.
        relu: Whether to add a ReLU.
    """
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)]
    if batch_norm:
        layers.append(nn.BatchNorm2d(outputs))
    if relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def convolutions(
    inputs: int, widths: Sequence[int], *, batch_norm: bool = True, last_relu: bool = True
) -> nn.Sequential:
    """A sequence of 3×3 convolutions.

    Args:
        inputs: Input channels.
        widths: Output channels of each convolution; empty for the identity.
        batch_norm: Whether each has batch normalisation.
        last_relu: Whether the last one has a ReLU, as the others do.
    """
    block = nn.Sequential()
    for number, width in enumerate(widths, start=1):
        block.append(convolution(inputs, width, batch_norm=batch_norm, relu=last_relu or number < len(widths)))
        inputs = width
    return block


M = TypeVar("M", bound=nn.Module)


class ImageNetScaling(nn.Module):
    """Normalise by ImageNet's mean and standard deviation: (B, 3, H, W) in [0, 1] -> about -2 to 2."""

    scale: Tensor
    shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        mean, deviation = (torch.tensor(x).view(1, 3, 1, 1) for x in (IMAGENET_MEAN, IMAGENET_DEVIATION))
        self.register_buffer("scale", 1 / deviation, persistent=False)
        self.register_buffer("shift", -mean / deviation, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 3, H, W)."""
        return torch.addcmul(self.shift, images, self.scale)


def pool(x: Tensor) -> tuple[Tensor, Tensor]:
    """2×2 max pooling with indices; an odd last row or column is dropped.

    Args:
        x: (B, C, H, W).

    Returns:
        The maxima, (B, C, H // 2, W // 2), and the index of each in its plane of H·W pixels, int64 of that shape; the
        first one on ties.

    Raises:
        UserError: H or W is below 2.
    """
    if min(x.shape[-2:]) < 2:
        raise UserError("The images are too small for this network, which halves their sides several times.")
    pooled, indices = F.max_pool2d(x, 2, return_indices=True)
    return pooled, indices


def unpool(x: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
    """Write each value to the position of the maximum that `pool` found, and 0 elsewhere.

    Args:
        x: (B, C, h, w).
        indices: Of `pool`: (B, C, h, w) int64.
        size: (H, W) of the input of `pool`.

    Returns:
        (B, C, H, W), in the memory layout of `x`.
    """
    if torch.compiler.is_compiling() or torch.are_deterministic_algorithms_enabled():
        # max_unpool2d has no ONNX operator, and torch refuses it under deterministic algorithms.
        return unpool_by_scatter(x, indices, size)
    return F.max_unpool2d(x, indices, [2, 2], output_size=size)


def unpool_by_scatter(x: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
    """`unpool` by a scatter, which ONNX supports; arguments as there."""
    height, width = size
    planes = x.new_zeros((x.shape[0], x.shape[1], height * width))
    filled = planes.scatter(2, indices.flatten(2), x.flatten(2))
    return filled.view(x.shape[0], x.shape[1], height, width)


def fold_batch_norm(network: M) -> M:
    """Copy a network for inference, with batch normalisation folded into the preceding convolution.

    Only neighbours in an `nn.Sequential` are folded, and only layers that occur once.

    Args:
        network: Not modified.

    Returns:
        A copy in evaluation mode, equal up to rounding.
    """
    copied = copy.deepcopy(network).eval()
    uses = Counter(id(child) for module in copied.modules() for child in module.children())
    for block in copied.modules():
        if not isinstance(block, nn.Sequential):
            continue
        for index in range(len(block) - 1):
            convolution, normalisation = block[index], block[index + 1]
            if (
                isinstance(convolution, nn.Conv2d)
                and isinstance(normalisation, nn.BatchNorm2d)
                and normalisation.track_running_stats
                and uses[id(convolution)] == uses[id(normalisation)] == 1
            ):
                block[index] = fuse_conv_bn_eval(convolution, normalisation)
                block[index + 1] = nn.Identity()
    return copied
