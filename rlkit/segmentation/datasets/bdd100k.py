"""BDD100K's drivable area: 80,000 images from cars, by day and night, in all weathers."""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlkit.errors import UserError
from rlkit.segmentation.datasets.base import DatasetIndex
from rlkit.segmentation.datasets.io import ImageFiles, Numbers, read_labels
from rlkit.segmentation.datasets.json_entries import read_entries
from rlkit.segmentation.datasets.listing import matched, pictures_in, split_folders
from rlkit.spaces import IGNORED, MAX_NAME, Classes, is_word

CLASSES = Classes(("background", "direct", "alternative"), ("direct", "alternative"))
_BACKGROUND, _DIRECT, _ALTERNATIVE = range(3)
_PICTURES = Path("images", "100k")
_SPLITS = ("train", "val")  # the labels of `test` are not public
_CHECKED = 24  # label files in the check of their numbers


@dataclass(frozen=True)
class Release:
    """Class numbers and folder of the label files of a release."""

    year: str
    labels: Path
    ending: str
    numbers: Numbers


RELEASES = (
    Release(
        "2021",
        Path("labels", "drivable", "masks"),
        "",
        Numbers({0: _DIRECT, 1: _ALTERNATIVE, 2: _BACKGROUND, 255: IGNORED}, "BDD100K's numbers of 2021"),
    ),
    Release(
        "2018",
        Path("drivable_maps", "labels"),
        "_drivable_id",
        Numbers({0: _BACKGROUND, 1: _DIRECT, 2: _ALTERNATIVE, 255: IGNORED}, "BDD100K's numbers of 2018"),
    ),
)


class BDD100K:
    """The drivable area of BDD100K (Yu et al. 2020): the ego lane (direct) and adjacent lanes (alternative).

        images/100k/{train,val}/0000f77c-6257be58.jpg
        labels/drivable/masks/{train,val}/0000f77c-6257be58.png             release of 2021: 0 direct, 1 alternative,
                                                                             2 background
        drivable_maps/labels/{train,val}/0000f77c-6257be58_drivable_id.png   release of 2018: 0 background, 1 direct,
                                                                             2 alternative
        labels/det_20/det_val.json                                           optional: weather of each image

    The releases number the classes differently. The folders determine the release, and a sample of labels is checked:
    there must be more drivable area ahead of the car than in the sky.

    Both classes count as drivable.
    """

    name = "BDD100K"
    structure = "images/100k/ and labels/drivable/masks/ (release of 2021) or drivable_maps/labels/ (2018)"

    def recognises(self, folder: Path) -> bool:
        """Whether the folder has label files of either release."""
        return any((folder / release.labels).is_dir() for release in RELEASES)

    def read(self, folder: Path) -> DatasetIndex:
        """List the images.

        Raises:
            UserError: A folder is missing or empty, an image lacks its labels, or labels are of the other release.
        """
        release = next(release for release in RELEASES if (folder / release.labels).is_dir())
        if not (folder / _PICTURES).is_dir():
            raise UserError(f"{folder / _PICTURES} is missing: expected the pictures of {release.labels} there.")
        labels = split_folders(folder / release.labels)
        pictures = split_folders(folder / _PICTURES)
        there = [split for split in _SPLITS if split in labels]
        if not there:
            raise UserError(f"{folder / release.labels} has none of the folders {', '.join(_SPLITS)}.")
        splits = {split: _pairs(folder, split, pictures, labels[split], release) for split in there}
        _check_meaning([files for pairs in splits.values() for files in pairs], release)
        return DatasetIndex(f"{self.name} ({release.year})", CLASSES, splits, release.numbers)


def _pairs(
    folder: Path, split: str, pictures: Mapping[str, Path], labels: Path, release: Release
) -> tuple[ImageFiles, ...]:
    if split not in pictures:
        raise UserError(f"{folder / _PICTURES / split} is missing: there are labels for it.")
    pairs = matched(
        pictures_in(pictures[split]),
        pictures_in(labels, release.ending),
        label_key=lambda path: path.stem.removesuffix(release.ending),
    )
    names = {picture.name for picture, _ in pairs}
    weathers = _weathers(folder / "labels" / "det_20" / f"det_{split}.json", names) if split == "val" else {}
    return tuple(ImageFiles(picture, labels, weathers.get(picture.name, "")) for picture, labels in pairs)


def _weathers(path: Path, names: Collection[str]) -> Mapping[str, str]:
    """Weather by image name, from the labels of the detection task; empty without such a file."""
    if not os.path.lexists(path):
        return {}
    found: dict[str, str] = {}
    try:
        for frame in read_entries(path):
            name, weather = frame["name"], frame["attributes"]["weather"]
            if not isinstance(name, str):
                raise ValueError("a name that is no string")
            if not isinstance(weather, str) or not is_word(weather):
                raise ValueError(f"a weather that is no string of at most {MAX_NAME} printable characters")
            if name in names:
                found[name] = weather
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: it is a broken link.", exit_code=1) from error
    except KeyError as error:
        raise UserError(f"{path} cannot be read as BDD100K's list of boxes: no {error}.", exit_code=1) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{path} cannot be read as BDD100K's list of boxes: {error}.", exit_code=1) from error
    return found


def _check_meaning(files: list[ImageFiles], release: Release) -> None:
    """Check that label files have the class numbers of their release.

    Raises:
        UserError: The other release's numbers are more plausible: more drivable area ahead and less in the sky.
    """
    other = next(one for one in RELEASES if one is not release)
    plausibility = {"2018": 0.0, "2021": 0.0}
    for one in files[:: max(1, len(files) // _CHECKED)]:
        for read in RELEASES:
            drivable = np.isin(read_labels(one.labels, read.numbers), (_DIRECT, _ALTERNATIVE))
            height, width = drivable.shape
            # Below `ahead` is the bonnet, which is background.
            sky = drivable[: int(0.2 * height)]
            ahead = drivable[int(0.65 * height) : int(0.85 * height), int(0.4 * width) : int(0.6 * width)]
            plausibility[read.year] += float(ahead.mean() - sky.mean())
    if plausibility[other.year] > plausibility[release.year]:
        raise UserError(
            f"The label files in {files[0].labels.parent} have the class numbers of the {other.year} release, but are "
            f"in the folder of the {release.year} release, by which the road would be background. Move them to "
            f"{other.labels}/ (names end in {other.ending or 'nothing more'})."
        )
