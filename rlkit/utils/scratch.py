"""Temporary files and folders: locked while they are in use, and removed once their process has ended."""

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

SCRATCH = ".unfinished-"  # prefix of incomplete files and folders
LONGEST_STEM = 100  # characters of a folder's name in that of its temporary folder


@contextlib.contextmanager
def temporary_folder(parent: Path, stem: str) -> Iterator[Path]:
    """Create a folder that is locked while the block runs, and remove it then, unless it was renamed.

    Those of the same stem whose processes were killed, and which are not locked any more, are removed before.

    Args:
        parent: Where it lies.
        stem: The first characters of its name, after `SCRATCH`.
    """
    stem = stem[:LONGEST_STEM]
    _remove_abandoned(parent, stem)
    scratch, lock = _locked_folder(parent, f"{SCRATCH}{stem}-")
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        os.close(lock)


def _locked_folder(parent: Path, prefix: str) -> tuple[Path, int]:
    """Make a folder with a new name; return it with an open handle that holds its lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        try:
            handle = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:  # another process has removed it before it was locked
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another process is removing it
            os.close(handle)
            continue
        except OSError:  # a file system without locks, where no process removes it
            return folder, handle
        if folder.exists():
            return folder, handle
        os.close(handle)


def _remove_abandoned(parent: Path, stem: str) -> None:
    """Remove the temporary folders of this name whose process has ended; what cannot be locked stays."""
    name = re.compile(re.escape(f"{SCRATCH}{stem}-") + "[a-z0-9_]{8}")
    with os.scandir(parent) as entries:
        found = [entry.name for entry in entries if name.fullmatch(entry.name)]
    for scratch in found:
        with contextlib.suppress(OSError):  # among them links, and folders that another process has removed
            handle = os.open(parent / scratch, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(parent / scratch, ignore_errors=True)
            finally:
                os.close(handle)


def remove_scratch(folder: Path) -> None:
    """Remove incomplete files and folders of killed processes."""
    for scratch in folder.glob(f"{SCRATCH}*"):
        if scratch.is_dir() and not scratch.is_symlink():
            shutil.rmtree(scratch, ignore_errors=True)
        else:
            scratch.unlink(missing_ok=True)
