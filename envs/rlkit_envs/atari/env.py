"""One Atari game as a Gymnasium environment: a vector environment of one."""

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from rlkit_envs.atari.config import METADATA, AtariConfig
from rlkit_envs.atari.vector_env import AtariVectorEnv
from rlkit_envs.utils import KEYS, Keys, key_combination, shows_fields


@shows_fields(AtariConfig)
class AtariEnv(gymnasium.Env[npt.NDArray[np.uint8], np.int64]):
    """An Atari 2600 game on ale-py's emulator; step for step equal to ``AtariVectorEnv``.

    ## Description
    A step carries out an action for ``frameskip`` frames of the console, 4 by default. The options of ``AtariConfig``
    follow one of two protocols, Machado et al. 2018 (default) or Mnih et al. 2015.

    ## Action Space
    ``Discrete``; ``metadata["action_names"]`` names the actions. By default all 18 of the joystick.

    ## Observation Space
    ``Box(0, 255, (84, 84, 1), uint8)``, with 3 channels for ``obs_type="rgb"``: the maximum of the last two frames at
    each pixel, resized by area.

    ## Rewards
    The points of the game, not clipped.

    ## Starting State
    The start of the game; in protocol "dqn" after up to 29 random no-op frames and the fire button.

    ## Episode End
    Terminated at the end of the game, with ``episodic_life`` at the loss of a life, after which ``reset`` continues
    the same game. Truncated after ``max_num_frames_per_episode`` frames or ``max_episode_steps`` steps.

    ## Arguments
    See Args and ``AtariConfig``.

    Args:
        game: Name of the game's ROM, such as ``space_invaders``.
        render_mode: ``rgb_array`` or None.
        **kwargs: See ``AtariConfig``.

    Raises:
        ValueError: A value is out of range, or there is no such game.
    """

    metadata: dict[str, Any] = METADATA

    def __init__(self, game: str, *, render_mode: str | None = None, **kwargs: Any):
        self._vector_env = AtariVectorEnv(game, 1, num_threads=1, render_mode=render_mode, **kwargs)
        self.render_mode = render_mode
        self.metadata = {
            key: value
            for key, value in self._vector_env.metadata.items()
            if key not in ("autoreset_mode", "fresh_observations")
        }
        self.observation_space = self._vector_env.single_observation_space
        self.action_space = self._vector_env.single_action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.uint8], dict[str, Any]]:
        """Begin a new game, or after a lost life continue the running one."""
        super().reset(seed=seed)
        observations, infos = self._vector_env.reset(seed=None if seed is None else [seed])
        return observations[0], _single_info(infos)

    def step(self, action: np.int64) -> tuple[npt.NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        """Carry out one action for ``frameskip`` frames."""
        observations, rewards, terminated, truncated, infos = self._vector_env.step(np.array([action]))
        return observations[0], float(rewards[0]), bool(terminated[0]), bool(truncated[0]), _single_info(infos)

    def render(self) -> npt.NDArray[np.uint8]:
        """The screen of the console, (height, width, 3) uint8."""
        return self._vector_env.render()[0]

    def close(self) -> None:
        """Stop ale-py's thread."""
        self._vector_env.close()

    def get_action_meanings(self) -> list[str]:
        """Names of the actions, as ale-py's environments return them."""
        return list(self.metadata["action_names"])

    def get_keys_to_action(self) -> dict[Keys, int]:
        """Arrow keys and the space bar to actions, for ``gymnasium.utils.play``."""
        held = {
            name: key_combination(code for word, code in KEYS.items() if word.upper() in name)
            for name in self.metadata["action_names"]
        }
        return {keys: action for action, keys in enumerate(held.values())}


def _single_info(infos: dict[str, Any]) -> dict[str, Any]:
    return {key: values[0].item() for key, values in infos.items()}
