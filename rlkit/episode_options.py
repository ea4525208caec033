"""What ends an episode while an agent learns, beside the environment itself.

Typed among the environment's own arguments (`--env-kwargs unrewarded_limit=25`), as those of `frame_options` are; an
environment that takes an argument of the same name gets it itself. Evaluations play every episode to its own end.
"""

import dataclasses
import reprlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rlkit.errors import UserError

LONGEST = 1_000_000  # steps; more is a mistake in typing


@dataclass(frozen=True)
class EpisodeOptions:
    """What ends an episode early.

    Args:
        unrewarded_limit: So many steps in a row without a reward above zero end it like a failure, after which nothing
            more is to be had; 0 for no limit. A car that lies in a ditch, or drives round the wrong way, teaches
            nothing for the rest of its time, and that it ends there teaches to keep off.

    Raises:
        UserError: A value is of the wrong kind or out of range.
    """

    unrewarded_limit: int = 0

    def __post_init__(self) -> None:
        if type(self.unrewarded_limit) is not int or not 0 <= self.unrewarded_limit <= LONGEST:
            raise UserError(
                f"unrewarded_limit is a whole number of steps from 0 (no limit) to {LONGEST:,}, "
                f"not {reprlib.repr(self.unrewarded_limit)}."
            )


NAMES = tuple(field.name for field in dataclasses.fields(EpisodeOptions))


class UnrewardedSteps:
    """Counts, in each of N environments, the steps since a reward above zero or the start of the episode.

    Args:
        limit: After how many of them an episode is over; 0 for never.
        num_envs: N.
    """

    def __init__(self, limit: int, num_envs: int):
        self.limit = limit
        self._count = np.zeros(num_envs, dtype=np.int64)

    def begin(self, mask: npt.NDArray[np.bool_]) -> None:
        """Forget the steps of episodes that are over; ``mask`` is (N,) bool."""
        self._count[mask] = 0

    def over(self, rewards: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        """(N,) bool, which episodes are over after a step that brought these rewards, (N,) float32."""
        if self.limit == 0:
            return np.zeros(len(rewards), dtype=np.bool_)
        self._count = np.where(rewards > 0.0, 0, self._count + 1)
        over: npt.NDArray[np.bool_] = self._count >= self.limit
        return over
