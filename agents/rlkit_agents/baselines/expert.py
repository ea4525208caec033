"""The scripted expert of an environment: a yardstick for learners, and proof that a task can be done."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from rlkit.agent import Agent
from rlkit.capabilities import CanBeAsked
from rlkit.errors import UserError
from rlkit.spaces import Observations, Spaces
from rlkit_agents.baselines.config import PRESETS, NoConfig


class Expert(Agent):
    """Does what the environment's own scripted expert would do, where there is one."""

    Config: ClassVar[type] = NoConfig
    presets: ClassVar[Mapping[str, Callable[[Spaces, int], Any]]] = PRESETS
    learns: ClassVar[bool] = False

    def __init__(self) -> None:
        self._environments: CanBeAsked | None = None

    @classmethod
    def build(cls, spaces: Spaces, config: NoConfig, num_envs: int, device: str, seed: int) -> Self:
        """Make the agent; everything it knows comes from the environments it is bound to."""
        return cls()

    def bind(self, environments: CanBeAsked) -> None:
        """Remember whom to ask.

        Raises:
            UserError: If these environments have no expert.
        """
        if not environments.offers("expert_action"):
            raise UserError("This environment has no scripted expert: it offers no expert_action().")
        self._environments = environments

    def act(self, observations: Observations, explore: bool) -> npt.NDArray[np.int64]:
        """Ask each environment for its expert's action."""
        if self._environments is None:
            raise RuntimeError("the expert has to be bound to environments before it can act")
        return np.array(self._environments.call("expert_action"), dtype=np.int64)
