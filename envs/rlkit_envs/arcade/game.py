"""A game: the record of its state, its colours, and kernels that step and draw one copy of it or a batch."""

from typing import Any

import numpy as np

from rlkit_envs.arcade.drawing import Colour, Palette
from rlkit_envs.arcade.jit import Record, batch_kernel, kernel
from rlkit_envs.arcade.rng import sticky_action
from rlkit_envs.utils import KEYS, Keys, key_combination

# First fields of every game's record.
HEADER: list[tuple[str, str]] = [
    ("random", "u8"),  # state of the game's random number generator
    ("last_action", "i8"),  # carried out in the previous step; repeated by sticky actions
    ("steps", "i8"),  # of this episode
    ("score", "i8"),  # sum of the positive rewards
    ("level", "i8"),  # from 1
    ("lives", "i8"),  # left, the present one included
    ("over", "i8"),  # 1 once the game is lost or won
]


def state_type(*fields: tuple[Any, ...]) -> np.dtype[Any]:
    """The record of a game: ``HEADER`` and fields of its own."""
    return np.dtype([*HEADER, *fields], align=True)


class Game:
    """One game: what a module in ``games/`` defines, and the kernels over a batch that follow from it.

    Args:
        name: Shown in the window's title.
        state: Type of its record, from `state_type`.
        action_names: One per action, in words of "up", "down", "left", "right" and "fire"; action 0 uses no key.
        lives: At the start of an episode.
        palette: Its grey levels and colours.
        background: Colours that replace grey level 0 for human viewers, at the top and at the bottom.
        reset: ``reset(game)`` starts an episode in a record that is zero but for its random state, level and lives.
        step: ``step(game, action)`` carries out an action and returns the reward; positive rewards add to the score.
        draw: ``draw(game, canvas)`` draws every pixel of an (84, 84) canvas.
        expert: ``expert(game)`` returns the action of a scripted player.

    Attributes:
        reset: ``reset(games, mask)`` starts episodes in those (N,) records that the (N,) bool mask selects.
        step: ``step(low, high, games, actions, repeat, rewards)`` steps the records from ``low`` up to ``high``.
        draw: ``draw(low, high, games, mask, canvases)`` draws those of the range that the mask selects.
        expert: ``expert(games, actions)`` writes the scripted player's (N,) actions.
    """

    def __init__(
        self,
        name: str,
        state: np.dtype[Any],
        action_names: tuple[str, ...],
        lives: int,
        palette: Palette,
        background: tuple[Colour, Colour],
        reset: Any,
        step: Any,
        draw: Any,
        expert: Any,
    ):
        self.name = name
        self.state = state
        self.action_names = action_names
        self.lives = lives
        self.palette = palette
        self.background = background
        self.reset = batch_kernel(_reset, reset)
        self.step = batch_kernel(_step, step)
        self.draw = batch_kernel(_draw, draw)
        self.expert = batch_kernel(_expert, expert)

    def keys_to_action(self) -> dict[Keys, int]:
        """Arrow keys and the space bar to actions."""
        keys = {}
        for action, name in enumerate(self.action_names):
            keys[key_combination(KEYS[word] for word in name.split() if word in KEYS)] = action
        return keys


@kernel
def lose_life(game: Record) -> None:
    """Take one life; the game is over with the last."""
    game.lives -= 1
    game.over = 1 if game.lives == 0 else 0


def single(*arguments: Any) -> Any:
    """Stand-in for a kernel of a single game in the loops below; `batch_kernel` binds the name for each game."""
    raise NotImplementedError


def _reset(games: np.ndarray, mask: np.ndarray) -> None:
    for i in range(len(games)):
        if mask[i]:
            single(games[i])


def _step(low: int, high: int, games: np.ndarray, actions: np.ndarray, repeat: float, rewards: np.ndarray) -> None:
    for i in range(low, high):
        game = games[i]
        game.steps += 1
        reward = single(game, sticky_action(game, actions[i], repeat))
        game.score += int(max(reward, 0.0))
        rewards[i] = reward


def _draw(low: int, high: int, games: np.ndarray, mask: np.ndarray, canvases: np.ndarray) -> None:
    for i in range(low, high):
        if mask[i]:
            single(games[i], canvases[i])


def _expert(games: np.ndarray, actions: np.ndarray) -> None:
    for i in range(len(games)):
        actions[i] = single(games[i])
