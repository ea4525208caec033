"""Interfaces of data sets of boxes: the `DetectionDataset`, and the layout and index of one on disk."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from rlkit.detection.objects import LabelledObjects, Objects
from rlkit.errors import UserError
from rlkit.segmentation.datasets.io import Decoder
from rlkit.spaces import Classes

SLACK = 1.0  # pixels that a box may lie outside of its picture by rounding


class DetectionDataset(Protocol):
    """A source of pictures with objects, such as a folder; see `segmentation.datasets.base.Dataset`.

    Without classes of pixels, all `labels` are `IGNORED`.
    """

    name: str
    """The folder, or the environment's id."""
    objects: tuple[str, ...]
    """Names of the kinds of objects."""
    classes: Classes | None
    """Classes of pixels; None if no picture has such labels."""
    has_distances: bool
    """Whether distances of objects are known."""
    size: tuple[int, int]
    """Height and width of every image, in pixels."""
    splits: tuple[str, ...]
    """Arguments of `measured`; the first is the default."""
    training_pictures: int | None
    """Number of training images; None if unlimited."""
    notes: tuple[str, ...]
    """Remarks for the user."""

    def training(self, batch_size: int, generator: np.random.Generator) -> Iterator[LabelledObjects]:
        """Yield batches without end: shuffled in each epoch (files), or always new (simulator).

        A simulator's batch depends only on the generator's state before it, so that a run can resume at any batch.
        """
        ...

    def selection(self) -> Iterator[LabelledObjects]:
        """Yield the validation images once, the same every time."""
        ...

    def measured(self, split: str) -> Iterator[LabelledObjects]:
        """Yield the images of a split once, the same every time."""
        ...


@dataclass(frozen=True)
class Box:
    """A box as a file has it.

    Args:
        corners: x1, y1, x2, y2 in pixels of the upright picture.
        kind: Number of the kind of object; -1 for ignored boxes of no kind.
        where: File and line, for messages.
        ignored: Whether it is neither learned nor measured.
        distance: In metres; NaN if unknown.
    """

    corners: tuple[float, float, float, float]
    kind: int
    where: str
    ignored: bool = False
    distance: float = math.nan

    def check_area(self) -> None:
        """Check that the box has an area.

        Raises:
            UserError: It has none.
        """
        x1, y1, x2, y2 = self.corners
        if not (x1 < x2 < math.inf and y1 < y2 < math.inf and min(x1, y1) > -math.inf):
            raise UserError(f"{self.where}: the box {shown(self.corners)} has no area: expected x1 < x2 and y1 < y2.")

    def check_inside(self, size: tuple[int, int]) -> None:
        """Check that the box lies in a picture of this height and width.

        Raises:
            UserError: It does not, by more than rounding.
        """
        x1, y1, x2, y2 = self.corners
        if min(x1, y1) < -SLACK or x2 > size[1] + SLACK or y2 > size[0] + SLACK:
            raise UserError(
                f"{self.where}: the box {shown(self.corners)} lies outside of its picture, which is "
                f"{size[1]}×{size[0]} pixels."
            )


def shown(corners: Sequence[float]) -> str:
    """A box as text."""
    return f"({', '.join(f'{number:g}' for number in corners)})"


def objects_of(boxes: Sequence[Box], size: tuple[int, int]) -> Objects:
    """The objects of a picture of this height and width, clipped to it; ignored boxes outside of it are left out.

    Raises:
        UserError: A box has no area or lies outside of the picture.
    """
    if not boxes:
        return Objects.none()
    for box in boxes:
        if not box.ignored:
            box.check_inside(size)
    corners = np.array([box.corners for box in boxes], np.float32).clip(0, np.array([size[1], size[0]] * 2, np.float32))
    made = Objects(
        corners,
        np.array([box.kind for box in boxes], np.int64),
        np.array([box.ignored for box in boxes], np.bool_),
        np.array([box.distance for box in boxes], np.float32),
    )
    return made.chosen(np.all(corners[:, 2:] > corners[:, :2], axis=1))


@dataclass(frozen=True)
class PictureFile:
    """A picture on disk with its boxes.

    Args:
        picture: The image file.
        boxes: Its boxes.
        where: File and line that name it, for messages.
        labels: File with the class of each pixel; None if there is none.
        condition: Sequence or weather; "" if unknown.
        size: Height and width that the boxes are for; None if no file says it.
    """

    picture: Path
    boxes: tuple[Box, ...]
    where: str
    labels: Path | None = None
    condition: str = ""
    size: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """Stem of the image file."""
        return self.picture.stem


@dataclass(frozen=True)
class DetectionIndex:
    """The files of a data set of boxes on disk.

    Args:
        kind: Name of its layout.
        objects: Names of the kinds of objects.
        splits: Files by split, in order: `train` for training, the first other one is the default for evaluation.
        classes: Classes of pixels; None without such labels.
        decode: Decodes the files of these labels.
        notes: Remarks for the user.
    """

    kind: str
    objects: tuple[str, ...]
    splits: Mapping[str, tuple[PictureFile, ...]]
    classes: Classes | None = None
    decode: Decoder | None = None
    notes: tuple[str, ...] = ()


class DetectionLayout(Protocol):
    """The folders and files of one kind of data set."""

    name: str
    structure: str
    """The folders that it is recognised by, for messages."""

    def recognises(self, folder: Path) -> bool:
        """Whether a folder has this layout."""
        ...

    def read(self, folder: Path) -> DetectionIndex:
        """List its pictures and boxes.

        Raises:
            UserError: A picture is missing, or a box is invalid; the message names file and line.
        """
        ...
