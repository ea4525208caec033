"""Inverse perspective mapping (Mallot, Bülthoff, Little, Bohrer 1991): from a camera image to a bird's-eye view.

On flat ground every point projects to a known position in the image, so the weights of the pixels in each cell are
computed once. A cell is the mean over its ground area, which avoids aliasing.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rlkit.capabilities import CameraMounting
from rlkit.spaces import Pixels
from rlkit.utils.jit import kernel

AHEAD = 0.75  # fraction of the view's height ahead of the vehicle, as in the driving environments
SAMPLES = 8  # points of the ground per cell and axis

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PixelMap:
    """A sparse linear map: each cell of a view is a weighted sum of pixels of an image (CSR format).

    Args:
        image_size: Height and width of the image, H and W.
        size: Height and width of the view, h and w.
        starts: (h·w + 1,) int64, index of the first entry of each cell.
        pixels: (E,) int32, index of each entry's pixel in the flattened image.
        weights: (E,) float32; those of a cell sum to the fraction of it that is visible in the image.
    """

    image_size: tuple[int, int]
    size: tuple[int, int]
    starts: npt.NDArray[np.int64]
    pixels: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]

    def __call__(self, images: Pixels) -> Pixels:
        """(N, H, W) uint8 -> (N, h, w) uint8; about 20 µs for 24×24 cells of 96×128 pixels."""
        count = len(images)
        if images.shape[1:] != self.image_size:
            raise ValueError(f"expected images of {self.image_size}, got {images.shape[1:]}")
        views = np.empty((count, *self.size), dtype=np.uint8)
        flat = np.ascontiguousarray(images).reshape(count, -1)
        _weighted_sums(flat, self.starts, self.pixels, self.weights, views.reshape(count, -1))
        return views

    @property
    def visible(self) -> npt.NDArray[np.float32]:
        """(h, w) float32, the fraction of each cell that is visible in the image."""
        summed = np.concatenate([[0.0], np.cumsum(self.weights, dtype=np.float64)])
        shares: npt.NDArray[np.float32] = (summed[self.starts[1:]] - summed[self.starts[:-1]]).astype(np.float32)
        return shares.reshape(self.size)


@kernel
def _weighted_sums(
    images: Pixels,
    starts: npt.NDArray[np.int64],
    pixels: npt.NDArray[np.int32],
    weights: npt.NDArray[np.float32],
    views: Pixels,
) -> None:
    """Compute (N, h·w) views of (N, H·W) images."""
    for n in range(len(images)):
        image = images[n]
        for cell in range(views.shape[1]):
            total = np.float32(0.5)  # rounds in the conversion to uint8
            for entry in range(starts[cell], starts[cell + 1]):
                total += weights[entry] * np.float32(image[pixels[entry]])
            views[n, cell] = np.uint8(total)


def project_ground(ahead: Floats, left: Floats, camera: CameraMounting, size: tuple[int, int]) -> tuple[Floats, ...]:
    """Project points of flat ground into the image of a pinhole camera.

    Args:
        ahead: Metres ahead of the vehicle's centre of gravity.
        left: Metres to its left.
        camera: Its mounting.
        size: Height and width of its image.

    Returns:
        Row and column, (0, 0) being the centre of the upper left pixel; NaN for points that are not in front of the
        camera.
    """
    height, width = size
    focal = 0.5 * width / np.tan(0.5 * camera.field_of_view)
    forward = ahead - camera.ahead
    cosine, sine = np.cos(camera.pitch), np.sin(camera.pitch)
    depth = forward * cosine + camera.height_above_ground * sine  # m, along the optical axis
    below = camera.height_above_ground * cosine - forward * sine  # m, perpendicular to it
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.where(depth > 0.0, 1.0 / depth, np.nan)
    row = 0.5 * height - 0.5 + focal * below * inverse
    column = 0.5 * width - 0.5 - focal * left * inverse
    return row, column


def birdview_map(
    camera: CameraMounting, image_size: tuple[int, int], size: tuple[int, int], metres_per_pixel: float
) -> PixelMap:
    """Map a camera's image to a bird's-eye view of the ground, heading up.

    The vehicle is at half the width and at `AHEAD` of the height. Ground outside of the image counts as 0.

    Args:
        camera: Its mounting.
        image_size: Height and width of its image.
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
    row, column = (part.ravel() for part in project_ground(ahead, left, camera, image_size))
    with np.errstate(invalid="ignore"):
        visible = (np.abs(row - 0.5 * image_size[0] + 0.5) <= 0.5 * image_size[0]) & (
            np.abs(column - 0.5 * image_size[1] + 0.5) <= 0.5 * image_size[1]
        )
    return _bilinear_map(image_size, size, cells[visible], row[visible], column[visible], 1.0 / SAMPLES**2)


def resize_map(image_size: tuple[int, int], size: tuple[int, int]) -> PixelMap:
    """Map an image to another size by area averaging."""
    (row, old_row, row_share), (column, old_column, column_share) = (
        _overlaps(before, after) for before, after in zip(image_size, size, strict=True)
    )
    cells = (row[:, np.newaxis] * size[1] + column).ravel()
    order = np.argsort(cells, kind="stable")
    return PixelMap(
        image_size,
        size,
        np.searchsorted(cells[order], np.arange(size[0] * size[1] + 1)).astype(np.int64),
        (old_row[:, np.newaxis] * image_size[1] + old_column).ravel()[order].astype(np.int32),
        (row_share[:, np.newaxis] * column_share).ravel()[order].astype(np.float32),
    )


def _overlaps(before: int, after: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Floats]:
    """Along one axis: index of the new cell, index of the old cell, and its fraction of the new cell."""
    edges = np.arange(after + 1) * (before / after)
    old = np.arange(before)
    overlap = np.minimum(edges[1:, np.newaxis], old + 1) - np.maximum(edges[:-1, np.newaxis], old)
    overlap[overlap < 1e-9] = 0.0
    new, covered = np.nonzero(overlap)
    return new, covered, overlap[new, covered] * (after / before)


def _bilinear_map(
    image_size: tuple[int, int], size: tuple[int, int], cells: npt.NDArray[np.int64], row: Floats, column: Floats,
    weight: float,
) -> PixelMap:  # fmt: skip
    """Distribute the weight of every sample over its four nearest pixels (bilinear), summed by cell and pixel."""
    height, width = image_size
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
        image_size,
        size,
        starts.astype(np.int64),
        (key % (height * width)).astype(np.int32),
        summed.astype(np.float32),
    )
