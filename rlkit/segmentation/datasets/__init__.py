"""Data sets of labelled pictures: a simulator, or a folder in one of the known layouts.

To add a layout, write a class like those here, one file each, and name it in `LAYOUTS`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlkit.errors import UserError
from rlkit.segmentation.datasets.base import Dataset, DatasetIndex, DatasetLayout
from rlkit.segmentation.datasets.bdd100k import BDD100K
from rlkit.segmentation.datasets.bounds import check_size
from rlkit.segmentation.datasets.camvid import CamVid
from rlkit.segmentation.datasets.cityscapes import Cityscapes
from rlkit.segmentation.datasets.custom import Own
from rlkit.segmentation.datasets.kitti_road import KittiRoad

SIMULATOR = "env:rlkit/DrivingCamera-v0"  # what `sim` stands for
_ENVIRONMENT = "env:"
_OBJECT = "dataset:"  # begins the name of a `TorchDataset`

LAYOUTS: tuple[DatasetLayout, ...] = (CamVid(), KittiRoad(), BDD100K(), Cityscapes(), Own())


def is_simulator(data: str | Path) -> bool:
    """Whether what a person typed after `--data` means an environment rather than a folder."""
    return str(data) == "sim" or str(data).startswith(_ENVIRONMENT)


def environment_id(data: str) -> str:
    """The id of the environment that `sim` or `env:ID` means."""
    return (SIMULATOR if data == "sim" else data).removeprefix(_ENVIRONMENT)


def open_dataset(
    data: str | Path,
    *,
    size: tuple[int, int] | None = None,
    seed: int = 0,
    env_kwargs: Mapping[str, Any] | None = None,
    held_out: float = 0.1,
    pictures: int | None = None,
    allow_code: bool = True,
) -> Dataset:
    """Find what `--data` names.

    Args:
        data: `sim`; `env:ID` for any environment with a camera and a segmentation; or a folder in one of the layouts of
            `segmentation.datasets`.
        size: Height and width of the pictures, in pixels; None for their own.
        seed: Decides which pictures of a simulator are selected by and measured on.
        env_kwargs: Arguments of the environment; only for a simulator.
        held_out: Share of each training sequence of a folder that the best weights are chosen by; 0 for none.
        pictures: How many a simulator is to give per split that is measured, evenly of all its looks; None for 64 of
            each look.
        allow_code: Whether a module or file that `env:ID` names may be imported; false when it was not typed.

    Raises:
        UserError: There is no such environment or folder, it cannot be used, or a number is out of range.
    """
    if size is not None:
        check_size(size)
    text = SIMULATOR if str(data) == "sim" else str(data)
    # Each kind brings its own libraries.
    if text.startswith(_ENVIRONMENT):
        from rlkit.env.config import EnvConfig
        from rlkit.segmentation.datasets.simulator import SimulatorDataset

        environment = EnvConfig(text.removeprefix(_ENVIRONMENT), dict(env_kwargs or {}))
        return SimulatorDataset(environment, size, seed, allow_code=allow_code, measured=pictures)
    if text.startswith(_OBJECT):
        raise UserError(
            f"{text} was given in Python and is not stored with the run: hand in the same dataset again, by "
            "rlkit.segmentation.resume(folder, data=dataset)."
        )
    if env_kwargs:
        raise UserError(f"--env-kwargs belong to a simulator; {text} is a folder of pictures.")
    from rlkit.segmentation.datasets.folder import open_folder

    return open_folder(Path(text).expanduser(), size, held_out=held_out)


def read_dataset(folder: Path) -> DatasetIndex:
    """Find out by its folders and files which data set lies in a folder, and which pictures it has.

    Raises:
        UserError: There is no such folder, it is empty or of no known layout, or a picture lacks its labels.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder} (--data takes sim, env:ENVIRONMENT, or a folder of pictures).")
    for layout in LAYOUTS:
        if layout.recognises(folder):
            return layout.read(folder)
    inside = ", ".join(sorted(path.name for path in folder.iterdir())[:8])
    looked_for = "".join(f"\n  {layout.name}: {layout.looks_for}" for layout in LAYOUTS)
    raise UserError(
        f"{folder} holds no data set of a known layout{f' (it holds {inside})' if inside else ': it is empty'}. "
        f"Looked for:{looked_for}"
    )
