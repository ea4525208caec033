"""Errors of the disk that end a command: a full disk under its standard output, and what no other place has caught."""

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterator

from rlkit.errors import DiskError, UserError

_REASONS = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "the disk quota is used up: free some space",
    errno.EFBIG: "the limit on the size of a file is reached (ulimit -f)",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EMFILE: "too many files are open (ulimit -n)",
}


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
        reason = _REASONS.get(error.errno or 0)
        if reason is None:
            raise
        # Other files are named by their writers, see `rlkit.utils.io.disk_errors`.
        if error.filename is None and _is_output():
            raise DiskError(f"standard output cannot be written: {reason}") from error
        raise DiskError(f"{error.filename or 'a file'} cannot be read or written: {reason}") from error


def _is_output() -> bool:
    """Whether standard output is a file, which then is the one that could not be written; the rest is discarded."""
    try:
        number = sys.stdout.fileno()
        found = stat.S_ISREG(os.fstat(number).st_mode)
    except (OSError, ValueError):
        return False
    if found:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, number)
        os.close(null)
    return found
