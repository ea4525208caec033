"""Occupancy: which cells of a view the objects in an image occupy, as a map beside that of the drivable area.

An occupancy grid (Elfes 1989) of a single image, without memory. In the bird's-eye view an object is a rectangle on
flat ground: its near side is at the object's distance in the direction of the middle of its box, and as wide as the
foot of the box; its depth is that of its kind. Where the distance is unknown, it is that of the ground at the lower
edge of the box.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rlkit.boxes import Size
from rlkit.capabilities import CameraMounting
from rlkit.perception.bev import AHEAD
from rlkit.perception.objects import DISTANCE, KIND, X1, X2, Y1, Y2, Rows
from rlkit.spaces import Pixels
from rlkit.utils.jit import kernel

SAMPLES = 6  # points of the ground per cell and axis


class OccupancyMap(Protocol):
    """Maps the objects in images to a view."""

    def __call__(self, rows: Rows) -> Pixels:
        """Rows of objects (N, K, C) -> (N, h, w) uint8, occupied share of each cell, 0 to 255."""
        ...


class BirdviewOccupancy:
    """The bird's-eye view of `bev.birdview_map`: about 2 µs for an image with an object, at 40×32 cells of 1 m.

    Args:
        camera: Mounting of the camera.
        image_size: Height and width of its image.
        size: Height and width of the view.
        metres_per_pixel: Of the view.
        sizes: Of each kind of objects.
    """

    def __init__(
        self,
        camera: CameraMounting,
        image_size: tuple[int, int],
        size: tuple[int, int],
        metres_per_pixel: float,
        sizes: Sequence[Size],
    ):
        self._size = size
        self._metres_per_pixel = metres_per_pixel
        self._depths = np.array([one.length for one in sizes], dtype=np.float64)
        focal = 0.5 * image_size[1] / np.tan(0.5 * camera.field_of_view)
        self._geometry = np.array(
            [
                0.5 * image_size[0],
                0.5 * image_size[1],
                focal,
                camera.height_above_ground,
                np.cos(camera.pitch),
                np.sin(camera.pitch),
                camera.ahead,
            ]
        )

    def __call__(self, rows: Rows) -> Pixels:
        """Rows of objects (N, K, C) -> (N, h, w) uint8."""
        view = np.zeros((len(rows), *self._size), dtype=np.uint8)
        _occupy_ground(rows, self._geometry, self._depths, self._metres_per_pixel, view)
        return view

    def footprints(self, rows: Rows) -> npt.NDArray[np.float64]:
        """The rectangles of the objects (K, C) of one image.

        Returns:
            (K, 5): metres ahead of the vehicle's centre of gravity and to its left of the middle, direction of its
            depth in radians (left is positive), depth and width in metres; NaN without an object or a distance.
        """
        rectangles = np.full((len(rows), 5), np.nan)
        for row, rectangle in zip(rows, rectangles, strict=True):
            if row[KIND] >= 0.0:
                _place(row, self._geometry, self._depths, rectangle)
        return rectangles


class CameraOccupancy:
    """The camera's perspective at another size: a cell is occupied by the share of it that a box covers.

    Args:
        image_size: Height and width of the image.
        size: Height and width of the view.
    """

    def __init__(self, image_size: tuple[int, int], size: tuple[int, int]):
        self._size = size
        self._scale = np.array([size[0] / image_size[0], size[1] / image_size[1]])

    def __call__(self, rows: Rows) -> Pixels:
        """Rows of objects (N, K, C) -> (N, h, w) uint8."""
        view = np.zeros((len(rows), *self._size), dtype=np.uint8)
        _occupy_image(rows, self._scale, view)
        return view


@kernel
def _place(
    row: npt.NDArray[np.float32],
    geometry: npt.NDArray[np.float64],
    depths: npt.NDArray[np.float64],
    rectangle: npt.NDArray[np.float64],
) -> bool:
    """Write the rectangle of one object; False if it is nowhere on the ground. See `BirdviewOccupancy.footprints`."""
    half_height, half_width, focal, height = geometry[0], geometry[1], geometry[2], geometry[3]
    cosine, sine, mount_ahead = geometry[4], geometry[5], geometry[6]
    lower = (row[Y2] - half_height) / focal  # of the foot, at a depth of 1 along the optical axis
    forward = cosine - lower * sine
    below = sine + lower * cosine
    aside = (half_width - 0.5 * (row[X1] + row[X2])) / focal
    direction = np.arctan2(aside, forward)
    left = np.arctan2((half_width - row[X1]) / focal, forward) - direction
    right = direction - np.arctan2((half_width - row[X2]) / focal, forward)
    distance = float(row[DISTANCE])
    if np.isnan(distance):
        if below <= 0.0:
            return False  # the foot is above the horizon
        distance = height / below * np.sqrt(forward * forward + aside * aside)
    depth = depths[int(row[KIND])]
    middle = distance + 0.5 * depth
    rectangle[0] = mount_ahead + middle * np.cos(direction)
    rectangle[1] = middle * np.sin(direction)
    rectangle[2] = direction
    rectangle[3] = depth
    rectangle[4] = distance * (np.tan(left) + np.tan(right))
    return True


@kernel
def _occupy_ground(
    rows: Rows,
    geometry: npt.NDArray[np.float64],
    depths: npt.NDArray[np.float64],
    scale: float,
    view: Pixels,
) -> None:
    """Write the occupied share of each cell of (N, h, w) views at `scale` metres per cell."""
    rectangle = np.empty(5)
    height, width = view.shape[1:]
    for n in range(rows.shape[0]):
        for k in range(rows.shape[1]):
            if rows[n, k, KIND] < 0.0 or not _place(rows[n, k], geometry, depths, rectangle):
                continue
            # No rectangle is smaller than a cell, so that a cone is seen as well as a car.
            along, across = 0.5 * max(scale, rectangle[3]), 0.5 * max(scale, rectangle[4])
            cosine, sine = np.cos(rectangle[2]), np.sin(rectangle[2])
            down = abs(along * cosine) + abs(across * sine)
            aside = abs(along * sine) + abs(across * cosine)
            top = int(max(0.0, np.floor(AHEAD * height - (rectangle[0] + down) / scale)))
            bottom = int(min(height - 1.0, np.floor(AHEAD * height - (rectangle[0] - down) / scale)))
            first = int(max(0.0, np.floor(0.5 * width - (rectangle[1] + aside) / scale)))
            last = int(min(width - 1.0, np.floor(0.5 * width - (rectangle[1] - aside) / scale)))
            for i in range(top, bottom + 1):
                for j in range(first, last + 1):
                    inside = 0
                    for a in range(SAMPLES):
                        ahead = (AHEAD * height - i - (a + 0.5) / SAMPLES) * scale - rectangle[0]
                        for b in range(SAMPLES):
                            left = (0.5 * width - j - (b + 0.5) / SAMPLES) * scale - rectangle[1]
                            inside += (
                                abs(ahead * cosine + left * sine) <= along
                                and abs(left * cosine - ahead * sine) <= across
                            )
                    share = np.uint8((255 * inside) // (SAMPLES * SAMPLES))
                    view[n, i, j] = max(view[n, i, j], share)


@kernel
def _occupy_image(rows: Rows, scale: npt.NDArray[np.float64], view: Pixels) -> None:
    """Write the share of each cell of (N, h, w) views that a box covers."""
    height, width = view.shape[1:]
    for n in range(rows.shape[0]):
        for k in range(rows.shape[1]):
            row = rows[n, k]
            if row[KIND] < 0.0:
                continue
            x1, y1, x2, y2 = row[X1] * scale[1], row[Y1] * scale[0], row[X2] * scale[1], row[Y2] * scale[0]
            for i in range(int(max(0.0, y1)), int(min(height, np.ceil(y2)))):
                for j in range(int(max(0.0, x1)), int(min(width, np.ceil(x2)))):
                    covered = (min(i + 1.0, y2) - max(float(i), y1)) * (min(j + 1.0, x2) - max(float(j), x1))
                    view[n, i, j] = max(view[n, i, j], np.uint8(255.0 * covered + 0.5))
