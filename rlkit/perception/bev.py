"""From the camera's picture to a map of the ground: which pixels each cell of a bird's view looks at, worked out once.

Inverse perspective mapping (Mallot, Bülthoff, Little, Bohrer 1991): where the ground is flat, every point of it stands
at a known place in the picture. A cell is the mean over its ground, so that near cells, which many pixels show, do
not flicker, and far ones, which share a pixel, blend into each other.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rlkit.capabilities import CameraMounting
from rlkit.spaces import Pixels
from rlkit.utils.jit import kernel

AHEAD = 0.75  # share of a bird's view that lies ahead of the vehicle, as driving environments draw theirs
SAMPLES = 8  # points of the ground per cell and axis

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PixelMap:
    """Makes each cell of a view a weighted sum of pixels of a picture.

    Args:
        picture_size: Height and width of the picture, H and W.
        size: Height and width of the view, h and w.
        starts: (h·w + 1,) int64, where the entries of each cell begin.
        pixels: (E,) int32, which pixel of the flattened picture each entry looks at.
        weights: (E,) float32; those of a cell sum to the share of it that the picture shows.
    """

    picture_size: tuple[int, int]
    size: tuple[int, int]
    starts: npt.NDArray[np.int64]
    pixels: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]

    def __call__(self, pictures: Pixels) -> Pixels:
        """(N, H, W) uint8 -> (N, h, w) uint8; about 20 µs for a bird's view of 24×24 from 96×128 pixels."""
        count = len(pictures)
        if pictures.shape[1:] != self.picture_size:
            raise ValueError(f"pictures of {self.picture_size} are expected, not {pictures.shape[1:]}")
        views = np.empty((count, *self.size), dtype=np.uint8)
        flat = np.ascontiguousarray(pictures).reshape(count, -1)
        _weigh(flat, self.starts, self.pixels, self.weights, views.reshape(count, -1))
        return views

    @property
    def visible(self) -> npt.NDArray[np.float32]:
        """(h, w) float32, the share of each cell that the picture shows."""
        summed = np.concatenate([[0.0], np.cumsum(self.weights, dtype=np.float64)])
        shares: npt.NDArray[np.float32] = (summed[self.starts[1:]] - summed[self.starts[:-1]]).astype(np.float32)
        return shares.reshape(self.size)


@kernel
def _weigh(
    pictures: Pixels,
    starts: npt.NDArray[np.int64],
    pixels: npt.NDArray[np.int32],
    weights: npt.NDArray[np.float32],
    views: Pixels,
) -> None:
    """Write (N, h·w) views of (N, H·W) pictures."""
    for n in range(len(pictures)):
        picture = pictures[n]
        for cell in range(views.shape[1]):
            total = np.float32(0.5)  # so that cutting off the fraction rounds
            for entry in range(starts[cell], starts[cell + 1]):
                total += weights[entry] * np.float32(picture[pixels[entry]])
            views[n, cell] = np.uint8(total)


def ground_in_picture(ahead: Floats, left: Floats, camera: CameraMounting, size: tuple[int, int]) -> tuple[Floats, ...]:
    """Where a pinhole shows points of flat ground.

    Args:
        ahead: Of the vehicle's centre of gravity, in metres.
        left: Of it, in metres.
        camera: How it is mounted.
        size: Height and width of its picture.

    Returns:
        Row and column, the centre of the upper left pixel being (0, 0); NaN for what lies beside or behind the camera.
    """
    height, width = size
    focal = 0.5 * width / np.tan(0.5 * camera.field_of_view)
    forward = ahead - camera.ahead
    cosine, sine = np.cos(camera.pitch), np.sin(camera.pitch)
    depth = forward * cosine + camera.height_above_ground * sine  # along the camera's axis
    below = camera.height_above_ground * cosine - forward * sine  # the axis
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.where(depth > 0.0, 1.0 / depth, np.nan)
    row = 0.5 * height - 0.5 + focal * below * inverse
    column = 0.5 * width - 0.5 - focal * left * inverse
    return row, column


