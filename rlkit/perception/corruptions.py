"""Corruptions of perception: noise of the drivable area, missed and false objects, latency and dropped frames.

Every episode draws its corruptions from its own seed, so that episodes are reproducible and policies comparable.
"""

from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rlkit.boxes import Size
from rlkit.capabilities import CameraMounting
from rlkit.perception.bev import project_ground
from rlkit.perception.config import PerceptionConfig
from rlkit.perception.objects import KIND, MIN_HEIGHT, Rows
from rlkit.spaces import Pixels

_STREAM = 0xFA17  # keeps this generator independent of others with the same seed
_OBJECT_STREAM = 0xFA18  # of missed and false objects, so that they do not change the noise of the drivable area
_GHOST_DISTANCES = (4.0, 40.0)  # m, of false objects
# Strengths at noise 1:
_JITTER = 0.12  # standard deviation of boundary displacement, in image heights
_JITTER_CELLS = (7, 9)  # rows and columns of the coarse displacement field
_BLOBS = 12.0  # mean number of flipped ellipses
_BLOB_RADIUS = (0.02, 0.12)  # in image widths
_PATCHES = 4.0  # mean number of missing rectangles
_PATCH_SIDE = (0.1, 0.4)  # in image sides
_FLIPPED = 0.35  # fraction of flipped pixels


class Corruptions:
    """Corrupts the masks and objects of N environments.

    Args:
        config: Strength of each corruption.
        num_envs: N.
        ghosts: Draws false objects; None where there are none.
    """

    def __init__(self, config: PerceptionConfig, num_envs: int, ghosts: "GhostObjects | None" = None):
        self._config = config
        self._ghosts = ghosts
        kinds = ("boundary", "blobs", "patches", "pixels")
        self._kinds = kinds if config.noise_kind == "all" else (config.noise_kind,)
        self._generators = [np.random.default_rng() for _ in range(num_envs)]
        self._object_generators = [np.random.default_rng() for _ in range(num_envs)]
        self._views: list[deque[Pixels]] = [deque(maxlen=config.latency + 1) for _ in range(num_envs)]

    @property
    def any(self) -> bool:
        """Whether any corruption of the mask or the view is enabled."""
        return self._config.noise > 0.0 or self._config.latency > 0 or self._config.dropped > 0.0

    @property
    def any_of_objects(self) -> bool:
        """Whether objects are missed, or false ones added."""
        return self._config.missed > 0.0 or self._config.ghosts > 0.0

    def reset(self, index: int, seed: int) -> None:
        """Start an episode of one environment; its corruptions depend only on the seed."""
        self._generators[index] = np.random.default_rng((seed, _STREAM))
        self._object_generators[index] = np.random.default_rng((seed, _OBJECT_STREAM))
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

    def corrupt_objects(self, index: int, rows: Rows) -> Rows:
        """Miss objects and add false ones.

        Args:
            index: Of the environment.
            rows: (K, C) rows of objects; not modified.

        Returns:
            (K', C), a new array.
        """
        generator = self._object_generators[index]
        kept = rows[rows[:, KIND] >= 0.0]
        kept = kept[generator.random(len(kept)) >= self._config.missed]
        if self._ghosts is None or self._config.ghosts == 0.0:
            return kept
        return np.concatenate([kept, self._ghosts.draw(generator.poisson(self._config.ghosts), generator)])

    def delay(self, index: int, view: Pixels) -> Pixels:
        """Apply latency and dropped frames: return the view that the policy receives at this step.

        Args:
            index: Of the environment.
            view: (h, w, C) uint8, the current view.
        """
        views = self._views[index]
        # The first view of an episode is never dropped: there is no earlier one to repeat.
        lost = bool(views) and self._config.dropped > 0.0 and self._generators[index].random() < self._config.dropped
        views.append(views[-1] if lost else view)
        return views[0]


class GhostObjects:
    """False objects: of a random kind and its typical size, on the ground in the camera's view at 4 to 40 m.

    They are at least as high as the lowest objects that count, so that they are nearer where the image is small.

    Args:
        camera: Mounting of the camera.
        image_size: Height and width of its image.
        sizes: Of each kind of objects.
    """

    def __init__(self, camera: CameraMounting, image_size: tuple[int, int], sizes: Sequence[Size]):
        self._camera = camera
        self._image_size = image_size
        self._sizes = np.array([(one.width, one.height) for one in sizes])
        self._focal = 0.5 * image_size[1] / np.tan(0.5 * camera.field_of_view)  # pixels
        near, far = _GHOST_DISTANCES
        self._farthest = np.clip(self._sizes[:, 1] * self._focal / MIN_HEIGHT, near, far)  # m, where they are lowest

    def draw(self, count: int, generator: np.random.Generator) -> Rows:
        """Draw `count` objects: (count, C) rows."""
        height, width = self._image_size
        kinds = generator.integers(len(self._sizes), size=count)
        distances = generator.uniform(_GHOST_DISTANCES[0], self._farthest[kinds])
        bearings = generator.uniform(-0.5, 0.5, count) * self._camera.field_of_view
        ahead, left = self._camera.ahead + distances * np.cos(bearings), distances * np.sin(bearings)
        row, column = project_ground(ahead, left, self._camera, self._image_size)
        wide, high = (self._sizes[kinds] * (self._focal / distances)[:, np.newaxis]).T
        corners = [column + 0.5 - 0.5 * wide, row + 0.5 - high, column + 0.5 + 0.5 * wide, row + 0.5]
        x1, y1, x2, y2 = (np.clip(side, 0, end) for side, end in zip(corners, (width, height) * 2, strict=True))
        drawn: Rows = np.stack([kinds, x1, y1, x2, y2, distances], axis=1).astype(np.float32)
        return drawn


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
