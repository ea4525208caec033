"""Methods and attributes that an environment may have beyond Gymnasium's interface; having them is all it takes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from rlkit.discrete_actions import DiscreteActions


@runtime_checkable
class HasTelemetry(Protocol):
    """Tells its instruments' readings, for gauges beside the picture."""

    def telemetry(self) -> Mapping[str, Mapping[str, Any]]:
        """Give name to `{"value", "unit", "low", "high"}`, the last two being the ends of the scale."""
        ...


@runtime_checkable
class HasRenderBetween(Protocol):
    """Can be drawn between two decisions, so that it moves smoothly however seldom it decides."""

    def render_between(self, share: float) -> npt.NDArray[np.uint8]:
        """Draw the way through the last decision, (H, W, 3): share 0 is before, 1 is now; asked every decision."""
        ...


@runtime_checkable
class HasMapOutline(Protocol):
    """Can be drawn from above."""

    def map_outline(self) -> Any:
        """Give lines in metres, for a small map."""
        ...


@runtime_checkable
class HasExpert(Protocol):
    """Knows a good action itself: a yardstick for learners and a check that the task can be done."""

    def expert_action(self) -> Any:
        """Give the action that a scripted expert would take now, as the environment takes it."""
        ...


@runtime_checkable
class HasActionNames(Protocol):
    """Names its discrete actions, in order."""

    action_names: Sequence[str]


@runtime_checkable
class HasKeys(Protocol):
    """Can be played by a person."""

    def get_keys_to_action(self) -> Mapping[Any, Any]:
        """Give the keys (as `gymnasium.utils.play` reads them) for each action."""
        ...


@runtime_checkable
class HasGamepadAxes(Protocol):
    """Can be played with sticks and triggers: its actions are numbers (a `Box`), each made of axes of a gamepad."""

    gamepad_axes: Sequence[Mapping[str, float]]
    """For each number the axes (`left_x`, `left_y`, `right_x`, `right_y`, `left_trigger`, `right_trigger`; right and
    down positive, triggers from 0 to 1) and their weights."""


@runtime_checkable
class ShowsGhost(Protocol):
    """Can draw somebody who went this way before."""

    def set_ghost(self, poses: npt.NDArray[np.float64] | None) -> None:
        """Draw a ghost from the next episode on.

        Args:
            poses: (n, 3) x, y (m) and heading (rad), as `info["pose"]` gave them at the beginning of an episode and
                after each decision; None for no ghost.
        """
        ...


@runtime_checkable
class HasState(Protocol):
    """Can be put back to where it was, for exact resume and rewinding."""

    def get_state(self) -> Any:
        """Give everything that decides what happens next."""
        ...

    def set_state(self, state: Any) -> None:
        """Go on from what `get_state` gave."""
        ...


class CanBeAsked(Protocol):
    """A batch of environments whose capabilities can be used by name."""

    @property
    def actions(self) -> "DiscreteActions":
        """What the numbers that agents choose from stand for."""
        ...

    def offers(self, name: str) -> bool:
        """Whether they have a method or attribute of this name."""
        ...

    def call(self, name: str, *args: Any) -> tuple[Any, ...]:
        """Call it, and give one result per environment."""
        ...
