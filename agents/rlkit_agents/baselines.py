"""Baselines without learning: random actions, and the environment's scripted expert."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from rlkit.agent import Agent
from rlkit.capabilities import HasCapabilities
from rlkit.errors import UserError
from rlkit.spaces import Observations, Spaces

NO_PRESETS: Mapping[str, Callable[[Spaces, int], Any]] = {}


@dataclass(frozen=True)
class BaselineConfig:
    """No hyperparameters."""


class Random(Agent):
    """Uniformly random actions."""

    Config: ClassVar[type] = BaselineConfig
    presets = NO_PRESETS
    learns: ClassVar[bool] = False

    def __init__(self, num_actions: int, generator: np.random.Generator):
        self._num_actions = num_actions
        self._generator = generator

    @classmethod
    def build(cls, spaces: Spaces, config: BaselineConfig, num_envs: int, device: str, seed: int) -> Self:
        """Build the agent; the device is not used."""
        return cls(spaces.num_actions, np.random.default_rng(seed))

    def act(self, observations: Observations, explore: bool) -> npt.NDArray[np.int64]:
        """Draw a random action for each of N observations, with and without `explore`."""
        count = len(next(iter(observations.values())))
        return self._generator.integers(self._num_actions, size=count)


class Expert(Agent):
    """The actions of the environment's scripted expert.

    Continuous actions are rounded to the nearest discrete one, as for every agent. In `rlkit/DrivingContinuous-v0` the
    default grid of 3 × 3 costs the expert 1 % of its lap time; 21 × 11 (`--env-kwargs action_bins=21,11`) has two
    thirds of the jerk.
    """

    Config: ClassVar[type] = BaselineConfig
    presets = NO_PRESETS
    learns: ClassVar[bool] = False

    def __init__(self) -> None:
        self._environments: HasCapabilities | None = None

    @classmethod
    def build(cls, spaces: Spaces, config: BaselineConfig, num_envs: int, device: str, seed: int) -> Self:
        """Build the agent, which has to be bound to environments before it acts."""
        return cls()

    def bind(self, environments: HasCapabilities) -> None:
        """Set the environments whose expert is queried.

        Raises:
            UserError: These environments have no expert.
        """
        if not environments.offers("expert_action"):
            raise UserError("This environment has no scripted expert: it offers no expert_action().")
        self._environments = environments

    def act(self, observations: Observations, explore: bool) -> npt.NDArray[np.int64]:
        """The discrete action nearest to the expert's, for each environment.

        Raises:
            UserError: An expert's action is not in its environment's action space.
        """
        if self._environments is None:
            raise RuntimeError("the expert has to be bound to environments before it can act")
        return self._environments.actions.nearest(self._environments.call("expert_action"))
