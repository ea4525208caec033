"""Layers of segmentation networks: input scaling, convolution blocks, un-pooling, folding of batch normalisation."""

import copy
from collections import Counter
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from rlkit.errors import UserError

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # red, green, blue, of 1; what published VGG16 weights expect
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


def convolution(
    inputs: int, outputs: int, kernel: int = 3, *, batch_norm: bool = True, relu: bool = True
) -> nn.Sequential:
    """A convolution that keeps height and width, then batch normalisation and ReLU unless they are not wanted.

    Args:
        inputs: Channels that come in.
        outputs: Channels that go out.
        kernel: Its side, in pixels; odd.
        batch_norm: Whether to normalise (Ioffe, Szegedy 2015).
        relu: Whether to rectify.
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
    """3×3 convolutions, one after the other.

    Args:
        inputs: Channels that come in.
        widths: Channels that each gives; none for a block that passes everything on.
        batch_norm: Whether each is normalised.
        last_relu: Whether the last one is rectified, as the others are.
    """
    block = nn.Sequential()
    for number, width in enumerate(widths, start=1):
        block.append(convolution(inputs, width, batch_norm=batch_norm, relu=last_relu or number < len(widths)))
        inputs = width
    return block


class ImageNetScaling(nn.Module):
    """Subtract ImageNet's mean colour and divide by its deviation: (B, 3, H, W) from 0 to 1 -> about -2 to 2."""

    scale: Tensor
    shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        mean, deviation = (torch.tensor(x).view(1, 3, 1, 1) for x in (IMAGENET_MEAN, IMAGENET_DEVIATION))
        self.register_buffer("scale", 1 / deviation, persistent=False)
        self.register_buffer("shift", -mean / deviation, persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Scale pictures, in one pass over their pixels."""
        return torch.addcmul(self.shift, pictures, self.scale)


def pool(x: Tensor) -> tuple[Tensor, Tensor]:
    """Take the largest of each 2×2 pixels; an odd last row or column falls away.

    Args:
        x: (B, C, H, W).

    Returns:
        The maxima (B, C, H // 2, W // 2), and where in its plane of H·W pixels each was, as int64 of that shape: the
        first one where several are equal.

    Raises:
        UserError: Nothing would be left.
    """
    if min(x.shape[-2:]) < 2:
        raise UserError("The pictures are too small for this network: it halves their sides more often than they last.")
    pooled, indices = F.max_pool2d(x, 2, return_indices=True)
    return pooled, indices


def unpool(x: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
    """Put each value where `pool` found the maximum, with zeros everywhere else.

    Args:
        x: (B, C, h, w).
        indices: Of `pool`: (B, C, h, w) int64.
        size: (H, W) of what was pooled.

    Returns:
        (B, C, H, W), in the memory layout of `x`.
    """
    if torch.compiler.is_compiling() or torch.are_deterministic_algorithms_enabled():
        # ONNX cannot express torch's own operator, and torch's switch for determinism refuses it on any device.
        return scattered(x, indices, size)
    return F.max_unpool2d(x, indices, [2, 2], output_size=size)


def scattered(x: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
    """Do what `unpool` does by a scatter, which every runtime has; arguments as there."""
    height, width = size
    planes = x.new_zeros((x.shape[0], x.shape[1], height * width))
    filled = planes.scatter(2, indices.flatten(2), x.flatten(2))
    return filled.view(x.shape[0], x.shape[1], height, width)


def folded(network: nn.Module) -> nn.Module:
    """Copy a network for inference, with each normalisation that directly follows a convolution folded into it.

    Only neighbours in an `nn.Sequential` are folded, since nothing else says which layer's output goes where; a layer
    that is used at several places stays as it is.

    Args:
        network: Any; it is not changed.

    Returns:
        A copy in evaluation mode that computes the same up to rounding.
    """
    copied = copy.deepcopy(network).eval()
    uses = Counter(id(child) for module in copied.modules() for child in module.children())
    for block in copied.modules():
        if not isinstance(block, nn.Sequential):
            continue
        for place in range(len(block) - 1):
            convolution, normalisation = block[place], block[place + 1]
            if (
                isinstance(convolution, nn.Conv2d)
                and isinstance(normalisation, nn.BatchNorm2d)
                and normalisation.track_running_stats
                and uses[id(convolution)] == uses[id(normalisation)] == 1
            ):
                block[place] = fuse_conv_bn_eval(convolution, normalisation)
                block[place + 1] = nn.Identity()
    return copied
