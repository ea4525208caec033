"""KITTI's object detection data (Geiger et al. 2012): 7,481 pictures from a car, with distances."""

import math
from pathlib import Path

from rlkit.detection.datasets.base import Box, DetectionIndex, PictureFile
from rlkit.errors import UserError
from rlkit.segmentation.datasets.listing import TRAIN, pictures_in
from rlkit.utils import paths

OBJECTS = ("car", "van", "truck", "pedestrian", "person sitting", "cyclist", "tram")
MAX_BYTES = 2**20  # of a file of labels
_IGNORED = ("dontcare", "misc")
_COLUMNS = (15, 16)  # of a label; the last one is the score of a result
_BOX, _LOCATION = slice(4, 8), slice(11, 14)
_PICTURES, _LABELS = Path("training", "image_2"), Path("training", "label_2")


class KittiObject:
    """KITTI's boxes of the left camera: `DontCare` and `Misc` are ignored.

        training/image_2/000000.png
        training/label_2/000000.txt     type, truncation, occlusion, alpha, box (4), size (3), location (3), angle

    The distance of an object is that of its location over the ground, from the camera.
    """

    name = "KITTI object"
    structure = f"{_PICTURES}/ and {_LABELS}/"

    def recognises(self, folder: Path) -> bool:
        """Whether the folder has labels."""
        return (folder / _LABELS).is_dir()

    def read(self, folder: Path) -> DetectionIndex:
        """List the pictures and boxes.

        Raises:
            UserError: A picture or its labels are missing, or a label is invalid; the message names file and line.
        """
        if not (folder / _PICTURES).is_dir():
            raise UserError(f"{folder / _PICTURES} is missing: expected the pictures of {_LABELS} there.")
        pictures = {path.stem: path for path in pictures_in(folder / _PICTURES)}
        labels = {path.stem: path for path in sorted((folder / _LABELS).glob("*.txt"))}
        for stem, path in labels.items():
            if stem not in pictures:
                raise UserError(f"{path}: the picture {folder / _PICTURES / stem}.png is missing.")
        for stem, path in pictures.items():
            if stem not in labels:
                raise UserError(f"{path}: its labels {folder / _LABELS / stem}.txt are missing.")
        files = tuple(PictureFile(path, _boxes(labels[stem]), str(labels[stem])) for stem, path in pictures.items())
        return DetectionIndex(self.name, OBJECTS, {TRAIN: files})


def _boxes(path: Path) -> tuple[Box, ...]:
    try:
        with paths.open_regular(path) as file:
            lines = file.read(MAX_BYTES).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as KITTI's labels: {error}.", exit_code=1) from error
    return tuple(_box(line.split(), f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip())


def _box(columns: list[str], where: str) -> Box:
    if len(columns) not in _COLUMNS:
        raise UserError(f"{where}: it has {len(columns)} columns; expected KITTI's 15, from type to angle.")
    name = columns[0].replace("_", " ").lower()
    if name not in OBJECTS and name not in _IGNORED:
        raise UserError(f"{where}: the type {columns[0]!r:.60} is unknown; known: {', '.join((*OBJECTS, *_IGNORED))}.")
    try:
        x1, y1, x2, y2 = (float(number) for number in columns[_BOX])
        x, _, z = (float(number) for number in columns[_LOCATION])
    except ValueError as error:
        raise UserError(f"{where}: {error}; expected numbers after the type.") from error
    ignored = name in _IGNORED
    distance = math.hypot(x, z) if z > 0 and not ignored else math.nan
    box = Box((x1, y1, x2, y2), -1 if ignored else OBJECTS.index(name), where, ignored, distance)
    box.check_area()
    return box
