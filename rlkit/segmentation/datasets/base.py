"""Interfaces of data sets: labelled images, the `Dataset`, and the layout and index of one on disk."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from rlkit.errors import UserError
from rlkit.segmentation.datasets.io import PICTURE_ENDINGS, Decoder, ImageFiles
from rlkit.spaces import Classes, Pixels


@dataclass(frozen=True)
class LabelledImages:
    """A batch of images of one size.

    Args:
        images: (B, H, W, 3) uint8, RGB.
        labels: (B, H, W) uint8 class numbers; `IGNORED` for unlabelled pixels.
        names: One per image: its file, or the episode it is from.
        conditions: One per image: weather or sequence, by which metrics are grouped; "" if unknown.
    """

    images: Pixels
    labels: Pixels
    names: tuple[str, ...]
    conditions: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)


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

    def check_split(self, split: str) -> None:
        """Check the labels of a split.

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
    """

    kind: str
    classes: Classes
    splits: Mapping[str, tuple[ImageFiles, ...]]
    decode: Decoder
    selection: tuple[ImageFiles, ...] = ()


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


def _stem(path: Path) -> str:
    return path.stem


def pictures_in(folder: Path, ending: str = "") -> list[Path]:
    """List the image files of a folder whose stem ends with `ending`, sorted by name.

    Raises:
        UserError: There are none.
    """
    found = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in PICTURE_ENDINGS and path.stem.endswith(ending) and not path.name.startswith(".")
    )
    if not found:
        raise UserError(f"{folder} holds no pictures ({', '.join(PICTURE_ENDINGS)}).")
    return found


def matched(
    pictures: Iterable[Path],
    labels: Iterable[Path],
    picture_key: Callable[[Path], str] = _stem,
    label_key: Callable[[Path], str] = _stem,
) -> list[tuple[Path, Path]]:
    """Match images with labels by name, in the order of the images.

    Args:
        pictures: Image files.
        labels: Label files.
        picture_key: Key of an image; by default its stem.
        label_key: Key of a label file.

    Raises:
        UserError: An image lacks its labels, labels lack their image, or two files have the same key.
    """
    by_key, partners = _by_key(pictures, picture_key), _by_key(labels, label_key)
    for ours, theirs, kind, lacking in (
        (by_key, partners, "picture", "labels"),
        (partners, by_key, "label file", "picture"),
    ):
        missing = sorted(ours.keys() - theirs.keys())
        if missing:
            more = f" ({len(missing) - 1} more lack theirs)" if len(missing) > 1 else ""
            raise UserError(
                f"The {kind} {ours[missing[0]]} has no {lacking}: pictures and labels are matched by name.{more}"
            )
    return [(path, partners[key]) for key, path in by_key.items()]


def _by_key(paths: Iterable[Path], key: Callable[[Path], str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in paths:
        other = found.setdefault(key(path), path)
        if other is not path:
            raise UserError(f"{other} and {path} have the same name: remove one of them.")
    return found
