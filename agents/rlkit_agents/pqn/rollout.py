"""A rollout, the steps of all environments since the last update, and its lambda returns."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from rlkit.agent import State
from rlkit.replay import Transitions
from rlkit.spaces import Leaf, Observations
from rlkit.utils.state_check import check_counts, check_state

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

_COLUMNS = ("actions", "rewards", "terminated", "truncated")


def lambda_returns(
    rewards: Floats, next_values: Floats, terminated: Flags, truncated: Flags, gamma: float, lambda_: float
) -> Floats:
    """Q(lambda) targets (Peng and Williams 1994; Daley and Amato 2019), computed backwards from the end of a rollout.

    R_t = r_t+1 + gamma ((1 - lambda) max_a Q(s_t+1, a) + lambda R_t+1), with R_T = max_a Q(s_T, a). The value after a
    termination is 0; after a truncation the target bootstraps from the last state of the episode.

    Args:
        rewards: (T, N) r_t+1.
        next_values: (T, N) max_a Q(s_t+1, a), of the last observation of its episode where one ended.
        terminated: (T, N) whether s_t+1 is terminal.
        truncated: (T, N) whether a limit ended the episode at s_t+1.
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
    """T steps of N environments, added one step of all at a time.

    Args:
        leaves: Leaves of an observation.
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
        """s_t+1 of the newest step, leaves (N, ...); where an episode ended, its last observation."""
        self._truncations: list[tuple[int, int, Observations]] = []

    @property
    def full(self) -> bool:
        """Whether T steps were added."""
        return self.filled == self._shape[0]

    def add(self, transitions: Transitions) -> None:
        """Add one step of every environment."""
        assert not self.full
        t = self.filled
        for name, leaf in transitions.observations.items():
            self.observations[name][t] = leaf
        self.actions[t] = transitions.actions
        self.rewards[t] = transitions.rewards
        self.terminated[t] = transitions.terminated
        self.truncated[t] = transitions.truncated & ~transitions.terminated
        self.newest = dict(transitions.next_observations)
        for index in np.flatnonzero(self.truncated[t]).tolist():
            self._store_truncation(t, index)
        self.filled += 1

    def cut(self) -> None:
        """Mark the running episodes as truncated, since they are not continued."""
        if self.filled == 0:
            return
        t = self.filled - 1
        running = ~(self.terminated[t] | self.truncated[t])
        self.truncated[t] |= running
        for index in np.flatnonzero(running).tolist():
            self._store_truncation(t, index)

    def clear(self) -> None:
        """Start the next rollout."""
        self.filled = 0
        self._truncations = []

    @property
    def truncations(self) -> tuple[list[int], list[int], Observations]:
        """K truncated episodes: step and environment of each, and the last observations, leaves (K, ...)."""
        steps = [step for step, _, _ in self._truncations]
        environments = [environment for _, environment, _ in self._truncations]
        last = {
            name: np.stack([seen[name] for _, _, seen in self._truncations]) if self._truncations else leaf[0, :0]
            for name, leaf in self.observations.items()
        }
        return steps, environments, last

    def targets(self, value: Callable[[Observations], Floats], gamma: float, lambda_: float) -> Floats:
        """The lambda returns of a full rollout, (T, N).

        Args:
            value: Observations with leaves (B, ...) to max_a Q, (B,).
            gamma: Discount.
            lambda_: lambda.
        """
        later = {name: leaf[1:].reshape(-1, *leaf.shape[2:]) for name, leaf in self.observations.items()}
        next_values = np.concatenate([value(later), value(self.newest)]).reshape(self._shape)
        steps, environments, last = self.truncations
        if steps:
            next_values[steps, environments] = value(last)
        return lambda_returns(self.rewards, next_values, self.terminated, self.truncated, gamma, lambda_)

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        arrays = (*self.observations.values(), self.actions, self.rewards, self.terminated, self.truncated)
        return sum(array.nbytes for array in arrays)

    def state(self) -> State:
        """The steps added so far."""
        steps, environments, last = self.truncations
        return {
            "filled": self.filled,
            "observations": {name: leaf[: self.filled].copy() for name, leaf in self.observations.items()},
            **{name: getattr(self, name)[: self.filled].copy() for name in _COLUMNS},
            "newest": {name: np.array(leaf) for name, leaf in self.newest.items()},
            "truncation_steps": steps,
            "truncation_environments": environments,
            "truncation_observations": last,
        }

    def load_state(self, state: State) -> None:
        """Continue from a `state`.

        Raises:
            ValueError: Its arrays are not of the same length, or a truncation lies outside of them.
        """
        steps, num_envs = self._shape
        check_counts(state, "filled", most=steps)
        filled, last, newest = state["filled"], state["truncation_observations"], state["newest"]
        columns = [*state["observations"].values(), *(state[name] for name in _COLUMNS)]
        steps_at, environments_at = state["truncation_steps"], state["truncation_environments"]
        if len(steps_at) != len(environments_at):
            raise ValueError(f"truncated episodes have {len(steps_at)} steps and {len(environments_at)} environments")
        places = list(zip(steps_at, environments_at, strict=True))
        if any(len(column) != filled for column in columns) or any(len(leaf) != len(places) for leaf in last.values()):
            raise ValueError(f"the rollout should have {filled} steps and {len(places)} truncated episodes")
        for step, environment in places:
            check_counts({"truncation_steps": step}, "truncation_steps", most=filled - 1)
            check_counts({"truncation_environments": environment}, "truncation_environments", most=num_envs - 1)
        if newest or filled:
            check_state(newest, {name: leaf[0] for name, leaf in self.observations.items()}, "newest")
        self.filled = filled
        for name, leaf in self.observations.items():
            leaf[: self.filled] = state["observations"][name]
        for name in _COLUMNS:
            getattr(self, name)[: self.filled] = state[name]
        self.newest = dict(state["newest"])
        self._truncations = [
            (step, environment, {name: leaf[k] for name, leaf in last.items()})
            for k, (step, environment) in enumerate(places)
        ]

    def _store_truncation(self, step: int, index: int) -> None:
        self._truncations.append((step, index, {name: leaf[index].copy() for name, leaf in self.newest.items()}))
