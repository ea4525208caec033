"""Bytes of the material layers, and periodic textures.

A byte holds material (3 bits), shadow of a tree (1 bit) and grain (4 bits).
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.terrain.tiles import PERIOD, TILE

GRASS, GRAVEL, ASPHALT, PATCH, LINE, KERB_RED, KERB_WHITE, EARTH = range(8)
# In streets, some of these numbers stand for other materials.
PAVING, KERBSTONE, YELLOW_LINE = GRAVEL, KERB_RED, KERB_WHITE
MATERIAL_SHIFT, SHADOW = 5, 16  # a byte is material << 5 | shadow << 4 | grain
GRAINS = 16


@cache
def texture(flipped: bool = False) -> npt.NDArray[np.uint8]:
    """(256, 256) uint8 grain from 0 to 15 that is periodic: blotches of several sizes and fine noise.

    Args:
        flipped: Whether it is flipped, the last row first.
    """
    if flipped:
        return np.ascontiguousarray(texture()[::-1])
    return _noise(20170417, ((60.0, 1.0), (16.0, 0.7), (5.0, 0.6), (1.5, 0.9)))


@cache
def blotches(flipped: bool = False) -> npt.NDArray[np.uint8]:
    """(256, 256) uint8 from 0 to 15, like ``texture`` without fine noise: for worn places and clouds."""
    if flipped:
        return np.ascontiguousarray(blotches()[::-1])
    return _noise(31, ((70.0, 1.0), (28.0, 0.6), (11.0, 0.3)))


def _noise(seed: int, waves: tuple[tuple[float, float], ...]) -> npt.NDArray[np.uint8]:
    """Sum of band-limited noises of some wavelengths (in cells) and weights, equalised to values from 0 to 15."""
    side = PERIOD * TILE
    random = np.random.default_rng(seed)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    total = np.zeros((side, side))
    for wavelength, weight in waves:
        spectrum = np.fft.fft2(random.standard_normal((side, side)))
        band = np.fft.ifft2(spectrum * np.exp(-0.5 * (frequency * wavelength / 0.75) ** 2)).real
        total += weight * band / band.std()
    ranks = total.ravel().argsort().argsort()
    return (ranks * GRAINS // ranks.size).astype(np.uint8).reshape(side, side)


@cache
def plain_cells(flipped: bool = False) -> npt.NDArray[np.uint8]:
    """Cells of the shared tiles: grass with bare patches; flipped like the texture."""
    grain = texture()
    blotches = np.roll(grain, (71, 133), axis=(0, 1))
    byte = np.where((blotches == GRAINS - 1) & (grain > 9), EARTH << MATERIAL_SHIFT, GRASS << MATERIAL_SHIFT) | grain
    byte = byte[::-1] if flipped else byte
    tiles = byte.reshape(PERIOD, TILE, PERIOD, TILE).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(tiles, dtype=np.uint8).ravel()
