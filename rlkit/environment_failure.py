"""What is said of an environment that fails on the way: which one, in which episode, and at which step."""

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from rlkit.errors import UserError
from rlkit.foreign_errors import DescribedError, describe_error


class EnvironmentFailure(UserError):  # noqa: N818 - it is no error of ours
    """An environment that was made as it should be failed on the way, or gave what nobody can learn from.

    Args:
        message: The sentence.
    """

    def __init__(self, message: str):
        super().__init__(message, exit_code=1)


def place(environment_id: str, index: int, seeds: Sequence[int], steps: npt.NDArray[np.int64]) -> str:
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
    environment_id: str, doing: str, seeds: Sequence[int], steps: npt.NDArray[np.int64]
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
    environment_id: str, doing: str, error: Exception, seeds: Sequence[int], steps: npt.NDArray[np.int64]
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
