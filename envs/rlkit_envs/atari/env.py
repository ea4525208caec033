"""One Atari game as a Gymnasium environment: the vector environment with a single game in it."""

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from rlkit_envs.atari.config import METADATA, Settings
from rlkit_envs.atari.vector_env import AtariVectorEnv
from rlkit_envs.utils import shows_fields

# As SDL and pygame number them.
KEYS = {"UP": 1073741906, "DOWN": 1073741905, "LEFT": 1073741904, "RIGHT": 1073741903, "FIRE": 32}


@shows_fields(Settings)
class AtariEnv(gymnasium.Env[npt.NDArray[np.uint8], np.int64]):
    """One game; frame by frame the same as in ``AtariVectorEnv``, which tells what is seen and when it ends.

    Args:
        game: Name of the game's ROM, such as ``space_invaders``.
        render_mode: ``rgb_array`` or None.
        **kwargs: See ``Settings``.

    Raises:
        ValueError: A value is out of range, or there is no such game.
    """

    metadata: dict[str, Any] = METADATA

    def __init__(self, game: str, *, render_mode: str | None = None, **kwargs: Any):
        self._games = AtariVectorEnv(game, 1, num_threads=1, render_mode=render_mode, **kwargs)
        self.render_mode = render_mode
        self.metadata = {
            key: value
            for key, value in self._games.metadata.items()
            if key not in ("autoreset_mode", "fresh_observations")
        }
        self.observation_space = self._games.single_observation_space
        self.action_space = self._games.single_action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.uint8], dict[str, Any]]:
        """Begin a new game, or after a lost life go on in the running one."""
        super().reset(seed=seed)
        observations, infos = self._games.reset(seed=None if seed is None else [seed])
        return observations[0], _only(infos)

    def step(self, action: np.int64) -> tuple[npt.NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        """Take one decision."""
        observations, rewards, terminated, truncated, infos = self._games.step(np.array([action]))
        return observations[0], float(rewards[0]), bool(terminated[0]), bool(truncated[0]), _only(infos)

    def render(self) -> npt.NDArray[np.uint8]:
        """The console's screen (height, width, 3)."""
        return self._games.render()[0]

    def close(self) -> None:
        """Stop ale-py's thread."""
        self._games.close()

    def get_action_meanings(self) -> list[str]:
        """What each action does, as ale-py's environments tell it."""
        return list(self.metadata["action_names"])

    def get_keys_to_action(self) -> dict[tuple[int, ...], int]:
        """Arrow keys and the space bar, for ``gymnasium.utils.play``."""
        held = {
            name: tuple(sorted(code for word, code in KEYS.items() if word in name))
            for name in self.metadata["action_names"]
        }
        return {keys: action for action, keys in enumerate(held.values())}


def _only(infos: dict[str, Any]) -> dict[str, Any]:
    return {key: values[0].item() for key, values in infos.items()}
