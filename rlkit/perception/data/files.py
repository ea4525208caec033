"""One labelled picture on disk: reading it, and saying which file is wrong with what."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from rlkit.classes import IGNORED
from rlkit.errors import UserError
from rlkit.perception.data.opening import load_picture
from rlkit.perception.pictures import Pixels

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".webp")

Decoder = Callable[[Image.Image, Path], Pixels]
"""From an opened label file (and its path, for errors) to (H, W) uint8 class numbers."""


@dataclass(frozen=True)
class PictureFiles:
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


def read_pair(files: PictureFiles, decode: Decoder) -> tuple[Pixels, Pixels]:
    """Read a picture and its labels.

    Returns:
        (H, W, 3) uint8 and (H, W) uint8.

    Raises:
        UserError: One is missing or damaged, holds something else, or they differ in size.
    """
    picture, labels = read_picture(files.picture), read_labels(files.labels, decode)
    check_sizes(files, (picture.shape[0], picture.shape[1]), (labels.shape[0], labels.shape[1]))
    return picture, labels


def check_sizes(files: PictureFiles, picture: tuple[int, int], labels: tuple[int, int]) -> None:
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
