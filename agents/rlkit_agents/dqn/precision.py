"""Which numbers networks compute with."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from rlkit.nn.encoders import is_small
from rlkit.nn.precision import is_quick_with_bfloat16
from rlkit.spaces import Spaces


def choose_precision(asked: str, spaces: Spaces, device: str) -> torch.dtype:
    """Float32, or bfloat16 where it was asked for or pays.

    Half as many bits pay in the convolutions of large pictures, on processors with instructions for them. Small
    networks would lose more to conversions than they gain.

    Args:
        asked: "float32", "bfloat16" or "auto".
        spaces: What is read.
        device: "cpu" or "cuda".
    """
    if asked == "auto":
        large = any(leaf.is_picture and not is_small(leaf) for leaf in spaces.observations.values())
        return torch.bfloat16 if large and is_quick_with_bfloat16(device) else torch.float32
    return torch.bfloat16 if asked == "bfloat16" else torch.float32


def computing_in(precision: torch.dtype, observations: Mapping[str, Tensor]) -> AbstractContextManager[object]:
    """Within the block, layers that gain from it compute in this type; weights stay float32."""
    if precision == torch.float32:
        return nullcontext()
    return torch.autocast(next(iter(observations.values())).device.type, precision)
