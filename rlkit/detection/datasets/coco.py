"""Boxes in COCO's JSON format (Lin et al. 2014), which most annotation tools write."""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rlkit.detection.datasets.base import Box, DetectionIndex, PictureFile
from rlkit.detection.datasets.json_scan import Entry, scan
from rlkit.errors import UserError
from rlkit.perception.model_card import check_kinds
from rlkit.segmentation.datasets.io import same_numbers
from rlkit.segmentation.datasets.listing import TRAIN, split_of
from rlkit.spaces import Classes, is_word
from rlkit.utils import paths

_ROBOFLOW = "_annotations.coco.json"  # beside the pictures of each split
_PREFIX = "instances_"
_YEAR = re.compile(r"_?\d{4}$")
MASKS, CLASSES = "masks", "classes.json"

F = TypeVar("F")


class COCO:
    """COCO's JSON: `images`, `annotations` with `bbox` [x, y, width, height] in pixels, and `categories`.

        annotations/instances_train2017.json    and pictures in train2017/ or images/train2017/
        annotations/train.json                  and pictures in train/, images/train/ or images/
        train/_annotations.coco.json            and pictures beside it
        masks/, classes.json                    optional, for both heads: masks of class numbers by the pictures' stems,
                                                in folders named as those of the pictures; and names of the classes

    Boxes with `iscrowd` are ignored. Two fields beyond COCO's are read: `distance` of an annotation in metres, and
    `condition` of an image, by which figures are grouped.
    """

    name = "COCO"
    structure = f"annotations/*.json, or {_ROBOFLOW} in the folder of each split"

    def recognises(self, folder: Path) -> bool:
        """Whether the folder has annotations."""
        return bool(_files(folder))

    def read(self, folder: Path) -> DetectionIndex:
        """List the pictures and boxes.

        Raises:
            UserError: A file is damaged, a picture is missing, or a box is invalid; the message names file and line.
        """
        classes = _classes(folder)
        splits: dict[str, tuple[PictureFile, ...]] = {}
        kinds: tuple[str, ...] = ()
        for path in _files(folder):
            names, pictures = _read(path, folder, masked=classes is not None)
            if kinds and names != kinds:
                raise UserError(f"{path}: the categories are {', '.join(names)}; another file's {', '.join(kinds)}.")
            kinds = names
            split = split_of_file(path)
            if split in splits:
                raise UserError(f"{path} is a second file of the split {split}: merge or rename one.")
            splits[split] = pictures
        decode = None
        if classes is not None:
            decode = same_numbers(len(classes), f"the {len(classes)} classes of {CLASSES} (255 is ignored)")
        return DetectionIndex(self.name, kinds, training_first(splits), classes, decode)


def _files(folder: Path) -> list[Path]:
    beside = sorted(folder.glob(f"*/{_ROBOFLOW}"))
    if beside:
        return beside
    found = sorted(folder.glob("annotations/*.json"))
    return [path for path in found if path.name.startswith(_PREFIX)] or found


def training_first(splits: Mapping[str, tuple[F, ...]]) -> dict[str, tuple[F, ...]]:
    """The splits with that for training first, which a single one is."""
    if TRAIN in splits:
        return {TRAIN: splits[TRAIN], **splits}
    return {TRAIN: next(iter(splits.values()))} if len(splits) == 1 else dict(splits)


def split_of_file(path: Path, prefix: str = _PREFIX) -> str:
    """The split that a file's name means, such as instances_train2017.json; `prefix` is how it begins."""
    name = path.parent.name if path.name == _ROBOFLOW else _YEAR.sub("", path.stem.removeprefix(prefix))
    return split_of(name)


def _classes(folder: Path) -> Classes | None:
    from rlkit.utils.io import read_json

    if not (folder / MASKS).is_dir():
        return None
    tree = read_json(folder / CLASSES)
    try:
        return Classes.from_json(tree)
    except UserError as error:
        raise UserError(f"{folder / CLASSES}: {error}") from error


def _read(path: Path, folder: Path, *, masked: bool) -> tuple[tuple[str, ...], tuple[PictureFile, ...]]:
    """Names of the categories, and the pictures of a file."""
    images: dict[Any, tuple[Entry, dict[str, Any]]] = {}
    annotations: list[tuple[Entry, dict[str, Any]]] = []
    categories: dict[Any, str] = {}
    for entry in scan(path):
        if entry.section not in ("images", "annotations", "categories"):
            continue
        one, where = entry.value, f"{path}, line {entry.line}"
        if not isinstance(one, dict):
            raise UserError(f"{where}: expected an object in the list {entry.section!r}, not {one!r:.60}.")
        try:
            if entry.section == "annotations":
                # Outlines take most of the memory.
                annotations.append((entry, {key: one.get(key) for key in ("distance", "iscrowd")} | _needed(one)))
            elif whole_number(one["id"]) in (images if entry.section == "images" else categories):
                raise UserError(f"{where}: the id {one['id']} occurs twice in {entry.section!r}.")
            elif entry.section == "images":
                images[one["id"]] = (entry, one)
            else:
                categories[one["id"]] = one["name"]
        except KeyError as error:
            raise UserError(f"{where}: the entry of {entry.section!r} lacks {error}.") from error
        except (TypeError, ValueError) as error:
            raise UserError(f"{where}: {error}.") from error
    if not images or not categories:
        raise UserError(f"{path} is no file of COCO's format: expected the lists 'images' and 'categories'.")
    try:
        kinds = check_kinds(tuple(categories.values()))
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    numbers = {identity: number for number, identity in enumerate(categories)}
    boxes: dict[Any, list[Box]] = defaultdict(list)
    for entry, one in annotations:
        where = f"{path}, line {entry.line}"
        if one["image_id"] not in images:
            raise UserError(f"{where}: the annotation is for the image {one['image_id']}, which is not in 'images'.")
        if one["category_id"] not in numbers:
            known = ", ".join(f"{identity} ({name})" for identity, name in list(categories.items())[:8])
            raise UserError(f"{where}: the category {one['category_id']} is unknown; known: {known}.")
        box = _box(one, numbers[one["category_id"]], where)
        if box is not None:
            boxes[one["image_id"]].append(box)
    return kinds, _pictures(path, folder, images, boxes, masked)


