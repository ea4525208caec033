"""What goes into a replay buffer and comes out of it, and what an agent may ask of one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from rlkit.spaces import Observations

Rows = npt.NDArray[np.int64]
Array = TypeVar("Array")
Other = TypeVar("Other")


@dataclass(frozen=True)
class Transitions:
    """One step of N environments.

    Args:
        observations: s_t, leaves (N, ...).
        actions: a_t, (N,) int64.
        rewards: r_t+1, (N,) float32, unclipped.
        terminated: (N,) bool, whether s_t+1 is terminal: its value is 0.
        truncated: (N,) bool, whether a limit ended the episode at s_t+1: its value is bootstrapped.
        next_observations: s_t+1; where an episode ended, its last observation and not the first of the next one.
        lost: (N,) bool, whether the environment's process ended in this step, so that s_t+1 is unknown; None for none.
    """

    observations: Observations
    actions: npt.NDArray[np.int64]
    rewards: npt.NDArray[np.float32]
    terminated: npt.NDArray[np.bool_]
    truncated: npt.NDArray[np.bool_]
    next_observations: Observations
    lost: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Batch(Generic[Array]):
    """B sampled n-step transitions, as arrays or as tensors.

    Args:
        observations: s_t, leaves (B, ...).
        actions: a_t, (B,) int64.
        returns: (B,) float32, r_t+1 + gamma r_t+2 + ... up to s_t+k.
        discounts: (B,) float32, gamma^k, or 0 where s_t+k is terminal: the weight of the value of s_t+k.
        next_observations: s_t+k, leaves (B, ...); k is n, or less where the episode or the stored rows end earlier.
        rows: (B,) int64 array, the rows of the transitions in the buffer.
        weights: (B,) float32 importance weights, at most 1 (Schaul et al. 2016); ones for uniform sampling.
    """

    observations: Mapping[str, Array]
    actions: Array
    returns: Array
    discounts: Array
    next_observations: Mapping[str, Array]
    rows: Rows
    weights: Array

    def map(self, function: Callable[[Array], Other]) -> "Batch[Other]":
        """Apply a function to every array but `rows`, such as the conversion to tensors."""
        return Batch(
            observations={name: function(leaf) for name, leaf in self.observations.items()},
            actions=function(self.actions),
            returns=function(self.returns),
            discounts=function(self.discounts),
            next_observations={name: function(leaf) for name, leaf in self.next_observations.items()},
            rows=self.rows,
            weights=function(self.weights),
        )


class Replay(Protocol):
    """A replay buffer: `ReplayBuffer` in this process, or `RemoteReplayBuffer` in one of its own.

    Attributes:
        n_step: Number of rewards summed before bootstrapping; applies to the next samples.
    """

    n_step: int

    @property
    def oldest(self) -> int:
        """The first row that has not been overwritten."""
        ...

    @property
    def written(self) -> int:
        """Rows ever written."""
        ...

    @property
    def row_dtype(self) -> np.dtype[np.void]:
        """The dtype of a saved row."""
        ...

    def add(self, transitions: Transitions) -> object:
        """Store one step of every environment."""
        ...

    def cut(self) -> None:
        """End the running episodes unfinished: the next steps belong to new episodes."""
        ...

    def can_sample(self) -> bool:
        """Whether any complete transition is stored."""
        ...

    def sample(self, batch_size: int, per_beta: float = 0.0) -> Batch[npt.NDArray[Any]]:
        """Sample transitions with replacement."""
        ...

    def update_priorities(self, rows: Rows, errors: npt.NDArray[np.floating]) -> None:
        """Set the priorities of sampled transitions from their new TD errors."""
        ...

    def probability(self, rows: Rows) -> float:
        """Probability of the least likely of some sampled rows; prioritized sampling only."""
        ...

    def rows(self, start: int, stop: int) -> npt.NDArray[np.void]:
        """A copy of the rows [start, stop), for saving."""
        ...

    def restore_rows(self, start: int, saved: npt.NDArray[np.void]) -> None:
        """Write rows that `rows` returned back to their place."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything except the rows that exact resumption needs."""
        ...

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`, after the rows were restored."""
        ...
