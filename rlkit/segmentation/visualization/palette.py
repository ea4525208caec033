"""Colours of classes, errors and uncertainty."""

import colorsys
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rlkit.spaces import IGNORED, Pixels
from rlkit.viewer.theme import TROUGH, VERMILLION, Colour

# Class names of common data sets, with colours close to those of Cityscapes that are visible on a dark background.
NAMED: dict[str, Colour] = {
    "road": (128, 94, 196),
    "drivable": (128, 94, 196),
    "direct": (128, 94, 196),
    "alternative": (86, 132, 214),
    "line": (240, 228, 110),
    "marking": (240, 228, 110),
    "kerb": (222, 86, 150),
    "pavement": (222, 104, 196),
    "sidewalk": (222, 104, 196),
    "sky": (112, 172, 226),
    "tree": (38, 122, 62),
    "vegetation": (38, 122, 62),
    "grass": (122, 184, 72),
    "terrain": (122, 184, 72),
    "gravel": (201, 172, 118),
    "building": (138, 134, 142),
    "wall": (104, 110, 150),
    "fence": (176, 138, 128),
    "pole": (208, 208, 214),
    "sign": (246, 212, 50),
    "traffic sign": (246, 212, 50),
    "traffic light": (250, 170, 30),
    "vehicle": (48, 88, 236),
    "car": (48, 88, 236),
    "truck": (32, 52, 150),
    "bus": (24, 96, 140),
    "train": (16, 120, 130),
    "motorcycle": (80, 60, 230),
    "bicycle": (168, 44, 60),
    "pedestrian": (232, 56, 70),
    "person": (232, 56, 70),
    "bicyclist": (250, 140, 44),
    "rider": (250, 140, 44),
    "obstacle": (84, 214, 206),
    "other": (76, 84, 97),
    "background": (76, 84, 97),
}
UNKNOWN: Colour = TROUGH
WRONG: Colour = VERMILLION
GOLDEN = 0.618034  # golden ratio; step from one hue to the next, so that consecutive ones differ


def class_colours(names: Sequence[str]) -> npt.NDArray[np.uint8]:
    """A colour for each class: that of `NAMED`, else one of another hue.

    Args:
        names: Names of the classes.

    Returns:
        (C, 3) uint8, all different.
    """
    colours: list[Colour] = []
    hue = 0.0
    for name in names:
        colour = NAMED.get(name.lower())
        while colour is None or colour in colours:
            red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, 0.62, 0.86)
            colour = (round(255 * red), round(255 * green), round(255 * blue))
            hue += GOLDEN
        colours.append(colour)
    return np.array(colours, dtype=np.uint8)


def paint_classes(labels: Pixels, colours: npt.NDArray[np.uint8]) -> Pixels:
    """Labels as an image: (..., H, W) uint8 -> (..., H, W, 3) uint8; unlabelled pixels are dark."""
    table = np.empty((256, 3), dtype=np.uint8)
    table[:] = UNKNOWN
    table[: len(colours)] = colours
    return table[labels]


def blend(image: Pixels, painted: Pixels, alpha: float) -> Pixels:
    """Blend two images.

    Args:
        image: (..., H, W, 3) uint8.
        painted: Of the same shape.
        alpha: Opacity of `painted`, 0 to 1.
    """
    mixed = image.astype(np.float32)
    mixed += alpha * (painted.astype(np.float32) - mixed)
    return (mixed + 0.5).astype(np.uint8)


def paint_errors(image: Pixels, labels: Pixels, truth: Pixels) -> Pixels:
    """The errors of a prediction: wrong pixels in colour over a dark grey image, unlabelled pixels dark.

    Args:
        image: (..., H, W, 3) uint8.
        labels: (..., H, W) uint8, the prediction.
        truth: (..., H, W) uint8, `IGNORED` where unlabelled.
    """
    grey = (image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32) * 0.45 + 12).astype(np.uint8)
    painted = np.repeat(grey[..., None], 3, axis=-1)
    painted[truth == IGNORED] = UNKNOWN
    painted[(labels != truth) & (truth != IGNORED)] = WRONG
    return painted


def paint_values(values: npt.NDArray[np.floating]) -> Pixels:
    """Values in [0, 1] as an image from dark to bright: (..., H, W) -> (..., H, W, 3) uint8."""
    painted: Pixels = _ramp()[(np.clip(values, 0.0, 1.0) * 255 + 0.5).astype(np.uint8)]
    return painted


def _ramp() -> npt.NDArray[np.uint8]:
    """(256, 3) uint8: matplotlib's colour map "inferno", of uniformly increasing lightness."""
    import matplotlib

    colours = np.asarray(matplotlib.colormaps["inferno"](np.arange(256)))[:, :3]
    return (255 * colours + 0.5).astype(np.uint8)
