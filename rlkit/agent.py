"""The interface between agents and the training loop."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from rlkit.capabilities import HasCapabilities
from rlkit.spaces import Observations, Spaces

if TYPE_CHECKING:
    from rlkit.replay import ReplayBuffer

State = dict[str, Any]
"""A plain tree: nested dicts of arrays, tensors, numbers, strings, booleans, None and lists of plain values."""


@dataclass(frozen=True)
class Transitions:
    """One step of N environments, named by time as in the papers.

    Args:
        observations: What the agent saw, s_t.
        actions: (N,) int64, what it did, a_t.
        rewards: (N,) float32, unclipped, r_t+1.
        terminated: (N,) bool, whether s_t+1 is a true end: nothing is to be expected after it.
        truncated: (N,) bool, whether a limit cut the episode: the value of s_t+1 still counts.
        next_observations: What came of it, s_t+1; at an end of an episode the real last observation.
    """

    observations: Observations
    actions: npt.NDArray[np.int64]
    rewards: npt.NDArray[np.float32]
    terminated: npt.NDArray[np.bool_]
    truncated: npt.NDArray[np.bool_]
    next_observations: Observations


@dataclass(frozen=True)
class Inspection:
    """What an agent thinks of some observations.

    Args:
        q: (N, A) float32, expected return of each action; None if the agent has no such thing.
        quantiles: (N, A, K) float32, what the return stays below with even probabilities; None where not asked for, or
            if the agent knows only the mean.
        support: (K,) float32, the returns that an agent with a fixed set of them holds possible; None for others.
        probabilities: (N, A, K) float32, how likely it holds each of `support`.
        network_input: The observations as the network reads them; None where not asked for.
    """

    q: npt.NDArray[np.float32] | None = None
    quantiles: npt.NDArray[np.float32] | None = None
    support: npt.NDArray[np.float32] | None = None
    probabilities: npt.NDArray[np.float32] | None = None
    network_input: Observations | None = None


class Agent(ABC):
    """Something that acts, remembers what came of it, and learns; it owns the rhythm of its updates.

    `Config` is a frozen dataclass of every hyperparameter; `presets` maps names to pure functions
    (spaces, budget in steps) -> Config, the first of which is the default.
    """

    Config: ClassVar[type]
    presets: ClassVar[Mapping[str, Callable[[Spaces, int], Any]]]
    learns: ClassVar[bool] = True

    @classmethod
    def default_steps(cls, spaces: Spaces) -> int:
        """The budget where none is given."""
        return 100_000

    @classmethod
    @abstractmethod
    def build(cls, spaces: Spaces, config: Any, num_envs: int, device: str, seed: int) -> Self:
        """Make the agent with all its parts, every random number drawn from `seed`."""

    @abstractmethod
    def act(self, observations: Observations, explore: bool) -> npt.NDArray[np.int64]:
        """Choose an action for each of N observations; without `explore` the choice draws no random number."""

    def observe(self, transitions: Transitions) -> None:  # noqa: B027 - an agent need not remember
        """Take in one step of the training environments."""

    def update(self, env_steps: int) -> dict[str, float]:
        """Learn as much as is due after `env_steps` steps in all; return what is worth plotting."""
        return {}

    def inspect(self, observations: Observations, want: Collection[str] = ("q",)) -> Inspection:
        """Say what is thought of N observations; `want` names the fields of the `Inspection` to fill."""
        return Inspection()

    def bind(self, environments: HasCapabilities) -> None:  # noqa: B027 - most agents need only observations
        """Tell the agent which environments the next observations come from; the scripted expert asks them."""

    @property
    def replay(self) -> "ReplayBuffer | None":
        """The replay buffer, saved apart from the rest because it only grows."""
        return None

    def cut(self) -> None:
        """Forget how the running episodes went on, because others have begun in their place."""
        if self.replay is not None:
            self.replay.cut()

    @property
    def threads(self) -> int | None:
        """How many threads torch should use for this agent; None for as many as it likes.

        Small networks are as quick on one thread, and then nothing suffers when another program wants a core.
        """
        return None

    def memory_estimate(self) -> int:
        """Bytes that the agent will hold once its memory is full."""
        return 0

    def describe(self) -> list[str]:
        """What was built and why, one line each, for a person to read before training starts."""
        return []

    def weights(self) -> dict[str, Any]:
        """Tensors by name that are enough to act greedily."""
        return {}

    def load_weights(self, weights: Mapping[str, Any]) -> None:  # noqa: B027 - nothing to load by default
        """Take the tensors that `weights` gave."""

    def state(self) -> State:
        """Everything else, apart from the replay buffer, that exact resumption needs."""
        return {}

    def load_state(self, state: State) -> None:  # noqa: B027 - nothing to load by default
        """Continue from what `state` gave."""
