"""Safe access to untrusted folders: relative paths named in files, symbolic links, and files that are not regular.

Whatever a run folder, a study or a data set contains, nothing outside of the folder that the user named is written or
removed, and reading never blocks on a pipe or a device.
"""

import os
import re
import stat
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from rlkit.errors import DiskError, UserError
from rlkit.utils.terminal import has_control_characters

_NO_NAME = re.compile(r"^[A-Za-z]:|[\\\t\n]")  # drives, backslashes, and the control characters allowed in texts
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # opening a pipe without a writer blocks


def path_inside(folder: Path, name: object) -> Path:
    """Join a folder and a relative path read from a file.

    Args:
        folder: The folder that the user named; it may be a link itself.
        name: Such as `replay/segment-000.npy`, with forward slashes.

    Returns:
        The path, which need not exist.

    Raises:
        UserError: The name is not a relative path, leads out of the folder, or passes through a symbolic link.
    """
    if not isinstance(name, str) or not name or has_control_characters(name) or _NO_NAME.search(name):
        raise UserError(f"{folder} names {name!r}: expected a relative path within that folder", exit_code=1)
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise UserError(f"{folder} names {name!r}: expected a path that stays within that folder", exit_code=1)
    path = folder
    for part in parts:
        path /= part
        if path.is_symlink():
            raise UserError(_not_regular(path, "a symbolic link"), exit_code=1)
    return path


def check_tree(folder: Path) -> None:
    """Check that a folder contains only regular files and folders, before anything in it is written.

    Args:
        folder: The folder that the user named; it may be a link itself.

    Raises:
        UserError: It contains a symbolic link, a pipe, a socket, a device, or a folder that cannot be read.
    """
    pending = [folder]
    while pending:
        for entry in entries(pending.pop()):
            if entry.is_symlink():
                raise UserError(_not_regular(Path(entry.path), "a symbolic link"), exit_code=1)
            if entry.is_dir(follow_symlinks=False):
                pending.append(Path(entry.path))
            elif not entry.is_file(follow_symlinks=False):
                raise UserError(_not_regular(Path(entry.path), "a pipe, a socket or a device"), exit_code=1)


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """List a folder, sorted by name.

    Raises:
        UserError: It is missing, not a folder, or cannot be read.
    """
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise DiskError(f"{folder} cannot be read: {error.strerror or error}") from error


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading; links are followed.

    Raises:
        FileNotFoundError: It does not exist.
        UserError: It is not a regular file, or cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | _NONBLOCK | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DiskError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise UserError(f"{path} cannot be read: {error}", exit_code=1) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise UserError(f"{path} is not a regular file: expected a file, not a folder, pipe or device", exit_code=1)
    return os.fdopen(handle, "rb")


def read_bytes(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes.

    Raises:
        FileNotFoundError: It does not exist.
        UserError: It is not a regular file, is larger, or cannot be read.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise UserError(
                f"{path} has {size / 2**20:.0f} MiB: expected at most {limit / 2**20:.0f} MiB",
                exit_code=1,
            )
        return file.read()


def create_file(path: Path) -> BinaryIO:
    """Create a file for writing; a link or a regular file of that name is replaced, and links are never followed.

    Raises:
        OSError: It cannot be created; FileExistsError if something else has that name.
    """
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o666), "wb")


def open_lock(path: Path) -> BinaryIO:
    """Open a lock file and create it if it is missing; its content is kept, and links are not followed.

    Raises:
        UserError: It is a symbolic link or not a regular file.
        OSError: It cannot be opened.
    """
    if path.is_symlink():
        raise UserError(_not_regular(path, "a symbolic link"), exit_code=1)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | _NO_FOLLOW | _NONBLOCK, 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise UserError(_not_regular(path, "a pipe, a socket or a device"), exit_code=1)
    return os.fdopen(handle, "r+b")


def _not_regular(path: Path, what: str) -> str:
    return (
        f"{path} is {what}: expected only regular files and folders, so that nothing outside of the folder is changed. "
        "Put the real file or folder there, or remove it"
    )
