"""What one may choose about a game, and what all games tell about themselves."""

import importlib
import math
from dataclasses import dataclass
from reprlib import repr as shown
from typing import Any

from rlkit_envs.arcade import GAMES
from rlkit_envs.arcade.game import Game

MOST_STEPS = 10_000_000  # of an episode: a week at the speed of a console
MOST_GAMES = 65_536  # stepped together, whose pictures alone take half a gigabyte
MOST_THREADS = 256
DECISIONS_PER_SECOND = 15  # as many as an Atari console takes with every fourth of its 60 frames

METADATA: dict[str, Any] = {
    "render_modes": ["human", "rgb_array"],
    "render_fps": DECISIONS_PER_SECOND,
    "episode_metrics": {
        "score": {"name": "score", "kind": "number"},
        "level": {"name": "level", "kind": "number"},
    },
    "training_kwargs": {"terminal_on_life_loss": True},
    "fresh_observations": True,  # what has been handed out is never written again
}


@dataclass(frozen=True)
class Settings:
    """What one may choose about a game.

    Args:
        repeat_action_probability: With which the game overhears an action and repeats the last one ("sticky actions",
            Machado et al. 2018); 0.25 is usual, 0 lets every action count.
        max_episode_steps: Decisions after which an episode is cut (truncated).
        terminal_on_life_loss: Whether an episode is a single life (Mnih et al. 2015 learn so). It begins with any
            number of lives, so that all are seen, and ends as soon as one is lost. In most games a lost life costs no
            points, and who learns would feel it only in the end.

    Raises:
        ValueError: A value is out of range.
    """

    repeat_action_probability: float = 0.0
    max_episode_steps: int = 10_000
    terminal_on_life_loss: bool = False

    def __post_init__(self) -> None:
        sticky: Any = self.repeat_action_probability
        if isinstance(sticky, bool) or not isinstance(sticky, int | float) or not 0.0 <= sticky <= 1.0:
            raise ValueError(f"repeat_action_probability should be from 0 to 1, not {shown(sticky)}")
        if math.isnan(sticky):
            raise ValueError("repeat_action_probability should be from 0 to 1, not nan")
        check_count("max_episode_steps", self.max_episode_steps, MOST_STEPS)
        if not isinstance(self.terminal_on_life_loss, bool):
            raise ValueError(f"terminal_on_life_loss should be true or false, not {shown(self.terminal_on_life_loss)}")


def check_count(name: str, value: Any, most: int) -> None:
    """Raise ValueError unless a value is a whole number from 1 to ``most``."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"{name} should be a whole number of at least 1 and at most {most:,}, not {shown(value)}")


def load_game(name: str) -> Game:
    """The game of a name in ``GAMES``, case aside.

    Raises:
        ValueError: There is none.
    """
    known = {key.lower(): module for key, module in GAMES.items()}
    if not isinstance(name, str) or name.lower() not in known:
        raise ValueError(f"game should be one of {', '.join(known)}, not {shown(name)}")
    game: Game = importlib.import_module(f"rlkit_envs.arcade.games.{known[name.lower()]}").GAME
    return game
