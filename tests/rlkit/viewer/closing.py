"""Environments that close pygame while a policy is watched, as Gymnasium's own do when they are closed."""

from typing import Any

import gymnasium
import numpy as np
import pygame
from gymnasium import spaces

METADATA: dict[str, Any] = {"render_modes": ["rgb_array", "human"], "render_fps": 20}


class Closing(gymnasium.Env):
    """Episodes of 8 steps. `when` says in which call pygame is closed; `again` whether it is opened after that."""

    metadata = METADATA
    observation_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, render_mode: str | None = None, when: str = "reset", again: bool = True):
        self.render_mode, self.when, self.again = render_mode, when, again
        self.count = 0

    def get_keys_to_action(self) -> dict[str, int]:
        return {"": 0, "a": 1}

    def _call(self, name: str) -> None:
        if name == self.when:
            pygame.quit()
            if self.again:
                pygame.init()

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.count = 0
        self._call("reset")
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> Any:
        self.count += 1
        self._call("step")
        return np.full(2, self.count / 10, np.float32), 1.0, self.count == 8, False, {}

    def render(self) -> Any:
        self._call("render")
        font = pygame.font.init() or pygame.font.Font(None, 20)
        surface = pygame.Surface((64, 64))
        surface.blit(font.render(str(self.count), True, (255, 255, 255)), (5, 5))
        return np.transpose(pygame.surfarray.array3d(surface), (1, 0, 2))
