"""A single environment made of a batch of one, for environments that exist as vector environments only."""

import copy
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector.utils import create_empty_array, iterate

from rlkit.vectorization import AnyVectorEnv


class AloneInBatch(gymnasium.Env[Any, Any]):
    """Looks like a single environment.

    Args:
        vector: With one environment, in `AutoresetMode.DISABLED`.
    """

    def __init__(self, vector: AnyVectorEnv):
        self.vector = vector
        self.metadata = vector.metadata
        self.render_mode = vector.render_mode
        self.observation_space = vector.single_observation_space
        self.action_space = vector.single_action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the one."""
        super().reset(seed=seed)
        seeds: Any = None if seed is None else [seed]
        observation, _ = self.vector.reset(seed=seeds, options=options or None)
        return self._only(observation), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Step the one."""
        batch: Any = create_empty_array(self.action_space, n=1)
        batch[0] = action
        observation, rewards, terminated, truncated, _ = self.vector.step(batch)
        return self._only(observation), float(np.asarray(rewards)[0]), bool(terminated[0]), bool(truncated[0]), {}

    def render(self) -> Any:
        """Its picture."""
        pictures = self.vector.render()
        return pictures[0] if pictures else None

    def close(self) -> None:
        """Close the batch."""
        self.vector.close()

    def _only(self, observation: Any) -> Any:
        # A copy: whoever uses batches knows that they may be written again.
        return copy.deepcopy(next(iter(iterate(self.vector.observation_space, observation))))
