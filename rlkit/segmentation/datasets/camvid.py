"""CamVid in the layout of the SegNet tutorial."""

from pathlib import Path

from rlkit.errors import UserError
from rlkit.segmentation.datasets.base import DatasetIndex
from rlkit.segmentation.datasets.io import ImageFiles, same_numbers
from rlkit.segmentation.datasets.listing import TEST, TRAIN, VAL, composed, folders_in, matched, pictures_in, split_of
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
_ANNOTATED = "annot"


class CamVid:
    """The 11 classes of CamVid (Brostow, Fauqueur, Cipolla 2009), as distributed with the SegNet tutorial.

        train/0001TP_006690.png      trainannot/0001TP_006690.png
        val/…                        valannot/…
        test/…                       testannot/…                      each is optional

    Labels are grey images of class numbers, 11 (or 255) being void. Lane markings count as road, parking blocks as
    pavement (the tutorial's grouping).

    Every sequence (the part of a name before the underscore) is a condition. Some images of `val` are two frames from
    images of `train`, so that metrics on `val` overestimate those on unseen roads.
    """

    name = "CamVid"
    structure = "train/ and trainannot/ (val/ and valannot/, test/ and testannot/)"

    def recognises(self, folder: Path) -> bool:
        """Whether a folder has the images and labels of a split."""
        pictures, labels = _folders(folder)
        return not pictures.keys().isdisjoint(labels)

    def read(self, folder: Path) -> DatasetIndex:
        """List the images of each split.

        Raises:
            UserError: A folder is empty or missing, an image lacks its labels, or labels their image.
        """
        pictures, labels = _folders(folder)
        splits = {
            split: _pairs(pictures.get(split, folder / split), labels.get(split, folder / f"{split}{_ANNOTATED}"))
            for split in (TRAIN, VAL, TEST)
            if split in pictures or split in labels
        }
        numbers = same_numbers(len(CLASSES), "CamVid's class numbers (11 is void)", (VOID, 255))
        return DatasetIndex(self.name, CLASSES, splits, numbers)


def _folders(folder: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """The folders of images and of labels by split; names in any capitals, and training as train."""
    pictures: dict[str, Path] = {}
    labels: dict[str, Path] = {}
    for path in folders_in(folder):
        name = path.name.casefold()
        annotated = name.endswith(_ANNOTATED)
        found, split = (labels if annotated else pictures), split_of(name.removesuffix(_ANNOTATED))
        other = found.setdefault(split, path)
        if other is not path and split in (TRAIN, VAL, TEST):
            raise UserError(f"{other} and {path} are both the split {split}: merge or rename one.")
    return pictures, labels


def _pairs(pictures: Path, labels: Path) -> tuple[ImageFiles, ...]:
    for folder in (pictures, labels):
        if not folder.is_dir():
            raise UserError(f"{folder} is missing: each of CamVid's splits has pictures and labels (…annot).")
    pairs = matched(pictures_in(pictures), pictures_in(labels))
    return tuple(ImageFiles(picture, label, composed(picture.stem).partition("_")[0]) for picture, label in pairs)
