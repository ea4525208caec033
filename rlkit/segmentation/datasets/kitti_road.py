"""KITTI Road: where a car may drive, in 289 pictures."""

from pathlib import Path

import numpy as np
from PIL import Image

from rlkit.errors import UserError
from rlkit.segmentation.datasets.base import DatasetIndex, matched, pictures_in
from rlkit.segmentation.datasets.io import ImageFiles
from rlkit.spaces import IGNORED, Classes, Pixels

CLASSES = Classes(("background", "road"), ("road",))
_PICTURES, _LABELS = "image_2", "gt_image_2"
_TASK = "_road_"  # the ground truth of the own lane, `um_lane_000000.png`, lies beside that of the road


class KittiRoad:
    """The road of KITTI's road benchmark (Fritsch, Kühnl, Geiger 2013).

        training/image_2/um_000000.png       training/gt_image_2/um_road_000000.png
        training/image_2/umm_…, uu_…         training/gt_image_2/umm_road_…, uu_road_…

    `--data` is the folder that holds `training/`, or `training/` itself. In the ground truth road is magenta,
    background red, and black counts for nothing: a pixel is valid where there is red and road where there is blue.

    The test pictures have no public truth, so the last pictures of each kind of road (`um`, `umm`, `uu`; these are the
    conditions) are set apart to be measured on. Figures are of the picture, not of the bird's-eye view in which the
    benchmark computes its MaxF.
    """

    name = "KITTI Road"
    looks_for = "training/image_2/ and training/gt_image_2/"

    def recognises(self, folder: Path) -> bool:
        """Whether pictures and truth lie side by side in the folder or in its `training/`."""
        return (_root(folder) / _LABELS).is_dir()

    def read(self, folder: Path) -> DatasetIndex:
        """List the pictures that have truth.

        Raises:
            UserError: A folder is missing or empty, or a picture lacks its truth.
        """
        root = _root(folder)
        if not (root / _PICTURES).is_dir():
            raise UserError(f"{root / _PICTURES} is missing: the pictures of {root / _LABELS} are expected there.")
        labels = [path for path in pictures_in(root / _LABELS) if _TASK in path.name]
        pairs = matched(pictures_in(root / _PICTURES), labels, label_key=lambda path: path.stem.replace(_TASK, "_"))
        files = tuple(ImageFiles(picture, truth, picture.stem.partition("_")[0]) for picture, truth in pairs)
        return DatasetIndex(self.name, CLASSES, {"train": files}, read_colours)


def _root(folder: Path) -> Path:
    return folder / "training" if (folder / "training" / _LABELS).is_dir() else folder


def read_colours(file: Image.Image, path: Path) -> Pixels:
    """Read the road from the colours of KITTI's ground truth: (H, W) uint8.

    Raises:
        UserError: The file is not in colour, or holds other colours.
    """
    if file.mode not in ("RGB", "RGBA"):
        raise UserError(f"{path} is not in colour (mode {file.mode}): magenta road on red background is expected.")
    red, green, blue = np.moveaxis(np.array(file.convert("RGB")), -1, 0)
    if green.any() or (blue[red == 0] > 0).any():
        raise UserError(f"{path} holds other colours than magenta (road), red (background) and black (ignored).")
    labels: Pixels = np.where(red == 0, IGNORED, blue > 0).astype(np.uint8)
    return labels
