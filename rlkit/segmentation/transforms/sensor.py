"""Camera degradation: Gaussian blur and Gaussian noise."""

import numpy as np
import numpy.typing as npt

from rlkit.spaces import Pixels
from rlkit.utils.jit import kernel

Floats = npt.NDArray[np.float32]

_REACH = 2.5  # radius of the kernel in standard deviations
_NOISE_SAMPLES = 1 << 16  # normal random numbers per batch; every row starts at a random one


def blur(images: Pixels, largest: float, generator: np.random.Generator) -> None:
    """Blur half of the images by a Gaussian, in place.

    Args:
        images: (N, H, W, 3) uint8, modified.
        largest: Maximum standard deviation in pixels; uniform from 0.
        generator: Random numbers.
    """
    chosen = generator.random(len(images)) < 0.5
    widths = largest * generator.random(len(images))
    for n in np.flatnonzero(chosen & (widths > 0.2)):  # less than that changes no byte
        convolve_separable(images[n], gaussian(float(widths[n])))


def gaussian(deviation: float) -> Floats:
    """(2r + 1,) float32, normalised Gaussian kernel; standard deviation in pixels."""
    reach = max(1, int(np.ceil(_REACH * deviation)))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    normed: Floats = (weights / weights.sum()).astype(np.float32)
    return normed


@kernel
def convolve_separable(image: Pixels, weights: Floats) -> None:
    """Convolve an image with the same weights along both axes, in place; edges are repeated.

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
    """Add Gaussian noise to every channel of every pixel, in place; its strength is drawn for each image.

    Args:
        images: (N, H, W, 3) uint8, modified.
        largest: Maximum standard deviation as a fraction of full scale; uniform from 0.
        generator: Random numbers.
    """
    deviations = (255.0 * largest * generator.random(len(images))).astype(np.float32)
    noise = generator.standard_normal(_NOISE_SAMPLES, dtype=np.float32)
    starts = generator.integers(_NOISE_SAMPLES, size=images.shape[:2])
    _add_noise(images, deviations, noise, starts)


@kernel
def _add_noise(images: Pixels, deviations: Floats, noise: Floats, starts: npt.NDArray[np.int64]) -> None:
    low, high, half = np.float32(0.0), np.float32(255.0), np.float32(0.5)
    for n in range(len(images)):
        for i in range(images.shape[1]):
            row = images[n, i].reshape(-1)
            index = starts[n, i]
            for k in range(len(row)):
                index = (index + 1) & (len(noise) - 1)
                value = np.float32(row[k]) + deviations[n] * noise[index] + half
                row[k] = np.uint8(min(high, max(low, value)))
