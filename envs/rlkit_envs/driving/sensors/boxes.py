"""Boxes as labels: for every car and cone that the camera's picture shows, its box in pixels and where it is.

Boxes are those of the pixels that were drawn: while the camera draws, each pixel keeps the number of the object that it
shows (``owners``), and each object the extent of its whole outline, also outside of the picture (``OUTLINE``).
"""

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.traffic.behaviour import CONE

# What can be told apart in a single picture: a car that stands looks like one that moves.
BOX_CLASSES = ("car", "cone")
MOST_BOXES = 16  # rows; of more objects, the nearest

# Columns of a row. Boxes are those of torchvision: x1, y1 upper left, x2, y2 lower right, so that a box of one pixel
# has a width of 1.
FIELDS = (
    "class",  # number of ``BOX_CLASSES``; -1 for a row without an object, whose other entries are 0
    "x1",  # pixels, of the visible part
    "y1",
    "x2",
    "y2",
    "truncation",  # share of the area of the box around the whole object that lies outside of the picture
    "occlusion",  # share of the object's pixels in the picture that nearer objects cover
    "distance",  # m over the ground, from the camera to the nearest point of the object
    "bearing",  # rad, of the object's middle as seen from the camera; left is positive
    "relative_speed",  # m/s, change of the distance of the object's middle; negative: it comes nearer
    "speed",  # m/s over the ground
)
EMPTY_ROW = np.array([-1.0] + [0.0] * (len(FIELDS) - 1), dtype=np.float32)

# An object as it was drawn.
OUTLINE = np.dtype(
    [
        ("left", "f8"),  # pixels, of the box around its whole projection
        ("top", "f8"),
        ("right", "f8"),
        ("bottom", "f8"),
        ("pixels", "i8"),  # number of pixels that it covered when it was drawn
    ],
    align=True,
)


