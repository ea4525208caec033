"""How single environments are stepped: in which processes, and how long one of them may take.

They are typed among the environment's own arguments (`--env-kwargs workers=4 step_timeout=120`), as those of
`frame_options` are; an environment that takes an argument of the same name gets it itself.
"""

import dataclasses
import reprlib
from dataclasses import dataclass

from rlkit.errors import UserError

MOST_WORKERS = 128  # processes, which take 25 MB each before they have an environment; more is a mistake in typing
SHORTEST = 1e-3  # seconds that can be waited for
LONGEST = 1e6  # eleven days; 0 is longer


@dataclass(frozen=True)
class SteppingOptions:
    """How single environments are stepped.

    Args:
        workers: Processes that they are shared out to; 0 steps them in this one.
        step_timeout: Seconds that making, resetting or stepping one environment may take; 0 for no limit.

    Raises:
        UserError: A value is of the wrong kind or out of range.
    """

    workers: int = 0
    step_timeout: float = 60.0

    def __post_init__(self) -> None:
        if type(self.workers) is not int or not 0 <= self.workers <= MOST_WORKERS:
            raise UserError(
                f"workers is a whole number of processes from 0 (none of their own) to {MOST_WORKERS}, "
                f"not {reprlib.repr(self.workers)}."
            )
        seconds = self.step_timeout
        if type(seconds) not in (int, float) or not (seconds == 0 or SHORTEST <= seconds <= LONGEST):
            raise UserError(
                f"step_timeout is a number of seconds from {SHORTEST:g} to {LONGEST:,.0f}, or 0 for no limit, "
                f"not {reprlib.repr(seconds)}."
            )


NAMES = tuple(field.name for field in dataclasses.fields(SteppingOptions))


def overdue(seconds: float) -> str:
    """What to say of a call that took longer than `step_timeout` allows, up to where it hangs."""
    return f"did not come back within {seconds:g} s"


def advice(seconds: float) -> str:
    """What to do about such a call."""
    return f"if it needs longer, set step_timeout={10 * seconds:g} among its arguments (0: no limit)"
