"""Epsilon-greedy exploration with repeated random actions, and the steps that its schedule counts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit.utils.state_check import check_state


class EpsilonGreedy:
    """Random actions in a share epsilon of all steps, each repeated for a random number of steps.

    Repeated actions reach further than a random walk of single steps (temporally extended epsilon-greedy, Dabney et
    al. 2021, whose durations are heavy-tailed; here they are geometric).

    Args:
        num_actions: A.
        num_envs: N.
        generator: Randomness of the actions and durations.
    """

    def __init__(self, num_actions: int, num_envs: int, generator: np.random.Generator):
        self._num_actions = num_actions
        self._generator = generator
        self._remaining = np.zeros(num_envs, dtype=np.int64)  # steps for which the random action is still repeated
        self._actions = np.zeros(num_envs, dtype=np.int64)

    def draw(
        self, epsilon: float | npt.NDArray[np.float64], repeat: float = 1.0
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
        """Decide which environments take a random action in this step, (N,) bool, and which actions, (N,).

        Args:
            epsilon: Share of all steps that are random; (N,) where it differs by environment.
            repeat: Mean number of steps for which a random action that begins now is repeated.
        """
        count = len(self._remaining)
        actions = self._generator.integers(self._num_actions, size=count)
        # The probability of beginning that makes a share epsilon of all steps random, whatever the duration.
        begins = (self._remaining == 0) & (self._generator.random(count) < epsilon / (epsilon + repeat * (1 - epsilon)))
        self._actions[begins] = actions[begins]
        self._remaining[begins] = self._generator.geometric(1 / repeat, size=count)[begins]
        exploring = self._remaining > 0
        self._remaining[exploring] -= 1
        return exploring, self._actions.copy()

    def end(self, ended: npt.NDArray[np.bool_]) -> None:
        """Stop repeating actions in environments whose episode ended, (N,) bool."""
        self._remaining[ended] = 0

    def state(self) -> dict[str, Any]:
        """Everything that exact resumption needs."""
        return {
            "generator": self._generator.bit_generator.state,
            "remaining": self._remaining.tolist(),
            "actions": self._actions.tolist(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`.

        Raises:
            ValueError: It is not of such an exploration.
        """
        check_state(state, self.state(), "exploration")
        if min(state["remaining"]) < 0 or not all(0 <= action < self._num_actions for action in state["actions"]):
            raise ValueError(f"exploration should hold numbers of steps, and actions from 0 to {self._num_actions - 1}")
        self._generator.bit_generator.state = state["generator"]
        self._remaining[:] = state["remaining"]
        self._actions[:] = state["actions"]


class ExplorationSteps:
    """Counts the steps by which epsilon decays, and pauses until enough learning signal was observed.

    While all rewards are equal and no episode terminates, no action is better than another: with a sparse reward,
    epsilon stays high until it was found.

    Args:
        min_events: Number of terminations or rewards unlike the first one to wait for; 0 never pauses.
        limit: Steps that count in any case.
    """

    def __init__(self, min_events: int, limit: int):
        self._missing = min_events
        self._limit = limit
        self._first_reward: float | None = None
        self.steps = 0

    def observe(self, rewards: npt.NDArray[np.float32], terminated: npt.NDArray[np.bool_], learners: int = 1) -> None:
        """Count one step of N environments, both arrays (N,), in each of several learners."""
        if self._missing > 0:
            self._first_reward = float(rewards[0]) if self._first_reward is None else self._first_reward
            self._missing -= int(np.count_nonzero(terminated | (rewards != self._first_reward)))
        if self._missing <= 0 or self.steps < self._limit:
            self.steps += learners * len(rewards)

    def state(self) -> dict[str, Any]:
        """Everything that exact resumption needs."""
        return {"steps": self.steps, "missing_events": self._missing, "first_reward": self._first_reward}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`."""
        self.steps, self._missing, self._first_reward = state["steps"], state["missing_events"], state["first_reward"]
