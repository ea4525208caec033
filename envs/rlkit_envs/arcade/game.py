"""What makes a game: a record of its state, kernels that move and draw it, and the words and colours for people."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlkit_envs.arcade.drawing import Palette

# What the record of every game begins with.
HEADER: list[tuple[str, str]] = [
    ("random", "u8"),  # state of the game's own random numbers
    ("last_action", "i8"),  # that was carried out; repeated by sticky actions
    ("steps", "i8"),  # decisions of this episode
    ("score", "i8"),  # points won so far; what was lost is not taken off
    ("level", "i8"),  # from 1
    ("lives", "i8"),  # left, the present one included
    ("over", "i8"),  # 1 once the game is lost or won
]

# As SDL and pygame number them.
UP, DOWN, LEFT, RIGHT, SPACE = 1073741906, 1073741905, 1073741904, 1073741903, 32
_KEYS = {"up": UP, "down": DOWN, "left": LEFT, "right": RIGHT, "fire": SPACE}


def state_type(*fields: tuple[Any, ...]) -> np.dtype[Any]:
    """The record of a game: the header of all games, and fields of its own."""
    return np.dtype([*HEADER, *fields], align=True)


@dataclass(frozen=True, eq=False)
class Game:
    """One game. Kernels work on (N,) records of ``state``; some of them from ``low`` up to ``high`` only.

    Args:
        name: What it is called.
        state: Type of its record; begins with ``HEADER``.
        action_names: What each action does, in words of "stay", "up", "down", "left", "right" and "fire".
        palette: Its colours.
        sky: Colours of the background at the top and at the bottom, for people.
        begin: ``begin(games, mask)`` starts episodes in records that hold nothing but their random numbers.
        step: ``step(low, high, games, actions, repeat, rewards)`` carries out a decision.
        draw: ``draw(low, high, games, mask, pictures)`` draws the games in the (N,) bool mask.
        expert: ``expert(games, actions)`` writes what a good player would do.
    """

    name: str
    state: np.dtype[Any]
    action_names: tuple[str, ...]
    palette: Palette
    sky: tuple[tuple[int, int, int], tuple[int, int, int]]
    begin: Callable[..., None]
    step: Callable[..., None]
    draw: Callable[..., None]
    expert: Callable[..., None]

    def keys_to_action(self) -> dict[tuple[int, ...], int]:
        """Arrow keys and the space bar to actions."""
        keys = {}
        for action, name in enumerate(self.action_names):
            keys[tuple(sorted(_KEYS[word] for word in name.split() if word in _KEYS))] = action
        return keys
