"""Errors of the SQLite file of a study: those of the disk, such as a full one, and of a file that is no study."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from rlkit.errors import DiskError, UserError

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
    """Turn what Optuna and SQLAlchemy raise in calls that read or write a study into a UserError.

    Raises:
        DiskError: The disk is full, permission is denied, or the like.
        UserError: The file is no study, or is damaged.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # of many types: those of SQLite, SQLAlchemy, Optuna and of converting columns
        reason = _reason(error)
        if reason is not None:
            raise DiskError(f"--study {file}: {reason}; the same command continues the search") from error
        first = (str(error).splitlines() or [type(error).__name__])[0]
        sentence = f"--study {file}: this file is no study of rlkit tune, or is damaged ({first[:200]})"
        raise UserError(sentence, exit_code=1) from error


def _reason(error: BaseException | None) -> str | None:
    """Why the file cannot be used, if SQLite is the cause of an exception, however it was wrapped."""
    while error is not None:
        if isinstance(error, sqlite3.Error):
            return _REASONS.get((getattr(error, "sqlite_errorcode", None) or 0) & 0xFF)
        error = getattr(error, "orig", None) or error.__cause__ or error.__context__
    return None
