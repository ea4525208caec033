"""Two small environments to show."""

from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces


class BareLane(gymnasium.Env):
    """Ends after `length` steps and offers nothing beyond Gymnasium's interface, not even a picture."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

    def __init__(self, actions: int = 3, length: int = 12, channels: int = 0, vector: int = 3, render_mode: Any = None):
        self.render_mode = render_mode
        self.length = length
        self.action_space = spaces.Discrete(actions)
        leaves: dict[str, spaces.Space] = {"state": spaces.Box(-9, 9, (vector,), np.float32)}
        if channels:
            leaves["view"] = spaces.Box(0, 255, (8, 10, channels), np.uint8)
        self.observation_space = spaces.Dict(leaves)

    def _observe(self) -> dict[str, np.ndarray]:
        generator = np.random.default_rng((self._seed, self.time))
        return {
            name: generator.integers(0, 255, space.shape).astype(np.uint8)
            if space.dtype == np.uint8
            else generator.normal(size=space.shape).astype(np.float32)
            for name, space in self.observation_space.items()
        }

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self._seed, self.time = seed or 0, 0
        return self._observe(), {}

    def step(self, action: int) -> Any:
        self.time += 1
        over = self.time >= self.length
        info = {"finished": True, "lap_time": 4.2, "ratio": 1.2, "circuit": f"c{self._seed}"} if over else {}
        return self._observe(), float(action), False, over, info


class Lane(BareLane):
    """Has everything that the viewer can show; its image encodes seed and step, so that all frames differ."""

    metadata: ClassVar[dict[str, Any]] = {
        "render_modes": ["rgb_array"],
        "render_fps": 10,
        "episode_metrics": {
            "finished": {"name": "lap_rate", "kind": "share"},
            "lap_time": {"name": "lap_time", "kind": "seconds"},
            "ratio": {"name": "ratio", "kind": "ratio"},
            "circuit": {"name": "circuit", "kind": "label"},
        },
    }

    def __init__(self, actions: int = 3, channels: int = 2, **arguments: Any):
        super().__init__(actions=actions, channels=channels, **arguments)
        self.action_names = [f"steer {index}" for index in range(actions)]

    def telemetry(self) -> dict[str, Any]:
        return {
            "speed": {"value": float(self.time), "unit": "m/s", "low": 0.0, "high": 20.0},
            "steering": {"value": -0.1, "unit": "rad", "low": -0.5, "high": 0.5},
        }

    def render(self) -> np.ndarray:
        picture = np.full((60, 91, 3), 90, dtype=np.uint8)
        picture[:, : self.time * 5] = (200, self._seed % 256, 40)
        return picture
