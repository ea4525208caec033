"""Errors of the user, failures of environments, and one-line descriptions of exceptions in foreign code."""

import contextlib
import errno
import re
import sysconfig
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAX_MESSAGE = 200  # characters of a foreign exception's message

_STANDARD_LIBRARY = sysconfig.get_path("stdlib")
_TRACED = re.compile(r'^\s+File "(?P<file>.+)", line (?P<line>\d+) in .+$', re.MULTILINE)  # faulthandler's lines


DISK_REASONS = {  # why a file or folder cannot be written, by number of the operating system's error
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "the disk quota is used up: free some space",
    errno.EFBIG: "the limit on the size of a file is reached (ulimit -f)",
    errno.EROFS: "the disk is read-only; choose another",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EMFILE: "too many files are open (ulimit -n)",
}


class UserError(Exception):
    """An error that the user can correct; the command line prints its message without a traceback.

    The message states what was given, what was expected and what to do. Bugs of rlkit are never a UserError.

    Args:
        message: One or more sentences.
        exit_code: 2 for wrong usage, 1 for a correct command that failed.
    """

    def __init__(self, message: str, exit_code: int = 2):
        super().__init__(message)
        self.exit_code = exit_code


class DiskError(UserError):
    """A file or folder cannot be written or read: the disk is full, permission is denied, and the like.

    Args:
        message: One or more sentences.
    """

    def __init__(self, message: str):
        super().__init__(message, exit_code=1)


class DescribedError(Exception):
    """An exception in foreign code that is described already, for instance by another process.

    Args:
        text: One line, as returned by `describe_error`.
        index: Of the environment; None if unknown or in the text.
    """

    def __init__(self, text: str, index: int | None = None):
        super().__init__(text)
        self.index = index


def described(error: BaseException, index: int | None = None) -> Exception:
    """Turn an exception of an environment's call into a `DescribedError` of environment `index`.

    A `UserError` stays as it is.
    """
    if isinstance(error, UserError):
        return error
    text = str(error) if isinstance(error, DescribedError) else f"raised {describe_error(error)}"
    return DescribedError(text, index)


def describe_error(error: BaseException) -> str:
    """Shorten an exception to `KeyError: 'speed' (my_env.py:12)`.

    Args:
        error: Raised by an environment, a plug-in or an import.

    Returns:
        One line: type, first line of the message, and the file and line of the cause.
    """
    if isinstance(error, DescribedError):
        return str(error)
    lines = str(error).strip().splitlines()
    message = lines[0] if lines else ""
    if isinstance(error, SyntaxError):
        message = error.msg
    if len(message) > MAX_MESSAGE:
        message = message[: MAX_MESSAGE - 1] + "…"
    name = type(error).__name__
    place = _place(error)
    return f"{name}: {message}{place}" if message else f"{name}{place}"


def place_in_project(frames: Sequence[tuple[str, int]]) -> str | None:
    """Find the innermost frame in the user's project, else in an installed package other than Gymnasium and rlkit.

    Args:
        frames: Files and lines, outermost first, as in a traceback.

    Returns:
        `my_env.py:12`; None if all frames are of Python, Gymnasium and rlkit.
    """
    for is_candidate in (_is_project, _is_foreign_package):
        found = [(file, line) for file, line in frames if is_candidate(file)]
        if found:
            file, line = found[-1]
            return f"{_shown(file)}:{line}"
    return None


def place_of(error: BaseException) -> str | None:
    """`place_in_project` of an exception's traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    return place_in_project([(frame.filename, frame.lineno or 0) for frame in frames])


def place_in_trace(printed: str) -> str | None:
    """`place_in_project` of the last trace printed by Python's faulthandler (innermost frame first)."""
    trace = printed.rpartition("(most recent call first)")[2]
    frames = [(match["file"], int(match["line"])) for match in _TRACED.finditer(trace)]
    return place_in_project([(file, line) for file, line in reversed(frames) if Path(file).exists()])


def _place(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({_shown(error.filename)}:{error.lineno})"
    found = place_of(error)
    return f" ({found})" if found else ""


def _is_project(filename: str) -> bool:
    path = Path(filename)
    outside = not (path.is_relative_to(_STANDARD_LIBRARY) or path.is_relative_to(Path(__file__).parent))
    return outside and "site-packages" not in path.parts and not filename.startswith("<")


def _is_foreign_package(filename: str) -> bool:
    parts = Path(filename).parts
    return "site-packages" in parts and parts[parts.index("site-packages") + 1] not in ("gymnasium", "rlkit")


def _shown(filename: str) -> str:
    """The path, relative to the current folder if it is below it."""
    try:
        return str(Path(filename).relative_to(Path.cwd()))
    except ValueError:
        return filename


class EnvironmentFailure(UserError):  # noqa: N818 - not an error of rlkit
    """An environment raised an exception after its construction, or returned invalid values.

    Args:
        message: One or more sentences.
    """

    def __init__(self, message: str):
        super().__init__(message, exit_code=1)


def place(environment_id: str, index: int, seeds: Sequence[int], steps: "npt.NDArray[np.int64]") -> str:
    """Describe one of N environments and the step in its episode.

    Args:
        environment_id: Of all N.
        index: Of the environment.
        seeds: N seeds of the episodes.
        steps: (N,) int64, steps since their start.
    """
    return f"{environment_id}, environment {index} (seed {seeds[index]}), step {steps[index]}"


@contextlib.contextmanager
def environment_failures(
    environment_id: str, doing: str, seeds: Sequence[int], steps: "npt.NDArray[np.int64]"
) -> Iterator[None]:
    """Turn exceptions of environments within the block into an EnvironmentFailure with seed and step.

    Args:
        environment_id: Of N environments.
        doing: Name of the called method.
        seeds: N seeds of the episodes.
        steps: (N,) int64, steps since their start.

    Raises:
        EnvironmentFailure: An environment raised an exception other than a UserError.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise _failure(environment_id, doing, error, seeds, steps) from error


def _failure(
    environment_id: str, doing: str, error: Exception, seeds: Sequence[int], steps: "npt.NDArray[np.int64]"
) -> EnvironmentFailure:
    if doing == "step" and "expected 5, got 4" in str(error):
        return EnvironmentFailure(
            f"{environment_id} returns 4 values from step, as in the old Gym; Gymnasium expects 5: observation, "
            "reward, terminated, truncated, info."
        )
    if isinstance(error, DescribedError) and error.index is not None:
        return EnvironmentFailure(f"{place(environment_id, error.index, seeds, steps)}: {doing} {error}")
    shown = ", ".join(str(seed) for seed in seeds[:4]) + (", …" if len(seeds) > 4 else "")
    where = f" (seeds {shown}; step {steps.max()})" if doing == "step" else f" (seeds {shown})"
    return EnvironmentFailure(f"{environment_id} failed in {doing}{where}: {describe_error(error)}")
