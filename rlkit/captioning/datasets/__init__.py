"""Data sets of pictures with captions: a folder in COCO's layout; a simulator's are in `rlkit.commentary`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlkit.captioning.datasets import coco
from rlkit.captioning.datasets.base import CaptionDataset
from rlkit.errors import UserError
from rlkit.segmentation.datasets.bounds import check_size


def open_captions(
    data: str | Path,
    *,
    size: tuple[int, int] | None = None,
    seed: int = 0,
    env_kwargs: Mapping[str, Any] | None = None,
    held_out: float = 0.1,
    language: str | None = None,
    pictures: int | None = None,
    allow_code: bool = True,
) -> CaptionDataset:
    """Open a folder of pictures with captions; the other openers of captions have the same options.

    Args:
        data: The folder.
        size: Height and width of the pictures, in pixels; None for those of the first.
        seed: Of a simulator.
        env_kwargs: Of a simulator.
        held_out: Fraction of the training pictures used for validation; 0 for none.
        language: Of a simulator's sentences.
        pictures: Number of pictures in each test split of a simulator.
        allow_code: Whether a simulator's module may be imported.

    Raises:
        UserError: There is no such folder, its layout is unknown, or one of its files is invalid.
    """
    if size is not None:
        check_size(size)
    for option, value in (("--env-kwargs", env_kwargs), ("--language", language)):
        if value:
            raise UserError(f"{option} is for a simulator's sentences; {data} is a folder with captions.")
    folder = Path(data).expanduser()
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder} with captions.")
    if not coco.recognises(folder):
        raise UserError(f"{folder} holds no captions: expected {coco.STRUCTURE}, as COCO has them, and pictures.")
    return coco.CocoCaptions(folder, size, held_out=held_out)
