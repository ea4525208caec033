"""Baselines that learn nothing: random actions, and the environment's own scripted expert."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from rlkit.agent import Agent
from rlkit.capabilities import HasCapabilities
from rlkit.errors import UserError
from rlkit.spaces import Observations, Spaces


@dataclass(frozen=True)
class NoConfig:
    """No hyperparameters."""


def plain(spaces: Spaces, steps: int) -> NoConfig:
    """The only way there is."""
    return NoConfig()


PRESETS: Mapping[str, Callable[[Spaces, int], NoConfig]] = {"plain": plain}


class Random(Agent):
    """Draws every action at random, all alike."""

    Config: ClassVar[type] = NoConfig
    presets: ClassVar[Mapping[str, Callable[[Spaces, int], Any]]] = PRESETS
    learns: ClassVar[bool] = False

    def __init__(self, num_actions: int, generator: np.random.Generator):
        self._num_actions = num_actions
        self._generator = generator

    @classmethod
    def build(cls, spaces: Spaces, config: NoConfig, num_envs: int, device: str, seed: int) -> Self:
        """Make the agent; it has no use for the device."""
        return cls(spaces.num_actions, np.random.default_rng(seed))

    def act(self, observations: Observations, explore: bool) -> npt.NDArray[np.int64]:
        """Draw an action for each of N observations; being random is all it does, whether it explores or not."""
        count = len(next(iter(observations.values())))
        return self._generator.integers(self._num_actions, size=count)


class Expert(Agent):
    """Does what the environment's own scripted expert would do, where there is one.

    Where actions are continuous it takes, as every agent here, the nearest of those on the grid that stands for them.
    In `rlkit/DrivingContinuous-v0` the default of 3 by 3 costs it 1 % of its lap time and no lap; on a grid of 21 by 11
    (`--env-kwargs action_bins=21,11`) it drives more smoothly, with two thirds of the jerk.
    """

    Config: ClassVar[type] = NoConfig
    presets: ClassVar[Mapping[str, Callable[[Spaces, int], Any]]] = PRESETS
    learns: ClassVar[bool] = False

    def __init__(self) -> None:
        self._environments: HasCapabilities | None = None

    @classmethod
    def build(cls, spaces: Spaces, config: NoConfig, num_envs: int, device: str, seed: int) -> Self:
        """Make the agent; everything it knows comes from the environments it is bound to."""
        return cls()

    def bind(self, environments: HasCapabilities) -> None:
        """Remember whom to ask.

        Raises:
            UserError: If these environments have no expert.
        """
        if not environments.offers("expert_action"):
            raise UserError("This environment has no scripted expert: it offers no expert_action().")
        self._environments = environments

    def act(self, observations: Observations, explore: bool) -> npt.NDArray[np.int64]:
        """Ask each environment for its expert's action, and take the nearest of those that can be chosen.

        Raises:
            UserError: What an expert gives is no action of its environment.
        """
        if self._environments is None:
            raise RuntimeError("the expert has to be bound to environments before it can act")
        return self._environments.actions.nearest(self._environments.call("expert_action"))
