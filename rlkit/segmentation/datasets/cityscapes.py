"""Cityscapes: street scenes of 50 cities."""

from pathlib import Path

from rlkit.errors import UserError
from rlkit.segmentation.datasets.base import DatasetIndex, matched, pictures_in
from rlkit.segmentation.datasets.io import ImageFiles, Numbers
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
_PICTURE, _LABEL = "_leftImg8bit", "_gtFine_labelIds"
_SPLITS = ("train", "val")  # the labels of `test` are not public: its files are empty
_NUMBERS = Numbers(
    {
        **dict.fromkeys((*range(_HIGHEST + 1), 255), IGNORED),
        **{own: number for number, own in enumerate(_CLASSES.values())},
    },
    "Cityscapes' labelIds",
)


class Cityscapes:
    """The 19 classes of Cityscapes (Cordts et al. 2016), from its fine annotations.

        leftImg8bit/{train,val}/aachen/aachen_000000_000019_leftImg8bit.png
        gtFine/{train,val}/aachen/aachen_000000_000019_gtFine_labelIds.png

    The `labelIds` files come with the download (`labelTrainIds` files, made by a script, are not needed). All numbers
    outside of the 19 classes, such as parking (9) and rail track (10), are ignored. Every city is a condition.
    """

    name = "Cityscapes"
    structure = "leftImg8bit/ and gtFine/"

    def recognises(self, folder: Path) -> bool:
        """Whether the folder has images or fine annotations."""
        return (folder / _PICTURES).is_dir() or (folder / _LABELS).is_dir()

    def read(self, folder: Path) -> DatasetIndex:
        """List the images.

        Raises:
            UserError: A folder is missing or empty, or an image lacks its labels.
        """
        for part in (_PICTURES, _LABELS):
            if not (folder / part).is_dir():
                raise UserError(f"{folder / part} is missing: Cityscapes has {self.structure}.")
        there = [split for split in _SPLITS if (folder / _PICTURES / split).is_dir()]
        if not there:
            raise UserError(f"{folder / _PICTURES} has none of the folders {', '.join(_SPLITS)}.")
        splits = {split: _pairs(folder, split) for split in there}
        return DatasetIndex(self.name, CLASSES, splits, _NUMBERS)


def _pairs(folder: Path, split: str) -> tuple[ImageFiles, ...]:
    files: list[ImageFiles] = []
    for city in sorted(path for path in (folder / _PICTURES / split).iterdir() if path.is_dir()):
        labels = folder / _LABELS / split / city.name
        if not labels.is_dir():
            raise UserError(f"{labels} is missing: there are pictures for it in {city}.")
        pairs = matched(
            pictures_in(city, _PICTURE),
            pictures_in(labels, _LABEL),
            lambda path: path.stem.removesuffix(_PICTURE),
            lambda path: path.stem.removesuffix(_LABEL),
        )
        files += [ImageFiles(picture, label, city.name) for picture, label in pairs]
    if not files:
        raise UserError(f"{folder / _PICTURES / split} holds no cities: expected a folder for each.")
    return tuple(files)
