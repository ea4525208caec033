"""Corruptions of the drivable-area mask: noise, latency and dropped frames.

Every episode draws its corruptions from its own seed, so that episodes are reproducible and policies comparable.
"""

from collections import deque

import numpy as np
import numpy.typing as npt

from rlkit.perception.config import PerceptionConfig
from rlkit.spaces import Pixels

_STREAM = 0xFA17  # keeps this generator independent of others with the same seed
# Strengths at noise 1:
_JITTER = 0.12  # standard deviation of boundary displacement, in image heights
_JITTER_CELLS = (7, 9)  # rows and columns of the coarse displacement field
_BLOBS = 12.0  # mean number of flipped ellipses
_BLOB_RADIUS = (0.02, 0.12)  # in image widths
_PATCHES = 4.0  # mean number of missing rectangles
_PATCH_SIDE = (0.1, 0.4)  # in image sides
_FLIPPED = 0.35  # fraction of flipped pixels


class Corruptions:
    """Corrupts the masks of N environments.

    Args:
        config: Strength of each corruption.
        num_envs: N.
    """

    def __init__(self, config: PerceptionConfig, num_envs: int):
        self._config = config
        kinds = ("boundary", "blobs", "patches", "pixels")
        self._kinds = kinds if config.noise_kind == "all" else (config.noise_kind,)
        self._generators = [np.random.default_rng() for _ in range(num_envs)]
        self._views: list[deque[Pixels]] = [deque(maxlen=config.latency + 1) for _ in range(num_envs)]

    @property
    def any(self) -> bool:
        """Whether any corruption is enabled."""
        return self._config.noise > 0.0 or self._config.latency > 0 or self._config.dropped > 0.0

    def reset(self, index: int, seed: int) -> None:
        """Start an episode of one environment; its corruptions depend only on the seed."""
        self._generators[index] = np.random.default_rng((seed, _STREAM))
        self._views[index].clear()

    def corrupt(self, index: int, mask: Pixels) -> Pixels:
        """Add noise to a mask.

        Args:
            index: Of the environment.
            mask: (H, W) uint8, 0 not drivable to 255 drivable; not modified.
        """
        strength = self._config.noise
        if strength == 0.0:
            return mask
        generator = self._generators[index]
        corrupted = mask
        for kind in self._kinds:
            corrupted = _NOISE[kind](corrupted, strength, generator)
        return corrupted

    def delay(self, index: int, view: Pixels) -> Pixels:
        """Apply latency and dropped frames: return the view that the policy receives at this step.

        Args:
            index: Of the environment.
            view: (h, w) uint8, the current view.
        """
        views = self._views[index]
        # The first view of an episode is never dropped: there is no earlier one to repeat.
        lost = bool(views) and self._config.dropped > 0.0 and self._generators[index].random() < self._config.dropped
        views.append(views[-1] if lost else view)
        return views[0]


def move_boundary(mask: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Displace the boundary of the area by a smooth random field."""
    height, width = mask.shape
    rows, columns = _JITTER_CELLS
    field = generator.normal(0.0, strength * _JITTER * height, (2, rows, columns)).astype(np.float32)
    down = _interpolation(rows, height) @ field @ _interpolation(columns, width).T
    row = np.clip(np.rint(np.arange(height)[:, np.newaxis] + down[0]), 0, height - 1).astype(np.intp)
    column = np.clip(np.rint(np.arange(width) + down[1]), 0, width - 1).astype(np.intp)
    moved: Pixels = mask[row, column]
    return moved


def add_blobs(mask: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Flip random ellipses."""
    height, width = mask.shape
    corrupted = mask.copy()
    rows, columns = np.ogrid[:height, :width]
    for _ in range(generator.poisson(strength * _BLOBS)):
        row, column = generator.uniform(0, height), generator.uniform(0, width)
        high, wide = generator.uniform(*_BLOB_RADIUS, 2) * width
        inside = ((rows - row) / high) ** 2 + ((columns - column) / wide) ** 2 < 1.0
        corrupted[inside] = 255 - mask[inside]
    return corrupted


def drop_patches(mask: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Set random rectangles to not drivable."""
    height, width = mask.shape
    corrupted = mask.copy()
    for _ in range(generator.poisson(strength * _PATCHES)):
        high, wide = generator.uniform(*_PATCH_SIDE, 2) * (height, width)
        row, column = generator.uniform(0, height - high), generator.uniform(0, width - wide)
        corrupted[int(row) : int(row + high), int(column) : int(column + wide)] = 0
    return corrupted


def flip_pixels(mask: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Flip single pixels."""
    wrong = generator.random(mask.shape, dtype=np.float32) < strength * _FLIPPED
    return np.where(wrong, 255 - mask, mask)


def _interpolation(before: int, after: int) -> npt.NDArray[np.float32]:
    """(after, before) float32, weights of linear interpolation from `before` to `after` points."""
    place = np.linspace(0.0, before - 1.0, after)
    return np.clip(1.0 - np.abs(place[:, np.newaxis] - np.arange(before)), 0.0, 1.0).astype(np.float32)


_NOISE = {"boundary": move_boundary, "blobs": add_blobs, "patches": drop_patches, "pixels": flip_pixels}
