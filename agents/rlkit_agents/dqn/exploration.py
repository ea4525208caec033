"""Which environments explore, what they do instead of what seems best, and for how long."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


class EpsilonGreedy:
    """Random actions for a share epsilon of all steps, each kept for a while if so asked.

    A walk of single random steps stays where it is: a car in a valley never leaves it. Random actions that last reach
    further (temporally extended epsilon-greedy, Dabney et al. 2021, whose durations have a heavy tail; here they are
    geometric).

    Args:
        num_actions: A.
        num_envs: N, while exploring.
        generator: Where chance comes from.
    """

    def __init__(self, num_actions: int, num_envs: int, generator: np.random.Generator):
        self._num_actions = num_actions
        self._generator = generator
        self._left = np.zeros(num_envs, dtype=np.int64)  # steps that a random action still lasts
        self._held = np.zeros(num_envs, dtype=np.int64)

    def draw(self, epsilon: float, hold: float = 1.0) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
        """Say who explores in this step, (N,) bool, and by which actions, (N,).

        Args:
            epsilon: Share of all steps that are random.
            hold: Mean number of steps for which a random action that begins now is kept; 1 draws each anew.
        """
        count = len(self._left)
        actions = self._generator.integers(self._num_actions, size=count)
        # So many beginnings that, however long they last, a share epsilon of all steps is random.
        begins = (self._left == 0) & (self._generator.random(count) < epsilon / (epsilon + hold * (1 - epsilon)))
        self._held[begins] = actions[begins]
        self._left[begins] = self._generator.geometric(1 / hold, size=count)[begins]
        exploring = self._left > 0
        self._left[exploring] -= 1
        return exploring, self._held.copy()

    def end(self, ended: npt.NDArray[np.bool_]) -> None:
        """Keep no action beyond the end of an episode."""
        self._left[ended] = 0

    def state(self) -> dict[str, Any]:
        """What exact resumption needs."""
        return {
            "generator": self._generator.bit_generator.state,
            "left": self._left.tolist(),
            "held": self._held.tolist(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` gave."""
        self._generator.bit_generator.state = state["generator"]
        self._left[:] = state["left"]
        self._held[:] = state["held"]


class ExplorationClock:
    """Counts the steps by which exploration falls off, and stands still while there is nothing to learn from.

    Where every step has brought the same reward and time alone has ended episodes, no action is better than another: a
    car that never reached the hill's top knows of nothing worth driving to, and less exploration would keep it so. A
    tenth less does better than none, though: Acrobot took 26,000 steps rather than 40,000 (means of five seeds).

    Args:
        findings: Terminations, and rewards other than the first of all, that are awaited; 0 never waits.
        limit: Steps that count in any case.
    """

    def __init__(self, findings: int, limit: int):
        self._awaited = findings
        self._limit = limit
        self._usual: float | None = None
        self.steps = 0

    def observe(self, rewards: npt.NDArray[np.float32], terminated: npt.NDArray[np.bool_]) -> None:
        """Count one step of N environments; rewards and terminations are (N,)."""
        if self._awaited > 0:
            self._usual = float(rewards[0]) if self._usual is None else self._usual
            self._awaited -= int(np.count_nonzero(terminated | (rewards != self._usual)))
        if self._awaited <= 0 or self.steps < self._limit:
            self.steps += len(rewards)

    def state(self) -> dict[str, Any]:
        """What exact resumption needs."""
        return {"steps": self.steps, "awaited": self._awaited, "usual": self._usual}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` gave."""
        self.steps, self._awaited, self._usual = state["steps"], state["awaited"], state["usual"]
