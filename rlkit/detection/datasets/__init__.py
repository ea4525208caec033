"""Data sets of boxes: a simulator, or a folder in one of the known layouts.

To add a layout, write a `DetectionLayout` in a file of its own and enter it in `LAYOUTS`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlkit.detection.datasets.base import DetectionDataset, DetectionLayout
from rlkit.detection.datasets.bdd100k import BDD100KBoxes
from rlkit.detection.datasets.boxed import BoxedDataset
from rlkit.detection.datasets.coco import COCO
from rlkit.detection.datasets.folder import DetectionFolder
from rlkit.detection.datasets.kitti_object import KittiObject
from rlkit.errors import UserError
from rlkit.segmentation.datasets import is_simulator, open_dataset, recognised
from rlkit.segmentation.datasets.bounds import check_size
from rlkit.segmentation.datasets.custom import BOXES

SIMULATOR = "env:rlkit/DrivingTrafficCamera-v0"  # what `sim` stands for

LAYOUTS: tuple[DetectionLayout, ...] = (KittiObject(), BDD100KBoxes(), COCO())


def open_boxes(
    data: str | Path,
    *,
    size: tuple[int, int] | None = None,
    seed: int = 0,
    env_kwargs: Mapping[str, Any] | None = None,
    held_out: float = 0.1,
    pictures: int | None = None,
    allow_code: bool = True,
) -> DetectionDataset:
    """Open the data set of boxes that `--data` names.

    Args:
        data: `sim`; `env:ID` for any environment with camera, segmentation and boxes; or a folder in one of `LAYOUTS`,
            or of pictures with `masks/` and `boxes/`, as `rlkit perception make-dataset` writes it.
        size: Height and width of the pictures, in pixels; None for those of the first.
        seed: Selects the validation and test pictures of a simulator.
        env_kwargs: Arguments of the environment; only for a simulator.
        held_out: Fraction of each training sequence of a folder used for validation; 0 for none.
        pictures: Number of pictures in each test split of a simulator; None for its default.
        allow_code: Whether a module or file named in `env:ID` may be imported; false unless the user typed it.

    Raises:
        UserError: There is no such folder, its layout is unknown, or one of its files is invalid.
    """
    if size is not None:
        check_size(size)
    if is_simulator(data):
        name = SIMULATOR if str(data) == "sim" else data
        simulated = open_dataset(
            name, size=size, seed=seed, env_kwargs=env_kwargs, pictures=pictures, allow_code=allow_code
        )
        return BoxedDataset(simulated)
    if env_kwargs:
        raise UserError(f"--env-kwargs belong to a simulator; {data} is a folder of pictures.")
    folder = Path(data).expanduser()
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder} (--data takes sim, env:ENVIRONMENT, or a folder with boxes).")
    if (folder / BOXES).is_dir():
        return BoxedDataset(open_dataset(folder, size=size, held_out=held_out))
    own = f"\n  own pictures: images/, masks/, classes.json and {BOXES}/"
    layout = recognised(folder, LAYOUTS, "boxes in a known layout", own)
    return DetectionFolder(layout.read(folder), str(folder), size, held_out=held_out)
