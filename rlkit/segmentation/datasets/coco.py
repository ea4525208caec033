"""Boxes of images in COCO's JSON format for detection, read and written.

See https://cocodataset.org/#format-data. Further numbers of a box, such as its distance, are in `attributes` of its
annotation.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rlkit.boxes import Boxes
from rlkit.errors import UserError
from rlkit.spaces import is_word
from rlkit.utils import paths
from rlkit.utils.parsing import parse_json

MAX_BYTES = 512 * 2**20  # of a file; that of COCO's 118,000 training images has 470 MB
ROUNDING = 1.0  # pixels by which a box may leave its image; it is cut


@dataclass(frozen=True)
class CocoImage:
    """An image of a file.

    Args:
        size: Its height and width, in pixels.
        boxes: Its objects.
    """

    size: tuple[int, int]
    boxes: Boxes


@dataclass(frozen=True)
class CocoFile:
    """The content of a file.

    Args:
        classes: Names of the classes, by number: the categories in the order of their ids.
        images: The images by file name.
    """

    classes: tuple[str, ...]
    images: Mapping[str, CocoImage]


def coco_tree(classes: Sequence[str], images: Mapping[str, CocoImage]) -> dict[str, Any]:
    """The content of a file, as `json.dumps` takes it; ids count from 1, as evaluators expect."""
    annotations: list[dict[str, Any]] = []
    listed = []
    for image_id, (name, image) in enumerate(images.items(), 1):
        listed.append({"id": image_id, "file_name": name, "height": image.size[0], "width": image.size[1]})
        boxes = image.boxes
        for index, (x1, y1, x2, y2) in enumerate(boxes.boxes.tolist()):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": int(boxes.labels[index]) + 1,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1),
                    "iscrowd": 0,
                    "attributes": {key: round(float(values[index]), 4) for key, values in boxes.attributes.items()},
                }
            )
    categories = [{"id": number, "name": name} for number, name in enumerate(classes, 1)]
    return {"images": listed, "annotations": annotations, "categories": categories}


def read_coco(path: Path) -> CocoFile:
    """Read a file. Boxes of crowds (`iscrowd`) are left out.

    Raises:
        UserError: It is missing, damaged or no such file; an annotation's category or image is unknown; or a box has no
            area or leaves its image. The message names the file and the annotation.
    """
    try:
        tree = parse_json(paths.read_bytes(path, MAX_BYTES))
        categories = {int(entry["id"]): str(entry["name"]) for entry in tree["categories"]}
        images = {int(entry["id"]): entry for entry in tree["images"]}
        sizes = {key: (int(entry["height"]), int(entry["width"])) for key, entry in images.items()}
        names = {key: str(entry["file_name"]) for key, entry in images.items()}
        annotations = list(tree["annotations"])
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing.", exit_code=1) from error
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{path} cannot be read as COCO's boxes: {what}.", exit_code=1) from error
    if not categories or not all(name and is_word(name) for name in categories.values()):
        raise UserError(f"{path}: expected categories with printable names, not {list(categories.values())[:8]}.")
    numbers = {category: number for number, category in enumerate(sorted(categories))}
    rows: dict[int, list[_Row]] = defaultdict(list)
    for position, annotation in enumerate(annotations, 1):
        where = f"{path}, annotation {position}"
        if not isinstance(annotation, dict):
            raise UserError(f"{where} is {annotation!r}: an object is expected.", exit_code=1)
        image = annotation.get("image_id")
        if not isinstance(image, int) or image not in sizes:
            raise UserError(f"{where} has the image_id {image!r}, which none of the images has.", exit_code=1)
        if not annotation.get("iscrowd"):
            rows[image].append(_read_row(annotation, f"{where} (picture {names[image]})", sizes[image], numbers))
    if len(set(names.values())) < len(names):
        raise UserError(f"{path}: two images have the same file_name.", exit_code=1)
    found = {names[key]: CocoImage(size, _boxes(rows[key])) for key, size in sizes.items()}
    return CocoFile(tuple(categories[key] for key in sorted(categories)), found)


@dataclass(frozen=True)
class _Row:
    corners: tuple[float, float, float, float]
    label: int
    attributes: Mapping[str, float]


def _read_row(annotation: Mapping[str, Any], where: str, size: tuple[int, int], numbers: Mapping[int, int]) -> _Row:
    category = annotation.get("category_id")
    if not isinstance(category, int) or category not in numbers:
        raise UserError(f"{where} has the category_id {category!r}, which no category has.", exit_code=1)
    try:
        x, y, width, height = (float(number) for number in annotation["bbox"])
        given = annotation.get("attributes") or {}
        attributes = {str(name): float(value) for name, value in given.items() if isinstance(value, int | float)}
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UserError(f"{where}: a bbox of x, y, width, height is expected.", exit_code=1) from error
    inside = x >= -ROUNDING and y >= -ROUNDING and x + width <= size[1] + ROUNDING and y + height <= size[0] + ROUNDING
    corners = (max(0.0, x), max(0.0, y), min(x + width, size[1]), min(y + height, size[0]))
    if not all(map(math.isfinite, corners)) or not inside or corners[0] >= corners[2] or corners[1] >= corners[3]:
        raise UserError(
            f"{where} has the bbox {[x, y, width, height]}: a box with an area within the picture of "
            f"{size[1]}×{size[0]} pixels is expected.",
            exit_code=1,
        )
    return _Row(corners, numbers[category], attributes)


def _boxes(rows: Sequence[_Row]) -> Boxes:
    """The objects of an image, with the attributes that all of them have."""
    shared = [name for name in rows[0].attributes if all(name in row.attributes for row in rows)] if rows else []
    return Boxes(
        np.array([row.corners for row in rows], dtype=np.float32).reshape(-1, 4),
        np.array([row.label for row in rows], dtype=np.int64),
        {name: np.array([row.attributes[name] for row in rows], dtype=np.float32) for name in shared},
    )
