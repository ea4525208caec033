"""A user's own pictures: the simplest layout there is."""

import os
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlkit.errors import UserError
from rlkit.segmentation.datasets.base import DatasetIndex, matched, pictures_in
from rlkit.segmentation.datasets.io import ImageFiles, same_numbers
from rlkit.spaces import LONGEST_NAME, Classes, is_word

IMAGES, MASKS, CLASSES, CONDITIONS = "images", "masks", "classes.json", "conditions.json"
TRAIN, SELECTION = "train", "selection"


class Own:
    """Pictures in `images/`, masks of class numbers under the same names in `masks/`, and the names of the classes.

        images/anything.jpg           of any kind
        masks/anything.png            grey or with a palette: class 0, 1, … and 255 where nothing is known
        classes.json                  {"names": ["grass", "road"], "drivable": ["road"]}
        conditions.json               optional: {"anything": "rain", …}, by which figures are split and, in the order
                                      of names, sequences are told apart

    With folders `images/train/`, `masks/train/`, `images/test/`, `masks/test/` … these are the splits: `train` is
    learnt from, the best weights are chosen by `selection` if there is one, all others are measured on. `rlkit
    perception make-dataset` writes pictures of a simulator so. Names have to differ over all splits.
    """

    name = "own pictures"
    looks_for = "images/, masks/ and classes.json"

    def recognises(self, folder: Path) -> bool:
        """Whether the folder has any two of the three parts, so that the third can be asked for."""
        parts = [(folder / IMAGES).is_dir(), (folder / MASKS).is_dir(), (folder / CLASSES).is_file()]
        return sum(parts) >= 2

    def read(self, folder: Path) -> DatasetIndex:
        """List the pictures.

        Raises:
            UserError: A part is missing or empty, `classes.json` is not of that form, or a picture lacks its mask.
        """
        from rlkit.utils.io import read_json

        for part in (IMAGES, MASKS, CLASSES):
            if not (folder / part).exists():
                raise UserError(f"{folder / part} is missing: expected {self.looks_for} in {folder}.")
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
        raise UserError(f'{path} should be an object of texts, {{"name of a picture": "condition"}}.')
    for text in tree.values():
        if not is_word(text):
            raise UserError(
                f"{path} holds {reprlib.repr(text)}: a condition has at most {LONGEST_NAME} printable characters."
            )
    return tree


def _pairs(folder: Path, split: str, conditions: Mapping[str, str]) -> tuple[ImageFiles, ...]:
    pictures, masks = folder / IMAGES / split, folder / MASKS / split
    if not masks.is_dir():
        raise UserError(f"{masks} is missing: every folder of pictures needs one of masks.")
    pairs = matched(pictures_in(pictures), pictures_in(masks))
    return tuple(ImageFiles(picture, mask, conditions.get(picture.stem, "")) for picture, mask in pairs)