def _needed(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "image_id": whole_number(one["image_id"]),
        "category_id": whole_number(one["category_id"]),
        "bbox": one["bbox"],
    }


def whole_number(value: Any) -> int:
    """An id as it is.

    Raises:
        ValueError: It is no whole number.
    """
    if type(value) is not int:
        raise ValueError(f"{value!r:.60} is not a whole number")
    return value


def _box(one: dict[str, Any], kind: int, where: str) -> Box | None:
    """The box of an annotation; None for an ignored one without area."""
    numbers = one["bbox"]
    if not isinstance(numbers, list) or len(numbers) != 4 or not all(map(_is_number, numbers)):
        raise UserError(f"{where}: 'bbox' must be four numbers, x, y, width and height, not {numbers!r:.60}.")
    distance = one["distance"]
    if distance is not None and not (_is_number(distance) and distance > 0):
        raise UserError(f"{where}: 'distance' must be a number of metres above 0, not {distance!r:.60}.")
    x, y, width, height = (float(number) for number in numbers)
    ignored = bool(one["iscrowd"])
    box = Box((x, y, x + width, y + height), kind, where, ignored, math.nan if distance is None else float(distance))
    if ignored and not (width > 0 and height > 0):
        return None
    box.check_area()
    return box


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def _pictures(
    path: Path,
    folder: Path,
    images: dict[Any, tuple[Entry, dict[str, Any]]],
    boxes: dict[Any, list[Box]],
    masked: bool,
) -> tuple[PictureFile, ...]:
    made = []
    for identity, found in found_pictures(path, folder, images):
        picture, one = found.picture, images[identity][1]
        mask = folder / MASKS / found.home.relative_to(folder).name / f"{picture.stem}.png" if masked else None
        size = (one["height"], one["width"]) if {"height", "width"} <= one.keys() else None
        made.append(
            PictureFile(
                picture,
                tuple(boxes.get(identity, ())),
                found.where,
                mask if mask is not None and mask.is_file() else None,
                found.condition,
                size,
            )
        )
    return tuple(made)


@dataclass(frozen=True)
class FoundPicture:
    """A picture that a file of annotations names.

    Args:
        picture: The image file.
        home: The folder of the file's pictures.
        where: File and line that name it, for messages.
        condition: By which figures are grouped; "" if unknown.
    """

    picture: Path
    home: Path
    where: str
    condition: str


def found_pictures(
    path: Path, folder: Path, images: Mapping[int, tuple[Entry, dict[str, Any]]], prefix: str = _PREFIX
) -> Iterator[tuple[int, FoundPicture]]:
    """Yield the id and the file of every picture.

    Args:
        path: The file of annotations.
        folder: The data set.
        images: Its entries of the list `images`, by id.
        prefix: How the file's name begins.

    Raises:
        UserError: A picture is missing, or its entry is invalid; the message names file and line.
    """
    home: Path | None = None
    for identity, (entry, one) in images.items():
        where = f"{path}, line {entry.line}"
        name, condition = one.get("file_name"), one.get("condition", "")
        if not isinstance(name, str) or not name:
            raise UserError(f"{where}: 'file_name' must be the name of a picture, not {name!r:.60}.")
        if not isinstance(condition, str) or not is_word(condition):
            raise UserError(f"{where}: 'condition' must be a short text, not {condition!r:.60}.")
        home = home or home_of(path, folder, name, where, prefix)
        picture = paths.path_inside(home, name)
        if not picture.is_file():
            raise UserError(f"{where}: the picture {picture} is missing.")
        yield identity, FoundPicture(picture, home, where, condition)


def home_of(path: Path, folder: Path, name: str, where: str, prefix: str = _PREFIX) -> Path:
    """The folder of a file's pictures: the first that holds the first of them.

    Args:
        path: The file of annotations.
        folder: The data set.
        name: Of the first picture.
        where: File and line that name it, for messages.
        prefix: How the file's name begins.

    Raises:
        UserError: No folder holds that picture.
    """
    if path.name == _ROBOFLOW:
        return path.parent
    stem = path.stem.removeprefix(prefix)
    names = dict.fromkeys((stem, split_of_file(path, prefix)))
    candidates = [folder / part / name for part in ("", "images") for name in names] + [folder / "images", folder]
    for candidate in candidates:
        if paths.path_inside(candidate, name).is_file():
            return candidate
    looked = ", ".join(str(candidate) for candidate in candidates)
    raise UserError(f"{where}: the picture {name} is missing: it is in none of {looked}.")
