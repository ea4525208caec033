"""CamVid in the layout of the SegNet tutorial."""

from pathlib import Path

from rlkit.errors import UserError
from rlkit.segmentation.datasets.base import DatasetIndex, matched, pictures_in
from rlkit.segmentation.datasets.io import ImageFiles, same_numbers
from rlkit.spaces import Classes

CLASSES = Classes(
    (
        "sky",
        "building",
        "pole",
        "road",
        "pavement",
        "tree",
        "sign",
        "fence",
        "car",
        "pedestrian",
        "bicyclist",
    ),
    ("road",),
)
VOID = 11
_SPLITS = ("train", "val", "test")


class CamVid:
    """The 11 classes of CamVid (Brostow, Fauqueur, Cipolla 2009), as distributed with the SegNet tutorial.

        train/0001TP_006690.png      trainannot/0001TP_006690.png
        val/…                        valannot/…
        test/…                       testannot/…                      val and test are optional

    Labels are grey images of class numbers, 11 (or 255) being void. Lane markings count as road, parking blocks as
    pavement (the tutorial's grouping).

    Every sequence (the part of a name before the underscore) is a condition. Some images of `val` are two frames from
    images of `train`, so that metrics on `val` overestimate those on unseen roads.
    """

    name = "CamVid"
    structure = "train/ and trainannot/ (val/ and valannot/, test/ and testannot/)"

    def recognises(self, folder: Path) -> bool:
        """Whether a folder has training images and labels."""
        return (folder / "train").is_dir() and (folder / "trainannot").is_dir()

    def read(self, folder: Path) -> DatasetIndex:
        """List the images of each split.

        Raises:
            UserError: A folder is empty or missing, an image lacks its labels, or labels their image.
        """
        splits = {split: _pairs(folder / split, folder / f"{split}annot") for split in _SPLITS if _has(folder, split)}
        numbers = same_numbers(len(CLASSES), "CamVid's class numbers (11 is void)", (VOID, 255))
        return DatasetIndex(self.name, CLASSES, splits, numbers)


def _has(folder: Path, split: str) -> bool:
    return (folder / split).is_dir() or (folder / f"{split}annot").is_dir()


def _pairs(pictures: Path, labels: Path) -> tuple[ImageFiles, ...]:
    for folder in (pictures, labels):
        if not folder.is_dir():
            raise UserError(f"{folder} is missing: each of CamVid's splits has pictures and labels (…annot).")
    pairs = matched(pictures_in(pictures), pictures_in(labels))
    return tuple(ImageFiles(picture, label, picture.stem.partition("_")[0]) for picture, label in pairs)
