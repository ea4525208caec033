"""BDD100K's boxes (Yu et al. 2020): 80,000 pictures from cars, with the drivable area of the same pictures."""

from pathlib import Path
from typing import Any

from rlkit.detection.datasets.base import Box, DetectionIndex, PictureFile
from rlkit.detection.datasets.json_scan import scan
from rlkit.errors import UserError
from rlkit.segmentation.datasets.bdd100k import CLASSES, RELEASES
from rlkit.segmentation.datasets.listing import TRAIN, VAL
from rlkit.spaces import is_word
from rlkit.utils import paths

OBJECTS = (
    "pedestrian", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle", "traffic light", "traffic sign",
)  # fmt: skip
_EARLIER = {"person": "pedestrian", "motor": "motorcycle", "bike": "bicycle"}  # names of 2018
_IGNORED = ("other person", "other vehicle", "trailer")
_PICTURES = Path("images", "100k")
_FILES = (Path("labels", "det_20", "det_{}.json"), Path("labels", "bdd100k_labels_images_{}.json"))
_SPLITS = (TRAIN, VAL)


class BDD100KBoxes:
    """The boxes of BDD100K; where its masks of the drivable area are there too, for both heads.

        images/100k/{train,val}/0000f77c-6257be58.jpg
        labels/det_20/det_{train,val}.json                  release of 2020
        labels/bdd100k_labels_images_{train,val}.json       release of 2018; lanes and areas in it are passed over
        labels/drivable/masks/ or drivable_maps/labels/     optional: see `segmentation.datasets.bdd100k`

    Crowds, and the categories "other person", "other vehicle" and "trailer", are ignored.
    """

    name = "BDD100K boxes"
    structure = "images/100k/ and labels/det_20/det_train.json (2020) or labels/bdd100k_labels_images_train.json (2018)"

    def recognises(self, folder: Path) -> bool:
        """Whether the folder has files of boxes."""
        return any(_file(folder, split) is not None for split in _SPLITS)

    def read(self, folder: Path) -> DetectionIndex:
        """List the pictures and boxes.

        Raises:
            UserError: A file is damaged, a picture is missing, or a box is invalid; the message names file and line.
        """
        release = next((one for one in RELEASES if (folder / one.labels).is_dir()), None)
        splits = {}
        for split in _SPLITS:
            path = _file(folder, split)
            if path is not None:
                masks = None if release is None else (folder / release.labels / split, release.ending)
                splits[split] = _pictures(path, folder / _PICTURES / split, masks)
        if TRAIN not in splits:
            splits = {TRAIN: splits[VAL]}
        if release is None:
            return DetectionIndex(self.name, OBJECTS, splits)
        return DetectionIndex(self.name, OBJECTS, splits, CLASSES, release.numbers)


def _file(folder: Path, split: str) -> Path | None:
    return next((path for file in _FILES if (path := folder / str(file).format(split)).is_file()), None)


def _pictures(path: Path, home: Path, masks: tuple[Path, str] | None) -> tuple[PictureFile, ...]:
    made = []
    for entry in scan(path):
        where = f"{path}, line {entry.line}"
        try:
            name, attributes = entry.value["name"], entry.value.get("attributes") or {}
            labels = entry.value.get("labels") or []
            weather = attributes.get("weather", "")
            boxes = tuple(_box(one, where) for one in labels if one.get("box2d") is not None)
        except KeyError as error:
            raise UserError(f"{where}: the picture's entry lacks {error}.") from error
        except (TypeError, AttributeError, ValueError) as error:
            raise UserError(f"{where}: this is no entry of BDD100K's boxes: {error}.") from error
        if not isinstance(weather, str) or not is_word(weather):
            raise UserError(f"{where}: the weather must be a short text, not {weather!r:.60}.")
        picture = paths.path_inside(home, name)
        if not picture.is_file():
            raise UserError(f"{where}: the picture {picture} is missing.")
        mask = None if masks is None else masks[0] / f"{picture.stem}{masks[1]}.png"
        made.append(PictureFile(picture, boxes, where, mask if mask is not None and mask.is_file() else None, weather))
    if not made:
        raise UserError(f"{path} lists no pictures.")
    return tuple(made)


def _box(label: dict[str, Any], where: str) -> Box:
    category = label["category"]
    name = _EARLIER.get(category, category)
    attributes = label.get("attributes") or {}
    ignored = name in _IGNORED or attributes.get("crowd") is True
    if name not in OBJECTS and not ignored:
        raise UserError(f"{where}: the category {category!r:.60} is unknown; known: {', '.join(OBJECTS)}.")
    x1, y1, x2, y2 = (float(label["box2d"][key]) for key in ("x1", "y1", "x2", "y2"))
    box = Box((x1, y1, x2, y2), OBJECTS.index(name) if name in OBJECTS else -1, where, ignored)
    box.check_area()
    return box
