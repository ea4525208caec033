"""One labelled picture on disk: reading it, resizing it, and naming the file in every error."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from rlkit.errors import UserError
from rlkit.segmentation.datasets.image_file import load_picture
from rlkit.spaces import IGNORED, Pixels

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".webp")

Decoder = Callable[[Image.Image, Path], Pixels]
"""From an opened label file (and its path, for errors) to (H, W) uint8 class numbers."""


@dataclass(frozen=True)
class ImageFiles:
    """The two files of a labelled picture.

    Args:
        picture: The picture.
        labels: The class of each of its pixels.
        condition: Sequence, weather or city; "" where nothing is known.
    """

    picture: Path
    labels: Path
    condition: str = ""

    @property
    def name(self) -> str:
        """The picture's file, without its ending."""
        return self.picture.stem


@dataclass(frozen=True)
class Numbers:
    """Label files that hold a number per pixel, which a data set may count otherwise than its classes are counted.

    Args:
        meaning: Number in the file to class number, or `IGNORED`. Any other number is an error.
        where: What the numbers are called in errors, with their source.
    """

    meaning: dict[int, int]
    where: str

    def __call__(self, file: Image.Image, path: Path) -> Pixels:
        """Read class numbers.

        Raises:
            UserError: The file is a colour picture, or holds a number that means nothing.
        """
        if file.mode not in ("L", "P", "1", "I", "I;16"):
            raise UserError(
                f"{path} is a picture in colour (mode {file.mode}); {self.where} are expected: one number per pixel, "
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
                f"{_spans(sorted(self.meaning))} are expected."
            )
        known: Pixels = classes.astype(np.uint8)
        return known


def same_numbers(count: int, where: str, ignored: tuple[int, ...] = (IGNORED,)) -> Numbers:
    """Label files whose numbers are those of the classes, 0 to `count` - 1, beside some that stand for nothing."""
    return Numbers({**dict.fromkeys(ignored, IGNORED), **{number: number for number in range(count)}}, where)


def read_picture(path: Path) -> Pixels:
    """Read a picture: (H, W, 3) uint8, red, green, blue.

    Raises:
        UserError: It is missing, damaged, or larger than may be.
    """
    return np.array(load_picture(path, mode="RGB"))


def read_labels(path: Path, decode: Decoder) -> Pixels:
    """Read the class of each pixel: (H, W) uint8.

    Raises:
        UserError: It is missing, damaged, or larger than may be, or holds something else.
    """
    return decode(load_picture(path), path)


def read_pair(files: ImageFiles, decode: Decoder) -> tuple[Pixels, Pixels]:
    """Read a picture and its labels.

    Returns:
        (H, W, 3) uint8 and (H, W) uint8.

    Raises:
        UserError: One is missing or damaged, holds something else, or they differ in size.
    """
    picture, labels = read_picture(files.picture), read_labels(files.labels, decode)
    check_sizes(files, (picture.shape[0], picture.shape[1]), (labels.shape[0], labels.shape[1]))
    return picture, labels


def check_sizes(files: ImageFiles, picture: tuple[int, int], labels: tuple[int, int]) -> None:
    """Refuse a pair of files of different sizes.

    Raises:
        UserError: Height and width differ.
    """
    if picture != labels:
        raise UserError(
            f"{files.picture} is {picture[1]}×{picture[0]} pixels, but its labels {files.labels} are "
            f"{labels[1]}×{labels[0]}: both should be of one size."
        )


def _spans(numbers: list[int]) -> str:
    """Whole numbers in words: [0, 1, 2, 255] -> "0 to 2, 255"."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in spans)


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
