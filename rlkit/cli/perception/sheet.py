"""Writing the sheet of predictions of `rlkit perception predict` to a file."""

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rlkit.cli.options import print_line
from rlkit.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rlkit.spaces import Pixels

R = TypeVar("R")


def title_of(model: str) -> str:
    """The title of a sheet: the last part of the model's name."""
    return model.rstrip("/").rpartition("/")[2]


def write_sheet(rows: "Sequence[R]", draw: "Callable[[Sequence[R], str], Pixels]", model: str, out: Path) -> None:
    """Draw a sheet and write it atomically, as the ending of the file says.

    Args:
        rows: The predictions, one for each picture.
        draw: Draws rows under a title.
        model: As the user named it.
        out: The file.

    Raises:
        UserError: There are no rows, or the file cannot be written.
    """
    from PIL import Image

    from rlkit.utils.io import disk_errors, scratch_file

    if not rows:
        raise UserError("there are no images", exit_code=1)
    sheet = draw(rows, title_of(model))
    with disk_errors(str(out)), scratch_file(out) as scratch:
        Image.fromarray(sheet).save(scratch, quality=92)
        scratch.rename(out)
    print_line(f"{len(rows)} pictures: {out}")
