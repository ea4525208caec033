"""Errors that a user can correct, failures of environments, and one-line descriptions of foreign exceptions."""

import contextlib
import re
import sysconfig
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LONGEST_MESSAGE = 200  # characters; more is a wall of text that hides the sentence around it

_STANDARD_LIBRARY = sysconfig.get_path("stdlib")
_TRACED = re.compile(r'^\s+File "(?P<file>.+)", line (?P<line>\d+) in .+$', re.MULTILINE)  # faulthandler's lines


class UserError(Exception):
    """A mistake in what was asked for; the command line prints its sentence without a traceback.

    The sentence says what was given, what was expected and what to do. Bugs of ours are never a UserError.

    Args:
        message: The sentence.
        exit_code: 2 when the command was used wrongly, 1 when a correct command could not be carried out.
    """

    def __init__(self, message: str, exit_code: int = 2):
        super().__init__(message)
        self.exit_code = exit_code


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


class EnvironmentFailure(UserError):  # noqa: N818 - it is no error of ours
    """An environment that was made as it should be failed on the way, or gave what nobody can learn from.

    Args:
        message: The sentence.
    """

    def __init__(self, message: str):
        super().__init__(message, exit_code=1)


def place(environment_id: str, index: int, seeds: Sequence[int], steps: "npt.NDArray[np.int64]") -> str:
    """Name one of N environments that are stepped together, and the place in its episode.

    Args:
        environment_id: Of all of them.
        index: Which one.
        seeds: N, of their episodes.
        steps: (N,) int64, taken in these.
    """
    return f"{environment_id}, environment {index} (seed {seeds[index]}), step {steps[index]}"


@contextlib.contextmanager
def failures_told(
    environment_id: str, doing: str, seeds: Sequence[int], steps: "npt.NDArray[np.int64]"
) -> Iterator[None]:
    """Turn what environments raise within into a sentence: which one it came from, and how to come there again.

    Args:
        environment_id: Of N environments that are stepped together.
        doing: The method that is called.
        seeds: N, of their episodes.
        steps: (N,) int64, taken in these.

    Raises:
        EnvironmentFailure: They failed; what is a `UserError` already stays as it is.
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
            f"{environment_id} gives 4 values from step, as the old Gym did; Gymnasium's are 5: observation, "
            "reward, terminated, truncated, info."
        )
    if isinstance(error, DescribedError) and error.index is not None:
        return EnvironmentFailure(f"{place(environment_id, error.index, seeds, steps)}: {doing} {error}")
    shown = ", ".join(str(seed) for seed in seeds[:4]) + (", …" if len(seeds) > 4 else "")
    where = f" (seeds {shown}; step {steps.max()})" if doing == "step" else f" (seeds {shown})"
    return EnvironmentFailure(f"{environment_id} failed in {doing}{where}: {describe_error(error)}")
