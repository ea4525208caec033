"""Pictures and labels at another size."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from rlkit.perception.pictures import Pixels


def resize_picture(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize a picture; where it shrinks, every pixel of it counts (no aliasing).

    Args:
        picture: (H, W, 3) uint8.
        size: Height and width wanted.

    Returns:
        (*size, 3) uint8.
    """
    if picture.shape[:2] == size:
        return picture
    return np.array(Image.fromarray(picture).resize((size[1], size[0]), Image.Resampling.BILINEAR))


def resize_labels(labels: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize labels: each pixel takes the nearest one's, for numbers of classes cannot be mixed.

    Args:
        labels: (H, W) uint8.
        size: Height and width wanted.

    Returns:
        (*size) uint8.
    """
    if labels.shape == size:
        return labels
    return np.array(Image.fromarray(labels).resize((size[1], size[0]), Image.Resampling.NEAREST))


def resize_pictures(pictures: Pixels | Sequence[Pixels], size: tuple[int, int]) -> Pixels:
    """Resize a batch of pictures: (N, H, W, 3) uint8 -> (N, *size, 3) uint8."""
    if isinstance(pictures, np.ndarray) and pictures.shape[1:3] == size:
        return pictures
    return np.stack([resize_picture(picture, size) for picture in pictures])


def resize_label_batch(labels: Pixels | Sequence[Pixels], size: tuple[int, int]) -> Pixels:
    """Resize a batch of labels: (N, H, W) uint8 -> (N, *size) uint8."""
    if isinstance(labels, np.ndarray) and labels.shape[1:] == size:
        return labels
    return np.stack([resize_labels(one, size) for one in labels])
