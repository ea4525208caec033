"""Says in one line what went wrong in code that somebody else wrote, and where."""

import re
import sysconfig
import traceback
from collections.abc import Sequence
from pathlib import Path

LONGEST_MESSAGE = 200  # characters; more is a wall of text that hides the sentence around it

_STANDARD_LIBRARY = sysconfig.get_path("stdlib")
_TRACED = re.compile(r'^\s+File "(?P<file>.+)", line (?P<line>\d+) in .+$', re.MULTILINE)  # faulthandler's lines


class DescribedError(Exception):
    """Something that went wrong in somebody else's code and is told in full already, for instance by another process.

    Args:
        text: One line, as `describe_error` gives it.
        index: In which of several environments; None where that is told otherwise or by nobody.
    """

    def __init__(self, text: str, index: int | None = None):
        super().__init__(text)
        self.index = index


def describe_error(error: BaseException) -> str:
    """Shorten an exception to `KeyError: 'speed' (my_env.py:12)`.

    Args:
        error: What was raised by an environment, a plug-in or a module on its way in.

    Returns:
        One line: the kind, the first line of its message, and the file and line nearest to the cause.
    """
    if isinstance(error, DescribedError):
        return str(error)
    lines = str(error).strip().splitlines()
    message = lines[0] if lines else ""
    if isinstance(error, SyntaxError):
        message = error.msg
    if len(message) > LONGEST_MESSAGE:
        message = message[: LONGEST_MESSAGE - 1] + "…"
    name = type(error).__name__
    place = _place(error)
    return f"{name}: {message}{place}" if message else f"{name}{place}"


def place_in_project(frames: Sequence[tuple[str, int]]) -> str | None:
    """Name the innermost place that somebody wrote in a project, else in an installed package that is not on the road.

    Args:
        frames: Files and lines, as a traceback lists them: outermost first.

    Returns:
        `my_env.py:12`; None where all of it is Python's, Gymnasium's and ours.
    """
    for is_candidate in (_is_project, _is_foreign_package):
        found = [(file, line) for file, line in frames if is_candidate(file)]
        if found:
            file, line = found[-1]
            return f"{_shown(file)}:{line}"
    return None


def place_of(error: BaseException) -> str | None:
    """The same for where an error was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return place_in_project([(frame.filename, frame.lineno or 0) for frame in frames])


def place_in_trace(printed: str) -> str | None:
    """The same for the last trace that Python's faulthandler printed, which lists frames innermost first."""
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
    """The path as the user would type it: relative when it lies below the current folder."""
    try:
        return str(Path(filename).relative_to(Path.cwd()))
    except ValueError:
        return filename
