"""Colour jitter of whole images: brightness, contrast, saturation and hue as one 3×3 matrix and offset, then gamma."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rlkit.spaces import Pixels
from rlkit.utils.jit import kernel

Floats = npt.NDArray[np.float32]

LUMA = np.array([0.299, 0.587, 0.114])  # weights of R, G and B (ITU-R BT.601)
_GREY_AXIS = np.ones(3) / np.sqrt(3.0)


@dataclass(frozen=True)
class Colours:
    """Colour transforms of N images: `(matrix @ rgb + offset) ** gamma`, with rgb in [0, 1].

    Args:
        matrix: (N, 3, 3) float32.
        offset: (N, 3) float32.
        gamma: (N,) float32.
    """

    matrix: Floats
    offset: Floats
    gamma: Floats


def draw_colours(
    images: Pixels,
    generator: np.random.Generator,
    *,
    brightness: float = 0.0,
    contrast: float = 0.0,
    saturation: float = 0.0,
    hue: float = 0.0,
    gamma: float = 0.0,
) -> Colours:
    """Draw a colour transform for each image.

    Args:
        images: (N, H, W, 3) uint8, for their mean brightness, which contrast preserves.
        generator: Random numbers; the number of draws does not depend on the strengths.
        brightness: Maximum change b: factors from 1 / (1 + b) to 1 + b.
        contrast: As brightness, for differences from the image's mean.
        saturation: As brightness, for differences from grey.
        hue: Maximum rotation around the grey axis, as a fraction of half a turn.
        gamma: As brightness, for the exponent.
    """
    count = len(images)
    draws = 2.0 * generator.random((5, count)) - 1.0
    lights, contrasts, saturations = (
        (1.0 + strength) ** draw for strength, draw in zip((brightness, contrast, saturation), draws, strict=False)
    )
    angles = np.pi * hue * draws[3]
    grey = np.tile(LUMA, (3, 1))
    saturate = saturations[:, None, None] * np.eye(3) + (1.0 - saturations[:, None, None]) * grey
    matrix = lights[:, None, None] * contrasts[:, None, None] * (_hue_rotations(angles) @ saturate)
    # The mean of every 16th pixel is accurate enough.
    means = images[:, ::4, ::4].reshape(count, -1, 3).mean(axis=1) @ LUMA / 255.0
    offset = np.repeat((lights * (1.0 - contrasts) * means)[:, None], 3, axis=1)
    return Colours(matrix.astype(np.float32), offset.astype(np.float32), ((1.0 + gamma) ** draws[4]).astype(np.float32))


def _hue_rotations(angles: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(N,) radians -> (N, 3, 3) rotations around the grey axis (Rodrigues' formula)."""
    x, y, z = _GREY_AXIS
    across = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    cosines, sines = np.cos(angles)[:, None, None], np.sin(angles)[:, None, None]
    turns: npt.NDArray[np.float64] = np.eye(3) + sines * across + (1.0 - cosines) * (across @ across)
    return turns


def apply_colours(images: Pixels, colours: Colours) -> None:
    """Transform the colours of (N, H, W, 3) uint8 images in place."""
    curves = np.linspace(0.0, 1.0, 1024, dtype=np.float32)[None] ** colours.gamma[:, None]
    _mix(images, colours.matrix, colours.offset, np.rint(255.0 * curves).astype(np.uint8))


@kernel
def _mix(images: Pixels, matrix: Floats, offset: Floats, curves: Pixels) -> None:
    """Apply matrix, offset and `curves`, (N, 1024) uint8, the gamma curves. About 5 ns per pixel."""
    for n in range(len(images)):
        m, o, curve = matrix[n], offset[n], curves[n]
        rows = images[n].reshape(-1, 3)
        scale = np.float32(1023.0 / 255.0)
        shift = np.float32(1023.0)
        half = np.float32(0.5)
        top = np.float32(1023.0)
        zero = np.float32(0.0)
        for k in range(len(rows)):
            r, g, b = np.float32(rows[k, 0]), np.float32(rows[k, 1]), np.float32(rows[k, 2])
            for c in range(3):
                value = scale * (m[c, 0] * r + m[c, 1] * g + m[c, 2] * b) + shift * o[c] + half
                rows[k, c] = curve[int(min(top, max(zero, value)))]
