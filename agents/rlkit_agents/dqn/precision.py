"""Which numbers the network of an agent computes with."""

import torch

from rlkit.nn.encoders import is_small
from rlkit.nn.precision import precision_for
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
    large = any(leaf.is_picture and not is_small(leaf) for leaf in spaces.observations.values())
    return torch.float32 if asked == "auto" and not large else precision_for(asked, device)
