"""A tiny environment with a camera, for tests: a road that lies to the left or to the right of a standing car."""

import os
import time
from pathlib import Path

import gymnasium
import numpy as np

CLASSES, DRIVABLE = ("sky", "grass", "road"), ("road",)
HEIGHT, WIDTH = 24, 32
COLOURS = np.array([(90, 120, 200), (40, 90, 30), (80, 80, 84)], np.uint8)


class RoadCamera(gymnasium.Env):
    """The car is moved sideways; the reward is how far it is from the middle, and the place is drawn from the seed.

    `fault` ("hang", "exit", "raise") comes about in the second step, only once where `marker` names a file to make.
    """

    metadata = {  # noqa: RUF012 - as Gymnasium has it
        "render_modes": ["rgb_array"],
        "render_fps": 10,
        "classes": CLASSES,
        "drivable": DRIVABLE,
        "labels": ("segmentation",),
        "camera": {"height_above_ground": 1.3, "pitch": 0.1, "field_of_view": 1.2, "ahead": 0.0},
    }

    def __init__(
        self, render_mode=None, steps=20, labelled=True, mounted=True, size=(HEIGHT, WIDTH), fault=None, marker=None
    ):
        self.render_mode = render_mode
        self.action_space = gymnasium.spaces.Discrete(3)
        parts = {
            "camera": gymnasium.spaces.Box(0, 255, (*size, 3), np.uint8),
            "segmentation": gymnasium.spaces.Box(0, len(CLASSES) - 1, (*size, 1), np.uint8),
            "speed": gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32),
        }
        if not labelled:
            del parts["segmentation"]
        if not mounted:
            self.metadata = {key: value for key, value in self.metadata.items() if key != "camera"}
        self.observation_space = gymnasium.spaces.Dict(parts)
        self._size, self._steps, self._fault, self._marker = size, steps, fault, marker

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._place, self._step = float(self.np_random.uniform(-1.0, 1.0)), 0
        return self._observation(), {}

    def step(self, action):
        self._place = float(np.clip(self._place + 0.2 * (int(action) - 1) + self.np_random.normal(0, 0.05), -1.5, 1.5))
        self._step += 1
        if self._fault is not None and self._step == 2:
            self._go_wrong()
        return self._observation(), 1.0 - abs(self._place), False, self._step >= self._steps, {}

    def render(self):
        return np.repeat(np.repeat(self._picture(), 4, axis=0), 4, axis=1)

    def _go_wrong(self):
        if self._marker is not None:
            try:
                Path(self._marker).touch(exist_ok=False)
            except FileExistsError:
                return
        if self._fault == "exit":
            os._exit(3)
        if self._fault == "raise":
            raise KeyError("speed")
        time.sleep(60)

    def _labels(self):
        height, width = self._size
        rows, columns = np.mgrid[:height, :width]
        below = np.maximum(0, rows - height // 2 + 1)
        road = np.abs(columns - width / 2 + self._place * below) < below
        return np.where(rows < height // 2, 0, np.where(road, 2, 1)).astype(np.uint8)

    def _picture(self):
        return COLOURS[self._labels()]

    def _observation(self):
        seen = {
            "camera": self._picture(),
            "segmentation": self._labels()[..., np.newaxis],
            "speed": np.array([self._place / 2], np.float32),
        }
        return {name: seen[name] for name in self.observation_space}
