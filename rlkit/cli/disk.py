"""Errors of the disk that end a command: a full disk under its standard output, and what no other place has caught."""

import contextlib
import os
import stat
import sys
from collections.abc import Iterator

from rlkit.errors import DISK_REASONS, DiskError, UserError
from rlkit.utils.terminal import discard


@contextlib.contextmanager
def disk_failures() -> Iterator[None]:
    """Turn errors of the disk within the block, and of what it has printed, into a DiskError."""
    try:
        try:
            yield
        except SystemExit:
            sys.stdout.flush()
            raise
        sys.stdout.flush()
    except UserError:
        raise
    except OSError as error:
        reason = DISK_REASONS.get(error.errno or 0)
        if reason is None:
            raise
        # Other files are named by their writers, see `rlkit.utils.io.disk_errors`.
        if error.filename is None and _is_output_a_file():
            discard(sys.stdout.fileno())
            raise DiskError(f"standard output cannot be written: {reason}") from error
        raise DiskError(f"{error.filename or 'a file'} cannot be read or written: {reason}") from error


def _is_output_a_file() -> bool:
    """Whether standard output is a file, which then is the one that could not be written."""
    try:
        return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):
        return False
