"""An environment of one's own, as a newcomer may write it: catching fruit that falls aslant, seen as a picture.

rlkit train scripts/bench/own_environment.py:Orchard
"""

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

SIZE = 20  # pixels a side
BASKET = 2  # pixels to either side of its middle
PACE = 2  # pixels per step sideways
FALLS = 10  # fruits of an episode

Picture = npt.NDArray[np.uint8]


class Orchard(gymnasium.Env[Picture, np.int64]):
    """A basket at the bottom is moved under one fruit after the other; wind carries each of them sideways.

    The wind changes with every fruit and is not in a single picture: it shows only in how the fruit moves. A fruit
    bounces off the sides. Caught it counts 1, missed −1; an episode is over after ten of them.

    Args:
        wind: Greatest speed sideways, in pixels per step.
        render_mode: `rgb_array` or None.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 15}  # noqa: RUF012 - Gymnasium's own type

    def __init__(self, wind: float = 1.5, render_mode: str | None = None):
        self.observation_space = gymnasium.spaces.Box(0, 255, (SIZE, SIZE, 1), np.uint8)
        self.action_space = gymnasium.spaces.Discrete(3)
        self.action_names = ("left", "stay", "right")
        self.render_mode = render_mode
        self._wind = wind
        self._basket = SIZE // 2
        self._fallen = 0
        self._fruit = np.zeros(2)
        self._drift = 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Picture, dict[str, Any]]:
        """Begin with the basket in the middle and a fruit at the top."""
        super().reset(seed=seed)
        self._basket = SIZE // 2
        self._fallen = 0
        self._hang()
        return self._picture(), {}

    def step(self, action: np.int64) -> tuple[Picture, float, bool, bool, dict[str, Any]]:
        """Move the basket, let the fruit fall by a pixel."""
        self._basket = int(np.clip(self._basket + PACE * (int(action) - 1), BASKET, SIZE - 1 - BASKET))
        self._fruit += (1.0, self._drift)
        if not 0 <= self._fruit[1] <= SIZE - 1:
            self._fruit[1] = np.clip(self._fruit[1], 0, SIZE - 1)
            self._drift = -self._drift
        reward = 0.0
        if self._fruit[0] >= SIZE - 1:
            reward = 1.0 if abs(self._fruit[1] - self._basket) <= BASKET + 0.5 else -1.0
            self._fallen += 1
            self._hang()
        return self._picture(), reward, self._fallen == FALLS, False, {}

    def render(self) -> Picture:
        """What is observed, larger and in colour (320, 320, 3)."""
        return self._picture().repeat(16, axis=0).repeat(16, axis=1).repeat(3, axis=2)

    def _hang(self) -> None:
        self._fruit = np.array([0.0, float(self.np_random.integers(SIZE))])
        self._drift = float(self.np_random.uniform(-self._wind, self._wind))

    def _picture(self) -> Picture:
        picture = np.zeros((SIZE, SIZE, 1), np.uint8)
        picture[SIZE - 1, self._basket - BASKET : self._basket + BASKET + 1] = 128
        row, column = np.rint(self._fruit).astype(int)
        picture[row, column] = 255
        return picture
