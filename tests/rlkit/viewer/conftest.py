import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlkit.agent import Agent, Inspection
from rlkit.env.config import EnvConfig
from rlkit.env.make import make_vec_env
from rlkit.viewer import Playback


class FixedAgent(Agent):
    """Q-values are a fixed function of the state; with `blind` it reports none."""

    def __init__(self, actions: int, blind: bool):
        self.actions = actions
        self.blind = blind

    @classmethod
    def build(cls, *_: Any) -> Any:
        raise NotImplementedError

    def _q(self, observations: Any) -> Any:
        total = observations["state"].sum(axis=1, keepdims=True)
        return np.sin(total + 2.0 * np.arange(self.actions)).astype(np.float32)

    def act(self, observations: Any, explore: bool) -> Any:
        assert not explore
        return self._q(observations).argmax(axis=1).astype(np.int64)

    def inspect(self, observations: Any, want: Any = ("q",)) -> Inspection:
        return Inspection() if self.blind else Inspection(q=self._q(observations), network_input=observations)


@pytest.fixture
def make_playback() -> Iterator[Any]:
    made = []

    def make(
        seeds: Iterable[int] = range(5),
        kind: str = "Lane",
        blind: bool = False,
        frame_stack: int = 1,
        narrator: Any = None,
        **kwargs: Any,
    ) -> Playback:
        file = Path(__file__).with_name("lane.py")
        config = EnvConfig(f"{file}:{kind}", kwargs, frame_stack=frame_stack)
        environments = make_vec_env(config, 1, render_mode="rgb_array" if kind == "Lane" else None)
        made.append(environments)
        agent = FixedAgent(environments.spaces.num_actions, blind)
        return Playback(environments, agent, seeds, agent_name="fixed", narrator=narrator)

    yield make
    for environments in made:
        environments.close()


@pytest.fixture
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An invisible display."""
    import pygame

    monkeypatch.setitem(os.environ, "SDL_VIDEODRIVER", "dummy")
    pygame.display.quit()
    yield
    pygame.display.quit()
