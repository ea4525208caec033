"""Random play: the score that any learner has to beat."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from rlkit.agent import Agent
from rlkit.spaces import Observations, Spaces
from rlkit_agents.baselines.config import PRESETS, NoConfig


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
