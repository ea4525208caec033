"""Cityscapes: street scenes of 50 cities."""

from pathlib import Path

import numpy as np

from rlkit.errors import UserError
from rlkit.segmentation.datasets.base import DatasetIndex
from rlkit.segmentation.datasets.image_file import load_stored
from rlkit.segmentation.datasets.io import ImageFiles, Numbers, same_numbers
from rlkit.segmentation.datasets.listing import (
    composed,
    folders_in,
    is_hidden,
    loose_pictures,
    matched,
    pictures_in,
    split_folders,
)
from rlkit.spaces import IGNORED, Classes

# The 19 classes of the benchmark, with their numbers in `labelIds` files.
_CLASSES = {
    "road": 7,
    "sidewalk": 8,
    "building": 11,
    "wall": 12,
    "fence": 13,
    "pole": 17,
    "traffic light": 19,
    "traffic sign": 20,
    "vegetation": 21,
    "terrain": 22,
    "sky": 23,
    "person": 24,
    "rider": 25,
    "car": 26,
    "truck": 27,
    "bus": 28,
    "train": 31,
    "motorcycle": 32,
    "bicycle": 33,
}
CLASSES = Classes(tuple(_CLASSES), ("road",))
_HIGHEST = 34  # number in `labelIds` files
_PICTURES, _LABELS = "leftImg8bit", "gtFine"
_PICTURE, _LABEL_IDS, _TRAIN_IDS = "_leftImg8bit", "_gtFine_labelIds", "_gtFine_labelTrainIds"
_SPLITS = ("train", "val")  # the labels of `test` are not public: its files are empty
_NUMBERS = {
    _LABEL_IDS: Numbers(
        {
            **dict.fromkeys((*range(_HIGHEST + 1), 255), IGNORED),
            **{own: number for number, own in enumerate(_CLASSES.values())},
        },
        "Cityscapes' labelIds",
    ),
    _TRAIN_IDS: same_numbers(len(_CLASSES), "Cityscapes' train ids (255 is ignored)"),
}
_CHECKED = 24  # label files in the check of their numbers


class Cityscapes:
    """The 19 classes of Cityscapes (Cordts et al. 2016), from its fine annotations.

        leftImg8bit/{train,val}/aachen/aachen_000000_000019_leftImg8bit.png
        gtFine/{train,val}/aachen/aachen_000000_000019_gtFine_labelIds.png

    The `labelIds` files come with the download. Without them, `labelTrainIds` files are read, which a script makes. All
    numbers outside of the 19 classes, such as parking (9) and rail track (10), are ignored. A sample is checked: train
    ids under the names of label ids, in which road is 0 instead of 7, are refused, and the reverse. Every city is a
    condition.
    """

    name = "Cityscapes"
    structure = "leftImg8bit/ and gtFine/"

    def recognises(self, folder: Path) -> bool:
        """Whether the folder has images or fine annotations."""
        return (folder / _PICTURES).is_dir() or (folder / _LABELS).is_dir()

    def read(self, folder: Path) -> DatasetIndex:
        """List the images.

        Raises:
            UserError: A folder is missing or empty, an image lacks its labels, or the labels have the numbers of the
                other kind of file.
        """
        for part in (_PICTURES, _LABELS):
            if not (folder / part).is_dir():
                raise UserError(f"{folder / part} is missing: Cityscapes has {self.structure}.")
        pictures, labels = split_folders(folder / _PICTURES), split_folders(folder / _LABELS)
        there = [split for split in _SPLITS if split in pictures]
        if not there:
            raise UserError(f"{folder / _PICTURES} has none of the folders {', '.join(_SPLITS)}.")
        found = (folder / _LABELS).glob(f"*/*/*{_LABEL_IDS}.*")
        ending = _LABEL_IDS if any(not is_hidden(path.name) for path in found) else _TRAIN_IDS
        splits = {
            split: _pairs(pictures[split], labels.get(split, folder / _LABELS / split), ending) for split in there
        }
        _check_meaning([files for pairs in splits.values() for files in pairs], ending)
        return DatasetIndex(self.name, CLASSES, splits, _NUMBERS[ending])


def _pairs(pictures: Path, annotations: Path, ending: str) -> tuple[ImageFiles, ...]:
    files: list[ImageFiles] = []
    if loose_pictures(pictures):
        raise UserError(f"{pictures} holds pictures beside its cities: expected each in the folder of a city.")
    by_name = {composed(path.name): path for path in folders_in(annotations)} if annotations.is_dir() else {}
    for city in folders_in(pictures):
        labels = by_name.get(composed(city.name))
        if labels is None:
            raise UserError(f"{annotations / city.name} is missing: there are pictures for it in {city}.")
        pairs = matched(
            pictures_in(city, _PICTURE),
            pictures_in(labels, ending),
            lambda path: path.stem.removesuffix(_PICTURE),
            lambda path: path.stem.removesuffix(ending),
        )
        files += [ImageFiles(picture, label, composed(city.name)) for picture, label in pairs]
    if not files:
        raise UserError(f"{pictures} holds no cities: expected a folder for each.")
    return tuple(files)


def _check_meaning(files: list[ImageFiles], ending: str) -> None:
    """Check that label files have the numbers that their names tell.

    Raises:
        UserError: They hold no number above the highest train id, and in the lower half of the images the other kind's
            number of road is more frequent.
    """
    counts = np.zeros(256, dtype=np.int64)
    for one in files[:: max(1, len(files) // _CHECKED)]:
        numbers = np.asarray(load_stored(one.labels))
        if numbers.ndim != 2 or int(numbers.max()) > IGNORED or int(numbers.min()) < 0:
            return  # the decoder says what is wrong
        counts += np.bincount(numbers[len(numbers) // 2 :].astype(np.int64).ravel(), minlength=256)
    other = _TRAIN_IDS if ending == _LABEL_IDS else _LABEL_IDS
    road = {_LABEL_IDS: _CLASSES["road"], _TRAIN_IDS: 0}
    if not counts[len(_CLASSES) : IGNORED].any() and counts[road[other]] > counts[road[ending]]:
        held = ", ".join(str(number) for number in np.flatnonzero(counts))
        raise UserError(
            f"The label files in {files[0].labels.parent} end in {ending}, but their numbers ({held}) look like those "
            f"of files ending in {other}, in which road is {road[other]} instead of {road[ending]}. Name them "
            f"…{other}.png if that is what they hold."
        )
