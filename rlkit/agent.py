"""The interface between agents and the training loop."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt

from rlkit.capabilities import HasCapabilities
from rlkit.errors import UserError
from rlkit.spaces import Observations, Spaces

if TYPE_CHECKING:
    from rlkit.nn.distributed import LearnerGroup
    from rlkit.replay import Replay, Transitions

_log = logging.getLogger(__name__)

State = dict[str, Any]
"""A plain tree: nested dicts of arrays, tensors, numbers, strings, booleans, None and lists of plain values."""


@dataclass(frozen=True)
class Inspection:
    """An agent's estimates for N observations; None for what was not asked for, or what the agent does not estimate.

    Args:
        q: (N, A) float32, expected return of each action.
        quantiles: (N, A, K) float32, quantiles of the return at evenly spaced fractions.
        support: (K,) float32, the atoms of a categorical distribution of the return.
        probabilities: (N, A, K) float32, the probability of each atom of `support`.
        network_input: The observations as the network receives them.
    """

    q: npt.NDArray[np.float32] | None = None
    quantiles: npt.NDArray[np.float32] | None = None
    support: npt.NDArray[np.float32] | None = None
    probabilities: npt.NDArray[np.float32] | None = None
    network_input: Observations | None = None


class Agent(ABC):
    """Acts in N environments, observes their transitions, and decides itself when to update.

    `Config` is a frozen dataclass of all hyperparameters; `presets` maps names to pure functions
    (spaces, budget in steps) -> Config, the first of which is the default.

    Attributes:
        warn: Called with a sentence on what may need mending; logs it by default.
    """

    warn: Callable[[str], None] = _log.warning

    Config: ClassVar[type]
    presets: ClassVar[Mapping[str, Callable[[Spaces, int], Any]]]
    learns: ClassVar[bool] = True

    @classmethod
    def default_steps(cls, spaces: Spaces) -> int:
        """The training budget if none is given, in steps of a single environment."""
        return 100_000

    @classmethod
    @abstractmethod
    def build(cls, spaces: Spaces, config: Any, num_envs: int, device: str, seed: int) -> Self:
        """Build the agent with all its parts; all randomness derives from `seed`."""

    @classmethod
    def shared(cls, config: Any, learners: int) -> Any:
        """The hyperparameters of each of several learners that train together, see `join`.

        Raises:
            UserError: The agent has no such training, or a number cannot be divided.
        """
        raise UserError(
            f"--learners {learners}: the agent {cls.__name__} is trained by a single process; leave it out."
        )

    def join(self, group: "LearnerGroup") -> None:  # noqa: B027 - see `shared`
        """Train with other learners: begin with the weights of the first, and average gradients from now on.

        An agent that has `shared` hyperparameters counts the steps of all learners.
        """

    @abstractmethod
    def act(self, observations: Observations, explore: bool) -> npt.NDArray[np.int64]:
        """Choose an action for each of N observations; without `explore` no random number is drawn."""

    def observe(self, transitions: "Transitions") -> None:  # noqa: B027 - optional
        """Receive one step of the training environments."""

    def update(self, env_steps: int) -> dict[str, float]:
        """Take the gradient steps due after `env_steps` environment steps in total; return metrics to log."""
        return {}

    def inspect(self, observations: Observations, want: Collection[str] = ("q",)) -> Inspection:
        """Estimates for N observations; `want` names the fields of the `Inspection` to fill."""
        return Inspection()

    def bind(self, environments: HasCapabilities) -> None:  # noqa: B027 - most agents need only observations
        """Set the environments that the next observations come from; the scripted expert queries them."""

    @property
    def replay(self) -> "Replay | None":
        """The replay buffer, which checkpoints save incrementally and apart from `state`."""
        return None

    def cut(self) -> None:
        """End the running episodes unfinished, since new ones have begun in their place."""
        if self.replay is not None:
            self.replay.cut()

    @property
    def threads(self) -> int | None:
        """Number of torch threads; None for torch's default. Small networks are no faster on several."""
        return None

    def memory_estimate(self) -> int:
        """Bytes that the agent holds once its replay buffer is full."""
        return 0

    def describe(self) -> list[str]:
        """The agent's configuration, one line each, printed before training starts."""
        return []

    def cautions(self) -> list[str]:
        """Sentences to warn the user with before training starts."""
        return []

    def weights(self) -> dict[str, Any]:
        """Tensors by name, sufficient to act greedily."""
        return {}

    def load_weights(self, weights: Mapping[str, Any]) -> None:  # noqa: B027 - optional
        """Load tensors that `weights` returned."""

    def state(self) -> State:
        """Everything else, apart from the replay buffer, that exact resumption needs."""
        return {}

    def load_state(self, state: State) -> None:  # noqa: B027 - optional
        """Continue from a `state`."""


