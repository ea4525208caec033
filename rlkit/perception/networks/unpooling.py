"""Pooling that remembers where each maximum was, and putting values back there (Badrinarayanan et al. 2017)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from rlkit.errors import UserError


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
