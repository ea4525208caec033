"""What goes wrong between a camera and a driver, made on purpose: wrong masks, late ones, lost ones.

Every episode draws its faults from its own seed, so that it can be played again and two drivers meet the same ones.
"""

from collections import deque

import numpy as np
import numpy.typing as npt

from rlkit.perception.config import PerceptionConfig
from rlkit.spaces import Pixels

_STREAM = 0xFA17  # tells the generator of an episode's faults from others that are made of the same seed
_JITTER = 0.12  # of the picture's height: how far the border of the area moves at full noise
_JITTER_CELLS = (7, 9)  # of the coarse grid on which the border's movements are drawn
_BLOBS = 12.0  # wrong ellipses in a picture at full noise, on average
_BLOB_RADIUS = (0.02, 0.12)  # of the picture's width
_PATCHES = 4.0  # rectangles that are missing at full noise, on average
_PATCH_SIDE = (0.1, 0.4)  # of the picture's sides
_FLIPPED = 0.35  # share of pixels that are wrong at full noise


class Corruptions:
    """The faults of N drivers' perception.

    Args:
        config: How much of each.
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
        """Whether there are faults at all."""
        return self._config.noise > 0.0 or self._config.latency > 0 or self._config.dropped > 0.0

    def begin(self, index: int, seed: int) -> None:
        """Forget the last episode; this one's faults follow from its seed."""
        self._generators[index] = np.random.default_rng((seed, _STREAM))
        self._views[index].clear()

    def spoil(self, index: int, mask: Pixels) -> Pixels:
        """Put mistakes into what was found in a picture.

        Args:
            index: Whose picture.
            mask: (H, W) uint8, 0 not drivable to 255 drivable; left as it is.
        """
        strength = self._config.noise
        if strength == 0.0:
            return mask
        generator = self._generators[index]
        spoilt = mask
        for kind in self._kinds:
            spoilt = _MISTAKES[kind](spoilt, strength, generator)
        return spoilt

    def delay(self, index: int, view: Pixels) -> Pixels:
        """Give the view that reaches the driver now: perhaps an older one.

        Args:
            index: Whose view.
            view: (h, w) uint8, of this moment.
        """
        views = self._views[index]
        # The first view of an episode always arrives: there is none before it to be shown again.
        lost = bool(views) and self._config.dropped > 0.0 and self._generators[index].random() < self._config.dropped
        views.append(views[-1] if lost else view)
        return views[0]


def move_boundary(mask: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Move the border of the area to and fro, smoothly along its way."""
    height, width = mask.shape
    rows, columns = _JITTER_CELLS
    field = generator.normal(0.0, strength * _JITTER * height, (2, rows, columns)).astype(np.float32)
    down = _stretched(rows, height) @ field @ _stretched(columns, width).T
    row = np.clip(np.rint(np.arange(height)[:, np.newaxis] + down[0]), 0, height - 1).astype(np.intp)
    column = np.clip(np.rint(np.arange(width) + down[1]), 0, width - 1).astype(np.intp)
    moved: Pixels = mask[row, column]
    return moved


def add_blobs(mask: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Turn ellipses over: drivable becomes not drivable, and the other way round."""
    height, width = mask.shape
    spoilt = mask.copy()
    rows, columns = np.ogrid[:height, :width]
    for _ in range(generator.poisson(strength * _BLOBS)):
        row, column = generator.uniform(0, height), generator.uniform(0, width)
        high, wide = generator.uniform(*_BLOB_RADIUS, 2) * width
        inside = ((rows - row) / high) ** 2 + ((columns - column) / wide) ** 2 < 1.0
        spoilt[inside] = 255 - mask[inside]
    return spoilt


def drop_patches(mask: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Lose rectangles: nothing is found in them."""
    height, width = mask.shape
    spoilt = mask.copy()
    for _ in range(generator.poisson(strength * _PATCHES)):
        high, wide = generator.uniform(*_PATCH_SIDE, 2) * (height, width)
        row, column = generator.uniform(0, height - high), generator.uniform(0, width - wide)
        spoilt[int(row) : int(row + high), int(column) : int(column + wide)] = 0
    return spoilt


def flip_pixels(mask: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Turn single pixels over."""
    wrong = generator.random(mask.shape, dtype=np.float32) < strength * _FLIPPED
    return np.where(wrong, 255 - mask, mask)


def _stretched(before: int, after: int) -> npt.NDArray[np.float32]:
    """(after, before) float32, weights of straight-line interpolation from few places to many."""
    place = np.linspace(0.0, before - 1.0, after)
    return np.clip(1.0 - np.abs(place[:, np.newaxis] - np.arange(before)), 0.0, 1.0).astype(np.float32)


_MISTAKES = {"boundary": move_boundary, "blobs": add_blobs, "patches": drop_patches, "pixels": flip_pixels}
