"""The file that an export makes: never one that exists, complete or absent."""

from pathlib import Path

from rlkit.errors import UserError
from rlkit.files import disk_errors, write_bytes


def check_target(out: Path, suffix: str) -> None:
    """Find out before the work is done whether a file can be made.

    Raises:
        UserError: Something stands there, its folder does not exist, or its name ends otherwise.
    """
    if out.suffix != suffix:
        raise UserError(f"--out {out}: expected a name that ends in {suffix} for this format.")
    if out.exists():
        raise UserError(f"--out {out}: it exists already and is left as it is; choose another name.", exit_code=1)
    if not out.absolute().parent.is_dir():
        raise UserError(f"--out {out}: the folder {out.absolute().parent} does not exist.", exit_code=1)


def write_target(out: Path, content: bytes) -> None:
    """Write the file.

    Raises:
        UserError: It cannot be written, or something else has come to stand there.
    """
    check_target(out, out.suffix)
    with disk_errors(str(out)):
        write_bytes(out, content)
