"""Frame stacking: the last frames of an image in one observation, so that it shows motion (Mnih et al. 2015)."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit.spaces import Leaf, Spaces

Array = npt.NDArray[Any]

DEFAULT_STACK = 4  # frames; Mnih et al. 2015
MAX_CHANNELS = 3  # images with more channels already contain their history or separate planes


def default_frame_stack(spaces: Spaces) -> int:
    """Choose the number of stacked frames.

    4 if all observations are images of at most 3 channels, since one frame shows no motion; else 1: vectors can contain
    speeds.

    Args:
        spaces: Unstacked.
    """
    plain = [leaf.is_picture and leaf.shape[-1] <= MAX_CHANNELS for leaf in spaces.observations.values()]
    return DEFAULT_STACK if all(plain) else 1


def stacked(leaf: Leaf, frames: int) -> Leaf:
    """Describe a leaf of stacked frames; vectors are never stacked."""
    if not leaf.is_picture or frames == 1:
        return leaf
    return replace(leaf, shape=(*leaf.shape[:-1], leaf.shape[-1] * frames), stack=frames)


def repeat_frame(frame: Array, frames: int) -> Array:
    """Fill a stack with the first frame of an episode.

    Args:
        frame: (N, H, W, C).
        frames: Number of stacked frames.

    Returns:
        (N, H, W, C × frames), a new array.
    """
    return np.tile(frame, frames)


def push_frame(stack: Array, frame: Array) -> Array:
    """Append a frame to a stack and drop the oldest.

    Args:
        stack: (N, H, W, C × frames), not modified.
        frame: (N, H, W, C), the newest.

    Returns:
        A new array of the shape of `stack`.
    """
    channels = frame.shape[-1]
    pushed = np.empty_like(stack)
    # One channel at a time: NumPy copies a last axis of a few bytes slowly.
    for channel in range(stack.shape[-1] - channels):
        pushed[..., channel] = stack[..., channel + channels]
    for channel in range(channels):
        pushed[..., channel - channels] = frame[..., channel]
    return pushed
