"""Data augmentation by reflection, for tasks that are symmetric left to right."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit.replay.interface import Batch
from rlkit.spaces import Mirror, Observations


def mirror_every_second(batch: Batch[npt.NDArray[Any]], mirror: Mirror) -> Batch[npt.NDArray[Any]]:
    """Mirror every second transition of a batch; rows are sampled at random, so which ones does not matter.

    Args:
        batch: B transitions; not modified.
        mirror: How vectors and actions are mirrored.

    Returns:
        B transitions, half of them mirrored; returns and discounts are unchanged.
    """
    actions = batch.actions.copy()
    actions[::2] = np.array(mirror.actions)[actions[::2]]
    return replace(
        batch,
        observations=_mirrored(batch.observations, mirror),
        actions=actions,
        next_observations=_mirrored(batch.next_observations, mirror),
    )


def _mirrored(observations: Mapping[str, npt.NDArray[Any]], mirror: Mirror) -> Observations:
    leaves: Observations = {}
    for name, leaf in observations.items():
        mirrored: npt.NDArray[np.generic] = leaf.copy(order="C")
        if leaf.ndim == 4:
            _pixels(mirrored)[::2] = _pixels(leaf)[::2, :, ::-1]
        else:
            mirrored[::2] = leaf[::2] * np.array(mirror.signs[name], dtype=np.float32)
        leaves[name] = mirrored
    return leaves


def _pixels(images: npt.NDArray[np.generic]) -> npt.NDArray[np.void]:
    """View images (B, H, W, C) as (B, H, W) pixels, which are reversed as a whole.

    256 images of 24×24×2: 0.39 ms byte by byte, 0.04 ms pixel by pixel.
    """
    images = np.ascontiguousarray(images)
    pixel = np.dtype((np.void, images.shape[-1] * images.itemsize))
    return images.view(pixel)[..., 0]
