"""The layout for a user's own images."""

import os
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlkit.errors import UserError
from rlkit.segmentation.datasets.base import DatasetIndex, matched, pictures_in
from rlkit.segmentation.datasets.io import ImageFiles, same_numbers
from rlkit.spaces import MAX_NAME, Classes, is_word

IMAGES, MASKS, CLASSES, CONDITIONS = "images", "masks", "classes.json", "conditions.json"
TRAIN, SELECTION = "train", "selection"


class Own:
    """Images in `images/`, masks of class numbers under the same names in `masks/`, and the names of the classes.

        images/anything.jpg           any format
        masks/anything.png            grey or with a palette: class 0, 1, …; 255 is ignored
        classes.json                  {"names": ["grass", "road"], "drivable": ["road"]}
        conditions.json               optional: {"anything": "rain", …}, by which metrics are grouped and sequences
                                      distinguished

    Subfolders `images/train/`, `masks/train/`, `images/test/`, `masks/test/` … are splits: `train` is for training,
    `selection`, if present, for validation, all others are test splits. Names must differ over all splits.
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
        names = sorted(path.name for path in (folder / IMAGES).iterdir() if path.is_dir())
        splits = {name: _pairs(folder, name, conditions) for name in names} or {TRAIN: _pairs(folder, "", conditions)}
        if TRAIN in splits:
            splits = {TRAIN: splits.pop(TRAIN), **splits}
        selection = splits.pop(SELECTION, ())
        numbers = same_numbers(len(classes), f"the {len(classes)} classes of {CLASSES} (255 is ignored)")
        return DatasetIndex(self.name, classes, splits, numbers, selection)


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
    return tree


def _pairs(folder: Path, split: str, conditions: Mapping[str, str]) -> tuple[ImageFiles, ...]:
    pictures, masks = folder / IMAGES / split, folder / MASKS / split
    if not masks.is_dir():
        raise UserError(f"{masks} is missing: every folder of pictures needs a folder of masks.")
    pairs = matched(pictures_in(pictures), pictures_in(masks))
    return tuple(ImageFiles(picture, mask, conditions.get(picture.stem, "")) for picture, mask in pairs)