def birds_view(
    camera: CameraMounting, picture_size: tuple[int, int], size: tuple[int, int], metres_per_pixel: float
) -> PixelMap:
    """Map a camera's picture to the ground as seen from above by a vehicle that drives upwards.

    The vehicle stands at half the width and at `AHEAD` of the height. Ground that the camera does not see counts as 0.

    Args:
        camera: How it is mounted.
        picture_size: Height and width of its picture.
        size: Height and width of the view.
        metres_per_pixel: Of the view.
    """
    height, width = size
    fine = (np.arange(SAMPLES) + 0.5) / SAMPLES
    down = (np.arange(height)[:, np.newaxis] + fine).ravel()
    across = (np.arange(width)[:, np.newaxis] + fine).ravel()
    ahead, left = np.meshgrid(
        (AHEAD * height - down) * metres_per_pixel, (0.5 * width - across) * metres_per_pixel, indexing="ij"
    )
    cells = (down.astype(np.int64)[:, np.newaxis] * width + across.astype(np.int64)).ravel()
    row, column = (part.ravel() for part in ground_in_picture(ahead, left, camera, picture_size))
    with np.errstate(invalid="ignore"):
        seen = (np.abs(row - 0.5 * picture_size[0] + 0.5) <= 0.5 * picture_size[0]) & (
            np.abs(column - 0.5 * picture_size[1] + 0.5) <= 0.5 * picture_size[1]
        )
    return _made(picture_size, size, cells[seen], row[seen], column[seen], 1.0 / SAMPLES**2)


def smaller_view(picture_size: tuple[int, int], size: tuple[int, int]) -> PixelMap:
    """Map a picture to one of another size, each cell the mean over what it covers."""
    (row, old_row, row_share), (column, old_column, column_share) = (
        _overlaps(before, after) for before, after in zip(picture_size, size, strict=True)
    )
    cells = (row[:, np.newaxis] * size[1] + column).ravel()
    order = np.argsort(cells, kind="stable")
    return PixelMap(
        picture_size,
        size,
        np.searchsorted(cells[order], np.arange(size[0] * size[1] + 1)).astype(np.int64),
        (old_row[:, np.newaxis] * picture_size[1] + old_column).ravel()[order].astype(np.int32),
        (row_share[:, np.newaxis] * column_share).ravel()[order].astype(np.float32),
    )


def _overlaps(before: int, after: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Floats]:
    """Along one axis: which new cell covers which old one, and the share of the new one that it is."""
    edges = np.arange(after + 1) * (before / after)
    old = np.arange(before)
    overlap = np.minimum(edges[1:, np.newaxis], old + 1) - np.maximum(edges[:-1, np.newaxis], old)
    overlap[overlap < 1e-9] = 0.0
    new, covered = np.nonzero(overlap)
    return new, covered, overlap[new, covered] * (after / before)


def _made(
    picture_size: tuple[int, int], size: tuple[int, int], cells: npt.NDArray[np.int64], row: Floats, column: Floats,
    weight: float,
) -> PixelMap:  # fmt: skip
    """Share the weight of every sample between the four pixels around its place, and sum by cell and pixel."""
    height, width = picture_size
    row, column = np.clip(row, 0.0, height - 1.0), np.clip(column, 0.0, width - 1.0)
    top = np.minimum(row.astype(np.int64), max(0, height - 2))
    side = np.minimum(column.astype(np.int64), max(0, width - 2))
    keys, weights = [], []
    for step_down, step_aside in ((0, 0), (0, 1), (1, 0), (1, 1)):
        down = 1.0 - np.abs(row - (top + step_down))
        aside = 1.0 - np.abs(column - (side + step_aside))
        pixel = np.minimum(top + step_down, height - 1) * width + np.minimum(side + step_aside, width - 1)
        keys.append(cells * (height * width) + pixel)
        weights.append(weight * np.clip(down, 0.0, 1.0) * np.clip(aside, 0.0, 1.0))
    key, place = np.unique(np.concatenate(keys), return_inverse=True)
    summed = np.bincount(place.ravel(), np.concatenate(weights), minlength=len(key))
    kept = summed > 0.0
    key, summed = key[kept], summed[kept]
    starts = np.searchsorted(key // (height * width), np.arange(size[0] * size[1] + 1))
    return PixelMap(
        picture_size,
        size,
        starts.astype(np.int64),
        (key % (height * width)).astype(np.int32),
        summed.astype(np.float32),
    )
