"""Interfaces of data sets: labelled images, the `Dataset`, and the layout and index of one on disk."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from rlkit.boxes import Boxes
from rlkit.segmentation.datasets.coco import CocoImage
from rlkit.segmentation.datasets.io import Decoder, ImageFiles
from rlkit.spaces import Classes, Pixels


@dataclass(frozen=True)
class LabelledImages:
    """A batch of images of one size.

    Args:
        images: (B, H, W, 3) uint8, RGB.
        labels: (B, H, W) uint8 class numbers; `IGNORED` for unlabelled pixels.
        names: One per image: its file, or the episode it is from.
        conditions: One per image: weather or sequence, by which metrics are grouped; "" if unknown.
        boxes: One per image: its objects; None if the data set has no boxes.
    """

    images: Pixels
    labels: Pixels
    names: tuple[str, ...]
    conditions: tuple[str, ...]
    boxes: tuple[Boxes, ...] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def part(self, rows: slice) -> Self:
        """Some of the images."""
        return replace(
            self,
            images=self.images[rows],
            labels=self.labels[rows],
            names=self.names[rows],
            conditions=self.conditions[rows],
            boxes=None if self.boxes is None else self.boxes[rows],
        )

    def with_pixels(self, images: Pixels, labels: Pixels, windows: npt.NDArray[np.float64] | None = None) -> Self:
        """The same with other pixels.

        Args:
            images: (B, h, w, 3) uint8.
            labels: (B, h, w) uint8.
            windows: (B, 4), the windows of `transforms.geometry` that they were cut by; None if they stayed in place.
        """
        return replace(self, images=images, labels=labels)


class Dataset(Protocol):
    """A source of labelled images: a folder or a simulator.

    `training` yields training images, `selection` validation images, by which the best weights are chosen, and
    `measured` the images of a test split.
    """

    name: str
    """The folder, or the environment's id."""
    classes: Classes
    size: tuple[int, int]
    """Height and width of every image, in pixels."""
    splits: tuple[str, ...]
    """Arguments of `measured`; the first is the default."""
    training_pictures: int | None
    """Number of training images; None if unlimited."""

    def training(self, batch_size: int, generator: np.random.Generator) -> Iterator[LabelledImages]:
        """Yield batches without end: shuffled in each epoch (files), or always new (simulator).

        A simulator's batch depends only on the generator's state before it, so that a run can resume at any batch.
        """
        ...

    def selection(self) -> Iterator[LabelledImages]:
        """Yield the validation images once, the same every time."""
        ...

    def measured(self, split: str) -> Iterator[LabelledImages]:
        """Yield the images of a split once, the same every time."""
        ...


@runtime_checkable
class BoxDataset(Protocol):
    """A data set whose images may have boxes."""

    box_classes: tuple[str, ...]
    """Names of the classes of the boxes; empty if it has no boxes."""


@runtime_checkable
class CheckedDataset(Protocol):
    """A data set whose labels are not known to hold drivable pixels: those of users, not of a simulator."""

    notes: tuple[str, ...]
    """Remarks for the user."""

    def check_training(self) -> tuple[str, ...]:
        """Check the labels of the training and validation images; return warnings.

        Raises:
            UserError: There are no training images, or not one pixel is drivable.
        """
        ...

    def check_split(self, split: str) -> tuple[str, ...]:
        """Check the labels of a split; return warnings.

        Raises:
            UserError: There is no such split, or not one pixel is drivable.
        """
        ...


@dataclass(frozen=True)
class DatasetIndex:
    """The files of a data set on disk.

    Args:
        kind: Name of its layout.
        classes: Its classes.
        splits: Files by split, in order: `train` for training, the first other one is the default for evaluation.
        decode: Decodes its label files.
        selection: Files for validation, if the data set provides them; else a block of `train` is held out.
        notes: Remarks for the user.
        box_classes: Names of the classes of the boxes; empty if it has no boxes.
        boxes: The boxes of each picture, by its file; empty likewise.
    """

    kind: str
    classes: Classes
    splits: Mapping[str, tuple[ImageFiles, ...]]
    decode: Decoder
    selection: tuple[ImageFiles, ...] = ()
    notes: tuple[str, ...] = ()
    box_classes: tuple[str, ...] = ()
    boxes: Mapping[Path, CocoImage] = field(default_factory=dict)


class DatasetLayout(Protocol):
    """The folders and files of one kind of data set."""

    name: str
    structure: str
    """The folders that it is recognised by, for messages."""

    def recognises(self, folder: Path) -> bool:
        """Whether a folder has this layout."""
        ...

    def read(self, folder: Path) -> DatasetIndex:
        """List its images.

        Raises:
            UserError: It is empty, or an image lacks its labels.
        """
        ...
