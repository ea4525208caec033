"""The layout for a user's own images."""

import os
import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlkit.errors import UserError
from rlkit.segmentation.datasets.base import DatasetIndex
from rlkit.segmentation.datasets.coco import CocoImage, read_coco
from rlkit.segmentation.datasets.io import ImageFiles, same_numbers
from rlkit.segmentation.datasets.listing import (
    TRAIN,
    composed,
    is_hidden,
    loose_pictures,
    matched,
    pictures_in,
    renamed_splits,
    split_folders,
)
from rlkit.spaces import MAX_NAME, Classes, is_word

IMAGES, MASKS, CLASSES, CONDITIONS = "images", "masks", "classes.json", "conditions.json"
BOXES = "boxes"
SELECTION = "selection"


class Own:
    """Images in `images/`, masks of class numbers under the same names in `masks/`, and the names of the classes.

        images/anything.jpg           any format
        masks/anything.png            grey or with a palette: class 0, 1, …; 255 is ignored
        classes.json                  {"names": ["grass", "road"], "drivable": ["road"]}
        conditions.json               optional: {"anything": "rain", …}, by which metrics are grouped and sequences
                                      distinguished
        boxes/train.json              optional: boxes of a split in COCO's format; `file_name` is that in `images/`

    Subfolders `images/train/`, `masks/train/`, `images/test/`, `masks/test/` … are splits: `train` is for training,
    `selection`, if present, for validation, all others are test splits. Capitals do not matter, and `training`,
    `validation` and `testing` are read as `train`, `val` and `test`. Names must differ over all splits. Hidden folders
    are passed over.
    """

    name = "own pictures"
    structure = "images/, masks/ and classes.json"

    def recognises(self, folder: Path) -> bool:
        """Whether the folder has two of the three parts; `read` reports a missing one."""
        parts = [(folder / IMAGES).is_dir(), (folder / MASKS).is_dir(), (folder / CLASSES).is_file()]
        return sum(parts) >= 2

    def read(self, folder: Path) -> DatasetIndex:
        """List the images.

        Raises:
            UserError: A part is missing or empty, `classes.json` is invalid, or an image lacks its mask.
        """
        from rlkit.utils.io import read_json

        for part in (IMAGES, MASKS, CLASSES):
            if not (folder / part).exists():
                raise UserError(f"{folder / part} is missing: expected {self.structure} in {folder}.")
        tree = read_json(folder / CLASSES)
        try:
            classes = Classes.from_json(tree)
        except UserError as error:
            raise UserError(f"{folder / CLASSES}: {error}") from error
        conditions = _conditions(folder / CONDITIONS)
        pictures, masks = split_folders(folder / IMAGES), split_folders(folder / MASKS)
        _check_folders(folder, pictures, masks)
        splits = {split: _pairs(path, masks[split], conditions) for split, path in pictures.items()}
        splits = splits or {TRAIN: _pairs(folder / IMAGES, folder / MASKS, conditions)}
        box_classes, boxes = _read_boxes(folder / BOXES, splits)
        if TRAIN in splits:
            splits = {TRAIN: splits.pop(TRAIN), **splits}
        selection = splits.pop(SELECTION, ())
        numbers = same_numbers(len(classes), f"the {len(classes)} classes of {CLASSES} (255 is ignored)")
        return DatasetIndex(
            self.name, classes, splits, numbers, selection, renamed_splits(pictures), box_classes, boxes
        )


def _read_boxes(
    folder: Path, splits: Mapping[str, Sequence[ImageFiles]]
) -> tuple[tuple[str, ...], Mapping[Path, CocoImage]]:
    """The classes of the boxes, and the boxes of each picture; nothing without a folder of boxes.

    Raises:
        UserError: A file is damaged or belongs to no split, a split has none, its classes differ from those of another,
            or its pictures are not those of the split.
    """
    if not folder.is_dir():
        return (), {}
    classes: tuple[str, ...] = ()
    found: dict[Path, CocoImage] = {}
    for path in sorted(folder.iterdir()):
        if not is_hidden(path.name) and path.stem not in splits:
            raise UserError(f"{path} belongs to none of the splits {', '.join(splits)}.")
    for split, pictures in splits.items():
        path = folder / f"{split}.json"
        file = read_coco(path)
        if classes and file.classes != classes:
            raise UserError(f"{path} has the categories {list(file.classes)}, other files have {list(classes)}.")
        classes = file.classes
        by_name = {files.picture.name: files.picture for files in pictures}
        for name in by_name.keys() ^ file.images.keys():
            lacking = "is not in this file" if name in by_name else f"is missing in {IMAGES}/"
            raise UserError(f"{path}: the picture {name} {lacking}.", exit_code=1)
        found |= {by_name[name]: image for name, image in file.images.items()}
    return classes, found


def _conditions(path: Path) -> Mapping[str, str]:
    from rlkit.utils.io import read_json

    if not os.path.lexists(path):
        return {}
    tree: Any = read_json(path)
    if not isinstance(tree, dict) or not all(isinstance(text, str) for text in tree.values()):
        raise UserError(f'{path} must be an object of strings, {{"name of a picture": "condition"}}.')
    for text in tree.values():
        if not is_word(text):
            raise UserError(
                f"{path} holds {reprlib.repr(text)}: a condition has at most {MAX_NAME} printable characters."
            )
    return {composed(name): text for name, text in tree.items()}


def _check_folders(folder: Path, pictures: Mapping[str, Path], masks: Mapping[str, Path]) -> None:
    """Check that each folder of pictures has one of masks, and that nothing lies beside these folders.

    Raises:
        UserError: It is not so.
    """
    for split, path in pictures.items():
        if split not in masks:
            raise UserError(
                f"{folder / MASKS / path.name} is missing: every folder of pictures needs a folder of masks."
            )
    for split, path in masks.items():
        if split not in pictures:
            raise UserError(f"{folder / IMAGES / path.name} is missing: there are masks for it in {path}.")
    for kind in (IMAGES, MASKS) if pictures else ():
        beside = loose_pictures(folder / kind)
        if beside:
            folders = ", ".join(path.name for path in pictures.values())
            raise UserError(
                f"{folder / kind} holds {len(beside)} pictures ({beside[0].name}, …) beside its folders ({folders}), "
                f"each of which is a split: move them into a folder too, such as {kind}/{TRAIN}."
            )


def _pairs(pictures: Path, masks: Path, conditions: Mapping[str, str]) -> tuple[ImageFiles, ...]:
    pairs = matched(pictures_in(pictures), pictures_in(masks))
    return tuple(ImageFiles(picture, mask, conditions.get(composed(picture.stem), "")) for picture, mask in pairs)
