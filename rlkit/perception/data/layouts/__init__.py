"""How data sets lie on disk, one file per layout. To add one, write a class like these and name it in `LAYOUTS`."""

from pathlib import Path

from rlkit.errors import UserError
from rlkit.perception.data.layouts.bdd100k import BDD100K
from rlkit.perception.data.layouts.camvid import CamVid
from rlkit.perception.data.layouts.cityscapes import Cityscapes
from rlkit.perception.data.layouts.kitti_road import KittiRoad
from rlkit.perception.data.layouts.layout import Dataset, Layout
from rlkit.perception.data.layouts.own import Own

LAYOUTS: tuple[Layout, ...] = (CamVid(), KittiRoad(), BDD100K(), Cityscapes(), Own())


def read_dataset(folder: Path) -> Dataset:
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
