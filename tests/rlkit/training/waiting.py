"""A stand-in for a slow simulator, for tests and `scripts/bench/actors.py`."""

import time
from pathlib import Path

import gymnasium
import numpy as np
from gymnasium import spaces


class Waiting(gymnasium.Env):
    """A random walk of some steps, each of which waits.

    Args:
        seconds: To wait.
        log: A file to which the seed of every episode is appended; "" for none.
        length: Of an episode.
    """

    action_space = spaces.Discrete(2)
    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)

    def __init__(self, seconds=0.0, log="", length=20, render_mode=None):
        self.seconds, self.log, self.length = seconds, log, length

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.count = np.zeros(2, np.float32), 0
        if self.log:
            with Path(self.log).open("a") as file:
                file.write(f"{seed}\n")
        return self.place.copy(), {}

    def step(self, action):
        time.sleep(self.seconds)
        self.count += 1
        self.place += self.np_random.normal(size=2).astype(np.float32) + action
        return self.place.copy(), float(self.place[0]), False, self.count == self.length, {}
