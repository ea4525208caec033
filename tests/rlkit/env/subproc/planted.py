"""An environment with faults that can be planted, made by tests and by the worker processes that they start."""

import ctypes
import os
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces


class Walk(gymnasium.Env):
    """Walks at random for some steps.

    Args:
        fault: What goes wrong; None for nothing.
        at: In which step of an episode; 0 for its reset, -1 for making the environment.
        marker: The fault comes about only while this file does not exist, and makes it; None for always.
        odd_only: The fault comes about only in episodes from odd seeds.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "render_modes": ["rgb_array"],
        "episode_metrics": {"far": {"name": "far", "kind": "ratio"}},
    }
    action_space = spaces.Discrete(3, start=-1)
    observation_space = spaces.Dict(
        {"view": spaces.Box(0, 255, (4, 4), np.uint8), "state": spaces.Box(-np.inf, np.inf, (2,), np.float64)}
    )

    def __init__(self, fault=None, at=3, marker=None, odd_only=False, length=9, render_mode=None):
        self.fault, self.at, self.marker, self.odd_only, self.length = fault, at, marker, odd_only, length
        self.render_mode = render_mode
        self.origin = 1
        self._go_wrong(-1)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.origin, self.count, self.place = seed, 0, np.zeros(2)
        self._go_wrong(0)
        return self._seen(), {"seed": seed, "options": options is not None}

    def step(self, action):
        self.count += 1
        self.place += action + self.np_random.normal(size=2)
        self._go_wrong(self.count)
        ended = self.count == self.length + self.origin % 4
        info = {"place": self.place, "word": "on", "inner": {"count": self.count}}
        if ended:
            info["far"] = float(np.hypot(*self.place))
        if self.fault == "lock":
            info["lock"] = threading.Lock()
        return self._seen(), float(self.place[0]), False, ended, info

    def render(self):
        return np.full((4, 6, 3), self.count, np.uint8)

    def telemetry(self, factor=1):
        return {"count": self.count * factor, "process": os.getpid()}

    def _seen(self):
        return {"view": np.full((4, 4), self.count, np.uint8), "state": self.place}

    def _go_wrong(self, now):
        if now != self.at or (self.odd_only and self.origin % 2 == 0):
            return
        if self.fault is not None and self.marker is not None:
            try:
                Path(self.marker).touch(exist_ok=False)
            except FileExistsError:
                return
        if self.fault == "exit":
            os._exit(3)
        if self.fault == "segfault":
            ctypes.string_at(0)
        if self.fault == "raise":
            raise KeyError("speed")
        while self.fault == "hang":
            time.sleep(0.01)
