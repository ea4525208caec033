"""Domain randomisation (Tobin et al. 2017) against overfitting to the renderer: class colours, haze, blotches.

These change the appearance of images; their labels stay as they are.
"""

import numpy as np
import numpy.typing as npt

from rlkit.spaces import Pixels
from rlkit.utils.jit import kernel

Floats = npt.NDArray[np.float32]

_GAIN, _LIFT = 0.45, 40.0  # maximum changes of a class's colour: factor, and offset of 255
_MAX_HAZE = 0.75  # opacity at the horizon and above
_CELLS = (64, 64)  # rows and columns of the noise on the ground, which repeats
_MAX_COVER = 0.95  # fraction of a class that is covered by blotches


def recolour(images: Pixels, labels: Pixels, share: float, generator: np.random.Generator) -> None:
    """Change the colours of each class in some images, in place.

    Args:
        images: (N, H, W, 3) uint8, modified.
        labels: (N, H, W) uint8.
        share: Probability of an image to be changed.
        generator: Random numbers.
    """
    chosen = generator.random(len(images)) < share
    gains = (1.0 + _GAIN) ** (2.0 * generator.random((len(images), 256, 3)) - 1.0)
    # Mostly lighter or darker, less of another hue.
    lifts = _LIFT * (1.4 * generator.random((len(images), 256, 1)) - 0.7 + 0.6 * generator.random((1, 256, 3)) - 0.3)
    _paint(images, labels, gains.astype(np.float32), lifts.astype(np.float32), chosen)


@kernel
def _paint(images: Pixels, labels: Pixels, gains: Floats, lifts: Floats, chosen: npt.NDArray[np.bool_]) -> None:
    low, high = np.float32(0.0), np.float32(255.0)
    for n in range(len(images)):
        if not chosen[n]:
            continue
        for i in range(labels.shape[1]):
            for j in range(labels.shape[2]):
                label = labels[n, i, j]
                for c in range(3):
                    value = gains[n, label, c] * np.float32(images[n, i, j, c]) + lifts[n, label, c]
                    images[n, i, j, c] = np.uint8(min(high, max(low, value)))


def haze(images: Pixels, share: float, generator: np.random.Generator) -> None:
    """Add haze of one grey to some images, in place: full above the horizon, decreasing below it.

    Args:
        images: (N, H, W, 3) uint8, modified.
        share: Probability of an image to be changed.
        generator: Random numbers.
    """
    count, height = len(images), images.shape[1]
    chosen: npt.NDArray[np.bool_] = generator.random(count) < share
    thickness = _MAX_HAZE * generator.random(count)
    horizon = 0.25 + 0.35 * generator.random(count)
    grey = 255.0 * (0.1 + 0.85 * generator.random((count, 1))) + 12.0 * (2.0 * generator.random((count, 3)) - 1.0)
    rows = (np.arange(height) + 0.5) / height
    # On flat ground distance is proportional to 1 / (rows below the horizon).
    below = np.maximum(0.0, rows[None] - horizon[:, None])
    opacity = thickness[:, None] ** (1.0 + 12.0 * below)
    _add_haze(images, opacity.astype(np.float32), np.clip(grey, 0.0, 255.0).astype(np.float32), chosen)


@kernel
def _add_haze(images: Pixels, opacity: Floats, grey: Floats, chosen: npt.NDArray[np.bool_]) -> None:
    one = np.float32(1.0)
    half = np.float32(0.5)
    for n in range(len(images)):
        if not chosen[n]:
            continue
        for i in range(images.shape[1]):
            share = opacity[n, i]
            for j in range(images.shape[2]):
                for c in range(3):
                    value = (one - share) * np.float32(images[n, i, j, c]) + share * grey[n, c]
                    images[n, i, j, c] = np.uint8(value + half)


def blotch(images: Pixels, labels: Pixels, share: float, generator: np.random.Generator) -> None:
    """Add blotches of one colour to some images, in place; labels do not change.

    Each class has its own coverage: snow may lie in patches on a road and everywhere beside it. The pattern is noise on
    flat ground in perspective.

    Args:
        images: (N, H, W, 3) uint8, modified.
        labels: (N, H, W) uint8.
        share: Probability of an image to be changed.
        generator: Random numbers.
    """
    count = len(images)
    chosen = generator.random(count) < share
    fine = generator.random((count, *_CELLS))
    coarse = generator.random((count, *_CELLS))
    # The sum of two uniform numbers exceeds 2 - sqrt(2 c) with probability c, for c up to 0.5.
    cover = _MAX_COVER * generator.random((count, 1)) ** 0.5 * np.minimum(1.0, 1.5 * generator.random((count, 256)))
    level = np.where(cover < 0.5, 2.0 - np.sqrt(2.0 * cover), np.sqrt(2.0 * np.maximum(1.0 - cover, 0.0)))
    opacity = np.minimum(1.0, 0.3 + 0.7 * generator.random((count, 1)) + 0.15 * generator.random((count, 256)))
    colours = 255.0 * generator.random((count, 1)) ** 0.7 + 20.0 * (2.0 * generator.random((count, 3)) - 1.0)
    horizon = 0.3 + 0.25 * generator.random(count)
    size = 2.0 ** (2.0 * generator.random(count) - 1.0)
    _add_blotches(
        images,
        labels,
        fine.astype(np.float32),
        coarse.astype(np.float32),
        level.astype(np.float32),
        opacity.astype(np.float32),
        np.clip(colours, 0.0, 255.0).astype(np.float32),
        horizon,
        size,
        chosen,
    )


@kernel
def _add_blotches(
    images: Pixels,
    labels: Pixels,
    fine: Floats,
    coarse: Floats,
    level: Floats,
    opacity: Floats,
    colours: Floats,
    horizon: npt.NDArray[np.float64],
    size: npt.NDArray[np.float64],
    chosen: npt.NDArray[np.bool_],
) -> None:
    height, width = images.shape[1], images.shape[2]
    rows, columns = fine.shape[1], fine.shape[2]
    one = np.float32(1.0)
    half = np.float32(0.5)
    for n in range(len(images)):
        if not chosen[n]:
            continue
        for i in range(height):
            below = (i + 0.5) / height - horizon[n]
            if below <= 0.01:
                continue
            distance = 1.0 / below
            ahead = 6.0 * size[n] * distance
            for j in range(width):
                across = 200.0 + 4.0 * size[n] * ((j + 0.5) / width - 0.5) * distance
                small = fine[n, int(ahead) % rows, int(across) % columns]
                large = coarse[n, int(0.27 * ahead) % rows, int(0.27 * across) % columns]
                label = labels[n, i, j]
                if small + large > level[n, label]:
                    for c in range(3):
                        value = (one - opacity[n, label]) * np.float32(images[n, i, j, c])
                        images[n, i, j, c] = np.uint8(value + opacity[n, label] * colours[n, c] + half)
