"""Data sets of boxes: a folder in one of the known layouts.

To add a layout, write a `DetectionLayout` in a file of its own and enter it in `LAYOUTS`.
"""

from pathlib import Path

from rlkit.detection.datasets.base import DetectionDataset, DetectionLayout
from rlkit.detection.datasets.bdd100k import BDD100KBoxes
from rlkit.detection.datasets.coco import COCO
from rlkit.detection.datasets.folder import DetectionFolder
from rlkit.detection.datasets.kitti_object import KittiObject
from rlkit.errors import UserError
from rlkit.segmentation.datasets import is_simulator
from rlkit.segmentation.datasets.bounds import check_size

LAYOUTS: tuple[DetectionLayout, ...] = (KittiObject(), BDD100KBoxes(), COCO())


def open_boxes(data: str | Path, *, size: tuple[int, int] | None = None, held_out: float = 0.1) -> DetectionDataset:
    """Open the data set of boxes that `--data` names.

    Args:
        data: A folder in one of `LAYOUTS`.
        size: Height and width of the pictures, in pixels; None for those of the first.
        held_out: Fraction of each training sequence used for validation; 0 for none.

    Raises:
        UserError: There is no such folder, its layout is unknown, or one of its files is invalid.
    """
    if size is not None:
        check_size(size)
    if is_simulator(data):
        raise UserError(f"--data {data}: detectors are trained on folders of pictures with boxes; name one.")
    folder = Path(data).expanduser()
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder} (a detector needs --data FOLDER, of pictures with boxes).")
    for layout in LAYOUTS:
        if layout.recognises(folder):
            return DetectionFolder(layout.read(folder), str(folder), size, held_out=held_out)
    inside = ", ".join(sorted(path.name for path in folder.iterdir())[:8])
    known = "".join(f"\n  {layout.name}: {layout.structure}" for layout in LAYOUTS)
    raise UserError(
        f"{folder} holds no boxes in a known layout{f' (it holds {inside})' if inside else ': it is empty'}. "
        f"Known layouts:{known}"
    )
