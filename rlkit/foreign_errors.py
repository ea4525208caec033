"""Says in one line what went wrong in code that somebody else wrote, and where."""

import sysconfig
import traceback
from collections.abc import Sequence
from pathlib import Path

LONGEST_MESSAGE = 200  # characters; more is a wall of text that hides the sentence around it

_STANDARD_LIBRARY = sysconfig.get_path("stdlib")


def describe_error(error: BaseException) -> str:
    """Shorten an exception to `KeyError: 'speed' (my_env.py:12)`.

    Args:
        error: What was raised by an environment, a plug-in or a module on its way in.

    Returns:
        One line: the kind, the first line of its message, and the file and line nearest to the cause.
    """
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


def _place(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({_shown(error.filename)}:{error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    found = place_in_project([(frame.filename, frame.lineno or 0) for frame in frames])
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
