"""A stand-in for a slow simulator."""

import time

import gymnasium
import numpy as np
from gymnasium import spaces


class Waiting(gymnasium.Env):
    """A random walk of some steps, each of which waits.

    Args:
        seconds: To wait.
        length: Of an episode.
    """

    action_space = spaces.Discrete(2)
    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)

    def __init__(self, seconds: float = 0.0, length: int = 20, render_mode: str | None = None):
        self.seconds, self.length = seconds, length

    def reset(self, *, seed=None, options=None):
        """Begin an episode."""
        super().reset(seed=seed)
        self.place, self.count = np.zeros(2, np.float32), 0
        return self.place.copy(), {}

    def step(self, action):
        """Wait, then walk."""
        time.sleep(self.seconds)
        self.count += 1
        self.place += self.np_random.normal(size=2).astype(np.float32) + action
        return self.place.copy(), float(self.place[0]), False, self.count == self.length, {}
