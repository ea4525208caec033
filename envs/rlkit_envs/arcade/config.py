"""Options of a game, and the metadata that all games share."""

import importlib
from dataclasses import dataclass
from reprlib import repr as shown
from typing import Any

from rlkit_envs.arcade import GAMES
from rlkit_envs.arcade.game import Game
from rlkit_envs.utils import check_bool, check_count, check_probability

MAX_STEPS = 10_000_000  # per episode
MAX_ENVS = 65_536  # their observations alone take half a gigabyte
MAX_THREADS = 256
STEPS_PER_SECOND = 15  # as on an Atari console of 60 frames per second with frame skip 4

METADATA: dict[str, Any] = {
    "render_modes": ["human", "rgb_array"],
    "render_fps": STEPS_PER_SECOND,
    "episode_metrics": {
        "score": {"name": "score", "kind": "number"},
        "level": {"name": "level", "kind": "number"},
    },
    "training_kwargs": {"terminal_on_life_loss": True},
    "fresh_observations": True,  # returned arrays are never written again
}


@dataclass(frozen=True)
class ArcadeConfig:
    """Options of a game.

    Args:
        repeat_action_probability: Probability that the previous action is repeated instead of the given one (sticky
            actions, Machado et al. 2018); 0.25 is usual.
        max_episode_steps: Steps after which an episode is truncated.
        terminal_on_life_loss: End each episode with the loss of a life (Mnih et al. 2015). Episodes then start with a
            random number of lives, so that all displays of lives occur.

    Raises:
        ValueError: A value is out of range.
    """

    repeat_action_probability: float = 0.0
    max_episode_steps: int = 10_000
    terminal_on_life_loss: bool = False

    def __post_init__(self) -> None:
        check_probability("repeat_action_probability", self.repeat_action_probability)
        check_count("max_episode_steps", self.max_episode_steps, 1, MAX_STEPS)
        check_bool("terminal_on_life_loss", self.terminal_on_life_loss)


def load_game(name: str) -> Game:
    """Import the game of a name in ``GAMES``, in upper or lower case.

    Raises:
        ValueError: There is no such game.
    """
    known = {key.lower(): module for key, module in GAMES.items()}
    if not isinstance(name, str) or name.lower() not in known:
        raise ValueError(f"game should be one of {', '.join(known)}, not {shown(name)}")
    game: Game = importlib.import_module(f"rlkit_envs.arcade.games.{known[name.lower()]}").GAME
    return game