class SelectiveAgent(Agent):
    """Acts as another agent does, in environments with further observations, which that one does not receive.

    Args:
        agent: Acts.
        names: The observations that it receives.
    """

    learns = False

    def __init__(self, agent: Agent, names: Collection[str]):
        self._agent, self._names = agent, tuple(names)

    @classmethod
    def build(cls, spaces: Spaces, config: Any, num_envs: int, device: str, seed: int) -> Self:
        """Not available: it is made of an agent."""
        raise NotImplementedError

    def act(self, observations: Observations, explore: bool) -> npt.NDArray[np.int64]:
        """As the agent."""
        return self._agent.act(self._selected(observations), explore)

    def inspect(self, observations: Observations, want: Collection[str] = ("q",)) -> Inspection:
        """As the agent."""
        return self._agent.inspect(self._selected(observations), want)

    def bind(self, environments: HasCapabilities) -> None:
        """As the agent."""
        self._agent.bind(environments)

    @property
    def threads(self) -> int | None:
        """As the agent."""
        return self._agent.threads

    def weights(self) -> dict[str, Any]:
        """As the agent."""
        return self._agent.weights()

    def load_weights(self, weights: Mapping[str, Any]) -> None:
        """As the agent."""
        self._agent.load_weights(weights)

    def _selected(self, observations: Observations) -> Observations:
        return {name: observations[name] for name in self._names}


class Actor(Protocol):
    """What explores for an agent in another process, in some of its environments."""

    def load(self, weights: Mapping[str, npt.NDArray[Any]] | None, exploration: Mapping[str, float]) -> None:
        """Go on with newer weights, or the same if None, and with the present values of the agent's schedules."""
        ...

    def act(self, observations: Observations) -> npt.NDArray[np.int64]:
        """An action for each of its environments."""
        ...

    def observe(self, transitions: "Transitions") -> "Transitions":
        """Receive one step, and return it as the replay buffer stores it."""
        ...

    def td_errors(self, steps: "list[Transitions]") -> npt.NDArray[np.float32] | None:
        """TD errors (T, n) of the T steps since the last call; None where sampling is uniform."""
        ...


class OffPolicyAgent(Agent):
    """An agent that learns from a replay buffer, so that other processes can collect its transitions."""

    @classmethod
    @abstractmethod
    def make_actor(cls, spaces: Spaces, config: Any, envs: range, num_envs: int, seed: np.random.SeedSequence) -> Actor:
        """What explores in the environments `envs` of `num_envs`."""

    @property
    @abstractmethod
    def updates(self) -> int:
        """Gradient steps taken."""

    @abstractmethod
    def use_replay(self, replay: "Replay") -> None:
        """Take another replay buffer in place of its own."""

    @abstractmethod
    def exploration(self) -> dict[str, float]:
        """The present values of the schedules that actors follow."""

    @abstractmethod
    def exploring_weights(self) -> dict[str, npt.NDArray[Any]]:
        """Weights of the network that explores."""

    @abstractmethod
    def count_steps(self, rewards: npt.NDArray[np.float32], terminated: npt.NDArray[np.bool_]) -> None:
        """Count one step of some environments, whose transitions are in the replay buffer.

        Args:
            rewards: (n,), not scaled.
            terminated: (n,) bool.
        """
