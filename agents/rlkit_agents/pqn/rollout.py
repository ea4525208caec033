"""The steps of all environments since the last update, the only memory that PQN has, and their lambda returns."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit.agent import State, Transitions
from rlkit.spaces import Leaf, Observations

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

_COLUMNS = ("actions", "rewards", "terminated", "truncated")


def lambda_returns(
    rewards: Floats, next_values: Floats, terminated: Flags, truncated: Flags, gamma: float, lambda_: float
) -> Floats:
    """Q(lambda) targets (Peng and Williams 1994; Daley and Amato 2019), worked out backwards from the end of a rollout.

    R_t = r_t+1 + gamma ((1 - lambda) max_a Q(s_t+1, a) + lambda R_t+1), where R_T is max_a Q(s_T, a). After a true end
    nothing follows; at a limit the episode's last state is valued and the trace is cut.

    Args:
        rewards: (T, N) r_t+1.
        next_values: (T, N) max_a Q(s_t+1, a), of the real last observation where an episode ended.
        terminated: (T, N) whether s_t+1 is a true end.
        truncated: (T, N) whether a limit cut the episode at s_t+1.
        gamma: Discount.
        lambda_: lambda.

    Returns:
        (T, N) R_t.
    """
    returns = np.empty_like(rewards)
    following = next_values[-1]
    for t in reversed(range(len(rewards))):
        mixed = (1 - lambda_) * next_values[t] + lambda_ * following
        value = np.where(truncated[t], next_values[t], mixed)
        returns[t] = rewards[t] + gamma * np.where(terminated[t], 0.0, value)
        following = returns[t]
    return returns


class Rollout:
    """T steps of N environments, filled one step of all at a time.

    Args:
        leaves: What an observation consists of.
        steps: T.
        num_envs: N.
    """

    def __init__(self, leaves: Mapping[str, Leaf], steps: int, num_envs: int):
        self._shape = (steps, num_envs)
        self.observations: Observations = {
            name: np.zeros((*self._shape, *leaf.shape), leaf.dtype) for name, leaf in leaves.items()
        }
        self.actions = np.zeros(self._shape, np.int64)
        self.rewards = np.zeros(self._shape, np.float32)
        self.terminated = np.zeros(self._shape, np.bool_)
        self.truncated = np.zeros(self._shape, np.bool_)
        self.filled = 0
        self.newest: Observations = {}
        """(N, ...) what the newest step led to, the real last observation where an episode ended."""
        self._limits: list[tuple[int, int, Observations]] = []

    @property
    def full(self) -> bool:
        """Whether there is no room for another step."""
        return self.filled == self._shape[0]

    def add(self, transitions: Transitions, rewards: Any) -> None:
        """Take in one step of every environment.

        Args:
            transitions: The step.
            rewards: (N,) what to learn as its rewards.
        """
        assert not self.full
        t = self.filled
        for name, leaf in transitions.observations.items():
            self.observations[name][t] = leaf
        self.actions[t] = transitions.actions
        self.rewards[t] = rewards
        self.terminated[t] = transitions.terminated
        self.truncated[t] = transitions.truncated & ~transitions.terminated
        self.newest = dict(transitions.next_observations)
        for index in np.flatnonzero(self.truncated[t]).tolist():
            self._remember_limit(t, index)
        self.filled += 1

    def cut(self) -> None:
        """Treat the running episodes as if a limit had cut them, because they do not go on."""
        if self.filled == 0:
            return
        t = self.filled - 1
        going_on = ~(self.terminated[t] | self.truncated[t])
        self.truncated[t] |= going_on
        for index in np.flatnonzero(going_on).tolist():
            self._remember_limit(t, index)

    def clear(self) -> None:
        """Begin the next rollout."""
        self.filled = 0
        self._limits = []

    @property
    def limits(self) -> tuple[list[int], list[int], Observations]:
        """Where limits cut episodes: K steps, K environments, and the last observations (K, ...)."""
        steps = [step for step, _, _ in self._limits]
        places = [place for _, place, _ in self._limits]
        last = {
            name: np.stack([seen[name] for _, _, seen in self._limits]) if self._limits else leaf[0, :0]
            for name, leaf in self.observations.items()
        }
        return steps, places, last

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        arrays = (*self.observations.values(), self.actions, self.rewards, self.terminated, self.truncated)
        return sum(array.nbytes for array in arrays)

    def state(self) -> State:
        """What has been filled so far."""
        steps, places, last = self.limits
        return {
            "filled": self.filled,
            "observations": {name: leaf[: self.filled].copy() for name, leaf in self.observations.items()},
            **{name: getattr(self, name)[: self.filled].copy() for name in _COLUMNS},
            "newest": {name: np.array(leaf) for name, leaf in self.newest.items()},
            "limit_steps": steps,
            "limit_places": places,
            "limit_observations": last,
        }

    def load_state(self, state: State) -> None:
        """Continue from what `state` gave."""
        self.filled = state["filled"]
        for name, leaf in self.observations.items():
            leaf[: self.filled] = state["observations"][name]
        for name in _COLUMNS:
            getattr(self, name)[: self.filled] = state[name]
        self.newest = dict(state["newest"])
        last = state["limit_observations"]
        self._limits = [
            (step, place, {name: leaf[k] for name, leaf in last.items()})
            for k, (step, place) in enumerate(zip(state["limit_steps"], state["limit_places"], strict=True))
        ]

    def _remember_limit(self, step: int, index: int) -> None:
        self._limits.append((step, index, {name: leaf[index].copy() for name, leaf in self.newest.items()}))
