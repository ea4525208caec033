import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from rlkit_envs.arcade.batch import GameBatch
from rlkit_envs.arcade.config import ArcadeConfig, load_game

# No test opens a window.
os.environ["SDL_VIDEODRIVER"] = "dummy"


class Played:
    """One game, whose record a test may change between steps."""

    def __init__(self, name: str, seed: int, **settings: Any):
        self.batch = GameBatch(load_game(name), 1, ArcadeConfig(**settings), 1)
        self.batch.begin(np.ones(1, dtype=np.bool_), [seed])
        self.names = self.batch.game.action_names

    @property
    def record(self) -> Any:
        return self.batch.records[0]

    def set(self, **values: Any) -> None:
        for name, value in values.items():
            self.record[name] = value

    def act(self, action: str, times: int = 1) -> float:
        """Carry out an action by name, at most until the episode is over, and return the sum of the rewards."""
        total = 0.0
        for _ in range(times):
            if self.record["over"]:
                break
            total += float(self.batch.step(np.array([self.names.index(action)])).rewards[0])
        return total

    def canvas(self) -> Any:
        return self.batch.observations()[0, ..., 0]

    def count(self, letter: str) -> int:
        """Number of pixels of a colour on the canvas."""
        return int((self.canvas() == self.batch.game.palette[letter]).sum())


@pytest.fixture
def play() -> Callable[..., Played]:
    def begin(name: str, seed: int = 0, **settings: Any) -> Played:
        return Played(name, seed, **settings)

    return begin
