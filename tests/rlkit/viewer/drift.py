"""Small environments to play: a body on a line that is pushed to either side, and two with other interfaces."""

from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces

LEFT, RIGHT = 1073741904, 1073741903  # SDL's codes of the arrows


class Drift(gymnasium.Env):
    """Ends at 5 to the right with a time, at 5 to the left without."""

    metadata: ClassVar[dict[str, Any]] = {
        "render_modes": ["rgb_array"],
        "render_fps": 10,
        "episode_metrics": {
            "there": {"name": "rate", "kind": "share"},
            "lap_time": {"name": "lap_time", "kind": "seconds"},
            "ratio": {"name": "ratio", "kind": "ratio"},
        },
        "evaluation_kwargs": {"slope": 0},
        "play_kwargs": {"gentle": True},
    }

    def __init__(self, render_mode: Any = None, slope: int = 0, gentle: bool = False, scored: bool = False):
        self.render_mode, self.slope, self.gentle = render_mode, slope, gentle
        self.action_space = spaces.Discrete(3)
        self.observation_space = spaces.Box(-9, 9, (1,), np.float32)
        self.ghosts: list[Any] = []
        self.actions: list[int] = []
        if scored:
            self.metadata = {**self.metadata, "episode_metrics": {}}

    def get_keys_to_action(self) -> dict[Any, int]:
        return {(): 0, (LEFT,): 1, (RIGHT,): 2}

    def set_ghost(self, poses: Any) -> None:
        self.ghosts.append(poses)

    def map_outline(self) -> dict[str, np.ndarray]:
        return {"road": np.array([[-5.0, -1.0], [5.0, -1.0], [5.0, 1.0], [-5.0, 1.0]])}

    def telemetry(self) -> dict[str, Any]:
        return {"place": {"value": self.place, "unit": "m", "low": -5.0, "high": 5.0}}

    def _observe(self) -> tuple[Any, dict[str, Any]]:
        return np.array([self.place], np.float32), {"pose": np.array([self.place, 0.1 * self.time, 0.0])}

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.place, self.time = 0.0, 0
        return self._observe()

    def step(self, action: int) -> Any:
        self.actions.append(action)
        self.time += 1
        self.place += (0, -1, 1)[action] + self.slope
        observation, info = self._observe()
        over = abs(self.place) >= 5
        if over:
            there = self.place > 0
            info |= {"there": there, "lap_time": 0.1 * self.time if there else float("nan"), "ratio": 1.1}
        return observation, float(action == 2), over, False, info

    def render(self) -> np.ndarray:
        picture = np.full((60, 90, 3), 60, np.uint8)
        picture[20:40, int(40 + 6 * self.place) : int(50 + 6 * self.place)] = (220, 120, 30)
        return picture

    def render_between(self, share: float) -> np.ndarray:
        return self.render() + np.uint8(10 * share)


class Mute(gymnasium.Env):
    """Declares no keys."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"]}
    observation_space = spaces.Box(-9, 9, (1,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, render_mode: Any = None):
        self.render_mode = render_mode

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def render(self) -> np.ndarray:
        return np.zeros((20, 20, 3), np.uint8)


class Sticks(Mute):
    """Two numbers for a gamepad: steering and pedal."""

    action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
    gamepad_axes = ({"left_x": -1.0}, {"right_trigger": 1.0, "left_trigger": -1.0})
