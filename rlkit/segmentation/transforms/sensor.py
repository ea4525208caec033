"""Worse cameras: out of focus, and noisy."""

import numpy as np
import numpy.typing as npt

from rlkit.spaces import Pixels
from rlkit.utils.jit import kernel

Floats = npt.NDArray[np.float32]

_REACH = 2.5  # standard deviations of a blur beyond which nothing counts
_GRAINS = 1 << 16  # random numbers of a batch; every row takes them up at another place


def blur(images: Pixels, largest: float, generator: np.random.Generator) -> None:
    """Put half of the pictures out of focus, in place: a Gaussian blur.

    Args:
        images: (N, H, W, 3) uint8, written.
        largest: Its largest standard deviation, in pixels; drawn evenly from 0.
        generator: Draws are taken from it.
    """
    chosen = generator.random(len(images)) < 0.5
    widths = largest * generator.random(len(images))
    for n in np.flatnonzero(chosen & (widths > 0.2)):  # less than that changes no byte
        soften(images[n], gaussian(float(widths[n])))


def gaussian(deviation: float) -> Floats:
    """(2r + 1,) float32 weights of a Gaussian with a standard deviation in pixels; they sum up to 1."""
    reach = max(1, int(np.ceil(_REACH * deviation)))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    normed: Floats = (weights / weights.sum()).astype(np.float32)
    return normed


@kernel
def soften(image: Pixels, weights: Floats) -> None:
    """Blur one picture by the same weights down and across, in place; its edge is repeated outwards.

    Args:
        image: (H, W, 3) uint8.
        weights: (2r + 1,) float32.
    """
    height, width = image.shape[0], image.shape[1]
    reach = len(weights) // 2
    half = np.float32(0.5)
    middle = np.zeros((height, width, 3), dtype=np.float32)
    for i in range(height):
        for k in range(len(weights)):
            row = min(max(i + k - reach, 0), height - 1)
            for j in range(width):
                for c in range(3):
                    middle[i, j, c] += weights[k] * np.float32(image[row, j, c])
    for i in range(height):
        for j in range(width):
            for c in range(3):
                value = half
                for k in range(len(weights)):
                    value += weights[k] * middle[i, min(max(j + k - reach, 0), width - 1), c]
                image[i, j, c] = np.uint8(value)


def add_noise(images: Pixels, largest: float, generator: np.random.Generator) -> None:
    """Add noise to every value of every channel, in place, Gaussian and of another strength in each picture.

    Args:
        images: (N, H, W, 3) uint8, written.
        largest: Its largest standard deviation as a share of full scale; drawn evenly from 0.
        generator: Draws are taken from it.
    """
    deviations = (255.0 * largest * generator.random(len(images))).astype(np.float32)
    grains = generator.standard_normal(_GRAINS, dtype=np.float32)
    starts = generator.integers(_GRAINS, size=images.shape[:2])
    _sprinkle(images, deviations, grains, starts)


@kernel
def _sprinkle(images: Pixels, deviations: Floats, grains: Floats, starts: npt.NDArray[np.int64]) -> None:
    low, high, half = np.float32(0.0), np.float32(255.0), np.float32(0.5)
    for n in range(len(images)):
        for i in range(images.shape[1]):
            row = images[n, i].reshape(-1)
            grain = starts[n, i]
            for k in range(len(row)):
                grain = (grain + 1) & (len(grains) - 1)
                value = np.float32(row[k]) + deviations[n] * grains[grain] + half
                row[k] = np.uint8(min(high, max(low, value)))
