"""What a data set gives: labelled pictures; and what a layout tells about one on disk: files by split, and labels."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from rlkit.errors import UserError
from rlkit.segmentation.datasets.io import PICTURE_ENDINGS, Decoder, ImageFiles
from rlkit.spaces import Classes, Pixels


@dataclass(frozen=True)
class LabelledImages:
    """A batch of pictures of one size.

    Args:
        images: (B, H, W, 3) uint8, red, green, blue.
        labels: (B, H, W) uint8 class numbers; `IGNORED` where nothing is known.
        names: One per picture: its file, or how to make it again.
        conditions: One per picture: weather or sequence, by which figures are split; "" where nothing is known.
    """

    images: Pixels
    labels: Pixels
    names: tuple[str, ...]
    conditions: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)


class Dataset(Protocol):
    """Where labelled pictures come from: a folder of files or a simulator.

    `training` gives pictures to learn from, `selection` others by which the best weights are chosen, and `measured`
    yet others (a split's name) that nothing was chosen by.
    """

    name: str
    """For people: the folder, or the environment's id."""
    classes: Classes
    size: tuple[int, int]
    """Height and width of every picture it gives, in pixels."""
    splits: tuple[str, ...]
    """What `measured` takes; the first is the usual one."""
    training_pictures: int | None
    """How many there are to learn from; None where they never end."""

    def training(self, batch_size: int, generator: np.random.Generator) -> Iterator[LabelledImages]:
        """Give batches for ever, each pass in another order (files) or always new ones (simulator).

        A simulator's batch depends on nothing but the generator's state before it, so that a run can go on with any.
        """
        ...

    def selection(self) -> Iterator[LabelledImages]:
        """Give each picture of the held-out block once, the same every time."""
        ...

    def measured(self, split: str) -> Iterator[LabelledImages]:
        """Give each picture of a split once, the same every time."""
        ...


@dataclass(frozen=True)
class DatasetIndex:
    """A data set on disk, none of whose pictures has been opened yet.

    Args:
        kind: Name of its layout.
        classes: What it tells apart.
        splits: Name to pictures in order; `train` is learnt from, the first other one is the usual one to measure on.
        decode: Reads its label files.
        selection: Pictures by which the best weights are chosen, where the data set sets some apart; else a block of
            `train` is held out.
    """

    kind: str
    classes: Classes
    splits: Mapping[str, tuple[ImageFiles, ...]]
    decode: Decoder
    selection: tuple[ImageFiles, ...] = ()


class DatasetLayout(Protocol):
    """Knows how one data set lies on disk."""

    name: str
    looks_for: str
    """For people: the folders that it is recognised by."""

    def recognises(self, folder: Path) -> bool:
        """Whether a folder looks like this data set."""
        ...

    def read(self, folder: Path) -> DatasetIndex:
        """List its pictures.

        Raises:
            UserError: It is empty, or a picture lacks its labels.
        """
        ...


def _stem(path: Path) -> str:
    return path.stem


def pictures_in(folder: Path, ending: str = "") -> list[Path]:
    """The pictures of a folder in order of their names, only those whose names end with `ending` before the dot.

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
    """Match pictures with labels by their names, in order of the pictures.

    Args:
        pictures: Files.
        labels: Files.
        picture_key: What a picture is known by; its name without ending if not given.
        label_key: What labels are known by.

    Raises:
        UserError: A picture lacks its labels, labels lack their picture, or two files have the same name.
    """
    known, partners = _by_key(pictures, picture_key), _by_key(labels, label_key)
    for ours, theirs, kind, lacking in (
        (known, partners, "picture", "labels"),
        (partners, known, "label file", "picture"),
    ):
        missing = sorted(ours.keys() - theirs.keys())
        if missing:
            more = f" ({len(missing) - 1} more lack theirs)" if len(missing) > 1 else ""
            raise UserError(f"The {kind} {ours[missing[0]]} has no {lacking}: pictures and labels go by name.{more}")
    return [(path, partners[key]) for key, path in known.items()]


def _by_key(paths: Iterable[Path], key: Callable[[Path], str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in paths:
        other = found.setdefault(key(path), path)
        if other is not path:
            raise UserError(f"{other} and {path} have the same name: one of them has to go.")
    return found