def box_bounds(height: int, width: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Lowest and highest values (MOST_BOXES, F) of the boxes in a picture of this size."""
    low = {"class": -1.0, "bearing": -np.pi, "relative_speed": -np.inf}
    high = {"class": len(BOX_CLASSES) - 1.0, "x1": width, "x2": width, "y1": height, "y2": height}
    high |= {"truncation": 1.0, "occlusion": 1.0, "bearing": np.pi}
    lowest = np.array([low.get(name, 0.0) for name in FIELDS], dtype=np.float32)
    highest = np.array([high.get(name, np.inf) for name in FIELDS], dtype=np.float32)
    return np.tile(lowest, (MOST_BOXES, 1)), np.tile(highest, (MOST_BOXES, 1))


@kernel
def clear_outlines(owners: np.ndarray, outlines: np.ndarray) -> None:
    """Forget the objects of the picture before: owners (H, W) uint8, outlines (K,) records of ``OUTLINE``."""
    owners[:] = 0
    for outline in outlines:
        outline.left = outline.top = np.inf
        outline.right = outline.bottom = -np.inf
        outline.pixels = 0


@kernel
def extend_outline(outline: Record, x: float, y: float) -> None:
    """Widen an outline to a point, in pixels."""
    outline.left, outline.right = min(outline.left, x), max(outline.right, x)
    outline.top, outline.bottom = min(outline.top, y), max(outline.bottom, y)


@kernel
def visible_part(owners: np.ndarray, owner: int, outline: Record) -> tuple[int, int, int, int, int]:
    """The box x1, y1, x2, y2 of an owner's pixels, and their number; a number of 0 if there are none."""
    height, width = owners.shape
    # Far outside of the picture, or without an outline, a coordinate does not fit into an integer.
    top, bottom = int(min(height, max(0.0, outline.top))), int(min(height - 1.0, max(-1.0, outline.bottom)))
    left, right = int(min(width, max(0.0, outline.left))), int(min(width - 1.0, max(-1.0, outline.right)))
    x1, y1, x2, y2, count = width, height, 0, 0, 0
    for row in range(top, bottom + 1):
        for column in range(left, right + 1):
            if owners[row, column] == owner:
                count += 1
                x1, y1, x2, y2 = min(x1, column), min(y1, row), max(x2, column + 1), row + 1
    return x1, y1, x2, y2, count


@kernel
def write_boxes(
    boxes: np.ndarray, owners: np.ndarray, outlines: np.ndarray, others: np.ndarray, car: Record, mount_ahead: float
) -> None:
    """Write the boxes of the objects that a picture shows, the nearest first.

    Args:
        boxes: (MOST_BOXES, F) float32 of ``FIELDS``, written.
        owners: (H, W) uint8, 1 + which of the others each pixel shows; 0 for none.
        outlines: (K,) records of ``OUTLINE``.
        others: (K,) records of ``OTHER``.
        car: Record of ``CAR``.
        mount_ahead: Of the camera ahead of the car's centre of gravity, in metres.
    """
    cosine, sine = np.cos(car.heading), np.sin(car.heading)
    camera_x, camera_y = car.x + mount_ahead * cosine, car.y + mount_ahead * sine
    aside = car.lateral_velocity + mount_ahead * car.yaw_rate
    camera_vx, camera_vy = car.speed * cosine - aside * sine, car.speed * sine + aside * cosine
    for k in range(len(boxes)):
        boxes[k] = EMPTY_ROW
    found = 0
    for k in range(len(others)):
        if outlines[k].pixels == 0:
            continue
        x1, y1, x2, y2, visible = visible_part(owners, k + 1, outlines[k])
        if visible == 0:
            continue
        other = others[k]
        dx, dy = other.x - camera_x, other.y - camera_y
        distance = _distance(dx, dy, other)
        if found == len(boxes):
            if distance >= boxes[found - 1, 7]:
                continue
            found -= 1
        i = found
        while i > 0 and boxes[i - 1, 7] > distance:
            boxes[i] = boxes[i - 1]
            i -= 1
        found += 1
        row = boxes[i]
        row[0] = 1.0 if other.kind == CONE else 0.0
        row[1], row[2], row[3], row[4] = x1, y1, x2, y2
        row[5] = _truncation(outlines[k], owners.shape[0], owners.shape[1])
        row[6] = 1.0 - visible / outlines[k].pixels
        row[7] = distance
        row[8] = np.arctan2(dy * cosine - dx * sine, dx * cosine + dy * sine)
        # The heading contains the drift to the side; see ``behaviour.put_on_road``.
        along = other.heading - np.arctan2(other.lateral_speed, max(4.0, other.speed))
        vx = other.speed * np.cos(along) - other.lateral_speed * np.sin(along)
        vy = other.speed * np.sin(along) + other.lateral_speed * np.cos(along)
        row[9] = ((vx - camera_vx) * dx + (vy - camera_vy) * dy) / max(1e-6, np.sqrt(dx * dx + dy * dy))
        row[10] = np.sqrt(vx * vx + vy * vy)


@kernel
def _distance(dx: float, dy: float, other: Record) -> float:
    """From a point to the nearest point of an object on the ground, whose middle is (dx, dy) away, in metres."""
    cosine, sine = np.cos(other.heading), np.sin(other.heading)
    beyond = max(0.0, abs(dx * cosine + dy * sine) - 0.5 * other.length)
    beside = max(0.0, abs(dy * cosine - dx * sine) - 0.5 * other.width)
    return float(np.sqrt(beyond * beyond + beside * beside))


@kernel
def _truncation(outline: Record, height: int, width: int) -> float:
    """Share of the area of an outline's box that lies outside of the picture."""
    across = min(width, outline.right) - max(0.0, outline.left)
    down = min(height, outline.bottom) - max(0.0, outline.top)
    whole = (outline.right - outline.left) * (outline.bottom - outline.top)
    return float(min(1.0, max(0.0, 1.0 - across * down / whole))) if whole > 0.0 else 0.0
