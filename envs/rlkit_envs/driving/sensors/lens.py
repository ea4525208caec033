"""The lens of a camera: its roll, vignette and exposure, applied to the picture."""

import numpy as np

from rlkit_envs.driving.jit import kernel


@kernel
def roll_labels(labels: np.ndarray, spare: np.ndarray, shifts: np.ndarray) -> None:
    """Move each column of labels (H, W) down by its number of rows; the outermost row is repeated."""
    height, width = labels.shape
    spare[:] = labels
    for row in range(height):
        for column in range(width):
            labels[row, column] = spare[min(height - 1, max(0, row - shifts[column])), column]


@kernel
def apply_lens(
    picture: np.ndarray, spare: np.ndarray, shifts: np.ndarray, vignette: np.ndarray, curves: np.ndarray
) -> None:
    """Roll a picture (H, W, 3) like its labels, darken its corners, and expose it; about 4 ns a pixel.

    Args:
        picture: Changed.
        spare: (H, W, 3) uint8, written.
        shifts: (W,) rows by which each column moves down.
        vignette: (H, W) uint8.
        curves: (3, 256) uint8.
    """
    height, width = picture.shape[0], picture.shape[1]
    spare[:] = picture
    for row in range(height):
        for column in range(width):
            source = min(height - 1, max(0, row - shifts[column]))
            bright = np.uint32(vignette[row, column]) + np.uint32(1)
            for c in range(3):
                value = (np.uint32(spare[source, column, c]) * bright) >> np.uint32(8)
                picture[row, column, c] = curves[c, value]
