"""An environment whose pictures have any of the forms that `render` returns in practice: half of each is red."""

import time
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

PICTURE = np.zeros((480, 480, 3), np.uint8)
PICTURE[:, :240, 0] = 255

FORMS: dict[str, Any] = {
    "unit": PICTURE / 255.0,
    "floats": PICTURE.astype(np.float32),
    "rgba": np.dstack([PICTURE, np.full((480, 480), 255, np.uint8)]),
    "channels_first": PICTURE.transpose(2, 0, 1),
    "list": PICTURE.tolist(),
    "frames": [np.zeros_like(PICTURE), PICTURE],
    "signed": PICTURE / 127.5 - 1.0,
}


class Painted(gymnasium.Env):
    """Episodes of 3 steps."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012
    observation_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, render_mode: str | None = None, form: str = "unit"):
        self.render_mode, self.form = render_mode, form
        self.count = 0

    def get_keys_to_action(self) -> dict[str, int]:
        return {"": 0, "a": 1}

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.count = 0
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> Any:
        self.count += 1
        return np.zeros(2, np.float32), 1.0, self.count == 3, False, {}

    def render(self) -> Any:
        if self.form == "slow":
            time.sleep(20.0)
        return FORMS[self.form]
