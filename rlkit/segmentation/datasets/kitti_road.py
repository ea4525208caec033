"""KITTI Road: the road in 289 images."""

from pathlib import Path

import numpy as np
from PIL import Image

from rlkit.errors import UserError
from rlkit.segmentation.datasets.base import DatasetIndex
from rlkit.segmentation.datasets.io import ImageFiles
from rlkit.segmentation.datasets.listing import matched, pictures_in
from rlkit.spaces import IGNORED, Classes, Pixels

CLASSES = Classes(("background", "road"), ("road",))
_PICTURES, _LABELS = "image_2", "gt_image_2"
_TASK = "_road_"  # the folder also has the ground truth of the ego lane, `um_lane_000000.png`


class KittiRoad:
    """The road of KITTI's road benchmark (Fritsch, Kühnl, Geiger 2013).

        training/image_2/um_000000.png       training/gt_image_2/um_road_000000.png
        training/image_2/umm_…, uu_…         training/gt_image_2/umm_road_…, uu_road_…

    `--data` is the folder that holds `training/`, or `training/` itself. In the ground truth road is magenta,
    background red and black ignored: a pixel is valid where red is set and road where blue is set.

    The ground truth of the test images is not public, so the last images of each kind of road (`um`, `umm`, `uu`, the
    conditions) are held out for evaluation. Metrics are computed in the image, not in the bird's-eye view of the
    benchmark's MaxF.
    """

    name = "KITTI Road"
    structure = "training/image_2/ and training/gt_image_2/"

    def recognises(self, folder: Path) -> bool:
        """Whether the folder or its `training/` has images and ground truth."""
        return (_root(folder) / _LABELS).is_dir()

    def read(self, folder: Path) -> DatasetIndex:
        """List the images with ground truth.

        Raises:
            UserError: A folder is missing or empty, or an image lacks its ground truth.
        """
        root = _root(folder)
        if not (root / _PICTURES).is_dir():
            raise UserError(f"{root / _PICTURES} is missing: expected the pictures of {root / _LABELS} there.")
        labels = [path for path in pictures_in(root / _LABELS) if _TASK in path.name]
        pairs = matched(pictures_in(root / _PICTURES), labels, label_key=lambda path: path.stem.replace(_TASK, "_"))
        files = tuple(ImageFiles(picture, truth, picture.stem.partition("_")[0]) for picture, truth in pairs)
        return DatasetIndex(self.name, CLASSES, {"train": files}, read_colours)


def _root(folder: Path) -> Path:
    return folder / "training" if (folder / "training" / _LABELS).is_dir() else folder


def read_colours(file: Image.Image, path: Path) -> Pixels:
    """Decode the colours of KITTI's ground truth: (H, W) uint8.

    Raises:
        UserError: The file is no colour image, or has other colours.
    """
    if file.mode not in ("RGB", "RGBA"):
        raise UserError(f"{path} is not in colour (mode {file.mode}): expected magenta road on red background.")
    red, green, blue = np.moveaxis(np.array(file.convert("RGB")), -1, 0)
    if green.any() or (blue[red == 0] > 0).any():
        raise UserError(f"{path} has other colours than magenta (road), red (background) and black (ignored).")
    labels: Pixels = np.where(red == 0, IGNORED, blue > 0).astype(np.uint8)
    return labels
