"""Random crop, scale and horizontal flip of labelled images, in one pass over the output pixels."""

import numpy as np
import numpy.typing as npt

from rlkit.spaces import IGNORED, Pixels
from rlkit.utils.jit import kernel

_GREY = 127  # colour of pixels beyond the image


def draw_windows(
    count: int,
    size: tuple[int, int],
    wanted: tuple[int, int],
    scale: tuple[float, float],
    flip: float,
    generator: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Draw the window and flip of each image.

    Args:
        count: N.
        size: Height and width of the images.
        wanted: Height and width of the output.
        scale: Smallest and largest magnification; log-uniform.
        flip: Probability of a horizontal flip.
        generator: Random numbers.

    Returns:
        (N, 4): source row and column of the first output pixel's centre, then source pixels per output pixel down and
        to the right (negative if flipped). A window smaller than the image lies within it, else the image lies within
        the window.
    """
    low, high = np.log(scale[0]), np.log(scale[1])
    step = np.exp(-(low + (high - low) * generator.random(count)))
    windows = np.empty((count, 4))
    for axis in range(2):
        spare = size[axis] - wanted[axis] * step
        first = spare * generator.random(count)
        first = np.where(step == 1.0, np.rint(first), first)  # unscaled crops need no interpolation
        windows[:, axis] = first + (step - 1.0) / 2.0
    windows[:, 2] = step
    mirrored = generator.random(count) < flip
    windows[:, 1] = np.where(mirrored, windows[:, 1] + (wanted[1] - 1) * step, windows[:, 1])
    windows[:, 3] = np.where(mirrored, -step, step)
    return windows


@kernel
def cut_windows(
    images: Pixels, labels: Pixels, windows: npt.NDArray[np.float64], out_images: Pixels, out_labels: Pixels
) -> None:
    """Resample windows of images: bilinear for pixels, nearest neighbour for labels. About 15 ns per pixel.

    Pixels beyond the image are grey, with label `IGNORED`.

    Args:
        images: (N, H, W, 3) uint8.
        labels: (N, H, W) uint8.
        windows: (N, 4) of `draw_windows`.
        out_images: (N, h, w, 3) uint8, output.
        out_labels: (N, h, w) uint8, output.
    """
    height, width = labels.shape[1], labels.shape[2]
    for n in range(len(images)):
        top, left, down, right = windows[n]
        whole = abs(right) == 1.0 and down == 1.0 and top == np.floor(top) and left == np.floor(left)
        for i in range(out_labels.shape[1]):
            y = top + i * down
            nearest_y = int(np.floor(y + 0.5))
            y0 = int(np.floor(y))
            wy = y - y0
            y1 = min(max(y0 + 1, 0), height - 1)
            y0 = min(max(y0, 0), height - 1)
            for j in range(out_labels.shape[2]):
                x = left + j * right
                nearest_x = int(np.floor(x + 0.5))
                if nearest_y < 0 or nearest_y >= height or nearest_x < 0 or nearest_x >= width:
                    out_labels[n, i, j] = IGNORED
                    for c in range(3):
                        out_images[n, i, j, c] = _GREY
                    continue
                out_labels[n, i, j] = labels[n, nearest_y, nearest_x]
                if whole:
                    for c in range(3):
                        out_images[n, i, j, c] = images[n, nearest_y, nearest_x, c]
                    continue
                x0 = int(np.floor(x))
                wx = x - x0
                x1 = min(max(x0 + 1, 0), width - 1)
                x0 = min(max(x0, 0), width - 1)
                for c in range(3):
                    above = (1.0 - wx) * images[n, y0, x0, c] + wx * images[n, y0, x1, c]
                    below = (1.0 - wx) * images[n, y1, x0, c] + wx * images[n, y1, x1, c]
                    out_images[n, i, j, c] = np.uint8((1.0 - wy) * above + wy * below + 0.5)
