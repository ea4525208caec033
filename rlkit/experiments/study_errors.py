"""Errors of the SQLite file of a study that are the disk's, such as a full one."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from rlkit.errors import DiskError

_REASONS = {  # by primary result code, see sqlite.org/rescode.html
    sqlite3.SQLITE_FULL: "the disk is full: free some space",
    sqlite3.SQLITE_IOERR: "it cannot be written or read: the limit on the size of a file (ulimit -f) is reached, or "
    "the disk is full or damaged",
    sqlite3.SQLITE_READONLY: "it cannot be written: permission is denied, or the disk is read-only",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: permission is denied, or its folder was removed",
    sqlite3.SQLITE_PERM: "permission is denied",
    sqlite3.SQLITE_BUSY: "another process is writing it",
    sqlite3.SQLITE_LOCKED: "another process is writing it",
}


@contextlib.contextmanager
def study_errors(file: Path) -> Iterator[None]:
    """Turn an error of the disk in SQLite's or Optuna's calls into a DiskError; others are left as they are."""
    try:
        yield
    except Exception as error:
        reason = _reason(error)
        if reason is None:
            raise
        sentence = f"--study {file}: {reason}; the same command continues the search"
        raise DiskError(sentence) from error


def _reason(error: BaseException | None) -> str | None:
    """Why the file cannot be used, if SQLite is the cause of an exception, however it was wrapped."""
    while error is not None:
        if isinstance(error, sqlite3.Error):
            return _REASONS.get((getattr(error, "sqlite_errorcode", None) or 0) & 0xFF)
        error = getattr(error, "orig", None) or error.__cause__ or error.__context__
    return None
