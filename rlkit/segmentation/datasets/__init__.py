"""Data sets of labelled images: a simulator, or a folder in one of the known layouts.

To add a layout, write a `DatasetLayout` in a file of its own and enter it in `LAYOUTS`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

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


class Layout(Protocol):
    """How a folder is recognised: part of a `DatasetLayout`."""

    name: str
    structure: str

    def recognises(self, folder: Path) -> bool:
        """Whether a folder has this layout."""
        ...


L = TypeVar("L", bound=Layout)


def is_simulator(data: str | Path) -> bool:
    """Whether a value of `--data` names an environment rather than a folder."""
    return str(data) == "sim" or str(data).startswith(_ENVIRONMENT)


def environment_id(data: str) -> str:
    """The environment's id in `sim` or `env:ID`."""
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
    """Open the data set that `--data` names.

    Args:
        data: `sim`; `env:ID` for any environment with a camera and a segmentation; or a folder in one of `LAYOUTS`.
        size: Height and width of the images, in pixels; None for their own.
        seed: Selects the validation and test images of a simulator.
        env_kwargs: Arguments of the environment; only for a simulator.
        held_out: Fraction of each training sequence of a folder used for validation; 0 for none.
        pictures: Number of images in each test split of a simulator, divided among its conditions; None for 64 of each
            condition.
        allow_code: Whether a module or file named in `env:ID` may be imported; false unless the user typed it.

    Raises:
        UserError: There is no such environment or folder, it cannot be used, or a number is out of range.
    """
    if size is not None:
        check_size(size)
    text = SIMULATOR if str(data) == "sim" else str(data)
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
    """Recognise the layout of a folder and list its images.

    Raises:
        UserError: There is no such folder, it is empty or of no known layout, or an image lacks its labels.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder} (--data takes sim, env:ENVIRONMENT, or a folder of pictures).")
    return recognised(folder, LAYOUTS, "data set of a known layout").read(folder)


def recognised(folder: Path, layouts: Sequence[L], what: str, more: str = "") -> L:
    """The layout of a folder.

    Args:
        folder: It.
        layouts: Those that are known.
        what: What they are, for the message.
        more: Lines about further ones.

    Raises:
        UserError: It has none of them.
    """
    for layout in layouts:
        if layout.recognises(folder):
            return layout
    inside = ", ".join(sorted(path.name for path in folder.iterdir())[:8])
    known = "".join(f"\n  {layout.name}: {layout.structure}" for layout in layouts) + more
    raise UserError(
        f"{folder} holds no {what}{f' (it holds {inside})' if inside else ': it is empty'}. Known layouts:{known}"
    )
