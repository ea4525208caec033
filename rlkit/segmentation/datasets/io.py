"""Reading and resizing labelled images; every error names the file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from rlkit.errors import UserError
from rlkit.segmentation.datasets.image_file import load_picture, load_stored
from rlkit.spaces import IGNORED, Pixels

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".webp")

Decoder = Callable[[Image.Image, Path], Pixels]
"""(opened label file, its path for errors) -> (H, W) uint8 class numbers."""


@dataclass(frozen=True)
class ImageFiles:
    """The two files of a labelled image.

    Args:
        picture: The image.
        labels: The class of each pixel.
        condition: Sequence, weather or city; "" if unknown.
    """

    picture: Path
    labels: Path
    condition: str = ""

    @property
    def name(self) -> str:
        """Stem of the image file."""
        return self.picture.stem


@dataclass(frozen=True)
class Numbers:
    """Decoder of label files with one number per pixel.

    Args:
        meaning: Number in the file to class number, or `IGNORED`. Any other number is an error.
        where: Description of the numbers, for errors.
    """

    meaning: dict[int, int]
    where: str

    def __call__(self, file: Image.Image, path: Path) -> Pixels:
        """Decode class numbers.

        Raises:
            UserError: The file is a colour image, or holds an unknown number.
        """
        if file.mode not in ("L", "P", "1", "I", "I;16"):
            raise UserError(
                f"{path} is a colour picture (mode {file.mode}); expected {self.where}: one number per pixel, "
                "grey or with a palette."
            )
        numbers = np.asarray(file)
        table = np.full(256, -1, dtype=np.int16)
        table[list(self.meaning)] = list(self.meaning.values())
        low, high = int(numbers.min()), int(numbers.max())
        classes = table[np.clip(numbers, 0, 255).astype(np.uint8)]
        if low < 0 or high > 255 or (classes < 0).any():
            wrong = low if low < 0 else high if high > 255 else int(numbers[classes < 0][0])
            raise UserError(
                f"{path} holds the class number {wrong}, which is none of {self.where}: "
                f"expected {_spans(sorted(self.meaning))}."
            )
        known: Pixels = classes.astype(np.uint8)
        return known


def same_numbers(count: int, where: str, ignored: tuple[int, ...] = (IGNORED,)) -> Numbers:
    """Decoder of label files whose numbers are the class numbers, 0 to `count` - 1, and some that are ignored."""
    return Numbers({**dict.fromkeys(ignored, IGNORED), **{number: number for number in range(count)}}, where)


def read_picture(path: Path) -> Pixels:
    """Read an image, upright: (H, W, 3) uint8, RGB.

    Raises:
        UserError: It is missing, damaged or too large.
    """
    return np.array(load_picture(path))


def read_labels(path: Path, decode: Decoder) -> Pixels:
    """Read the class of each pixel, as stored: (H, W) uint8.

    Raises:
        UserError: The file is missing, damaged, too large or compressed with loss, or holds no such labels.
    """
    return decode(load_stored(path, lossless=True), path)


def read_pair(files: ImageFiles, decode: Decoder) -> tuple[Pixels, Pixels]:
    """Read an image and its labels.

    Returns:
        (H, W, 3) uint8 and (H, W) uint8.

    Raises:
        UserError: A file is missing or damaged, the labels are unknown, or the sizes differ.
    """
    picture, labels = read_picture(files.picture), read_labels(files.labels, decode)
    check_sizes(files, (picture.shape[0], picture.shape[1]), (labels.shape[0], labels.shape[1]))
    return picture, labels


def check_sizes(files: ImageFiles, picture: tuple[int, int], labels: tuple[int, int]) -> None:
    """Check that an image and its labels have the same height and width.

    Raises:
        UserError: They differ.
    """
    if picture != labels:
        turned = ""
        if picture == labels[::-1]:
            turned = " The picture is read upright, by its EXIF orientation, and labels as they are stored."
        raise UserError(
            f"{files.picture} is {picture[1]}×{picture[0]} pixels, but its labels {files.labels} are "
            f"{labels[1]}×{labels[0]}: both must have the same size.{turned}"
        )


def _spans(numbers: list[int]) -> str:
    """Ranges of sorted integers: [0, 1, 2, 255] -> "0 to 2, 255"."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in spans)


def resize_picture(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize an image by antialiased bilinear interpolation.

    Args:
        picture: (H, W, 3) uint8.
        size: Height and width of the result.

    Returns:
        (*size, 3) uint8.
    """
    if picture.shape[:2] == size:
        return picture
    return np.array(Image.fromarray(picture).resize((size[1], size[0]), Image.Resampling.BILINEAR))


def resize_labels(labels: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize labels by nearest-neighbour interpolation.

    Args:
        labels: (H, W) uint8.
        size: Height and width of the result.

    Returns:
        (*size) uint8.
    """
    if labels.shape == size:
        return labels
    return np.array(Image.fromarray(labels).resize((size[1], size[0]), Image.Resampling.NEAREST))


def resize_pictures(pictures: Pixels | Sequence[Pixels], size: tuple[int, int]) -> Pixels:
    """Resize a batch of images: (N, H, W, 3) uint8 -> (N, *size, 3) uint8."""
    if isinstance(pictures, np.ndarray) and pictures.shape[1:3] == size:
        return pictures
    return np.stack([resize_picture(picture, size) for picture in pictures])


def resize_label_batch(labels: Pixels | Sequence[Pixels], size: tuple[int, int]) -> Pixels:
    """Resize a batch of labels: (N, H, W) uint8 -> (N, *size) uint8."""
    if isinstance(labels, np.ndarray) and labels.shape[1:] == size:
        return labels
    return np.stack([resize_labels(one, size) for one in labels])
