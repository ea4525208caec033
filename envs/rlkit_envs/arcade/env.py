"""One game as a Gymnasium environment: the vector environment with a single game in it."""

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.error import ResetNeeded

from rlkit_envs.arcade.config import METADATA, Settings
from rlkit_envs.arcade.vector_env import ArcadeVectorEnv, check_options
from rlkit_envs.utils import shows_fields


@shows_fields(Settings)
class ArcadeEnv(gymnasium.Env[npt.NDArray[np.uint8], np.int64]):
    """One game of the arcade; step by step the same as in ``ArcadeVectorEnv``.

    Observation: (84, 84, 1) uint8, one picture in grey. Actions: ``Discrete``, with ``action_names``, 15 decisions a
    second. Reward: points won, less what a loss costs. Ends: no lives left, or the last level won (terminated); out of
    time (truncated). The rules of each game stand at the top of its module.

    Args:
        game: One of ``GAMES``, such as ``"bricks"``.
        render_mode: ``rgb_array``, ``human`` or None.
        **kwargs: See ``Settings``.

    Raises:
        ValueError: A value is out of range, or there is no such game.
    """

    metadata: dict[str, Any] = METADATA

    def __init__(self, game: str, render_mode: str | None = None, **kwargs: Any):
        self._games = ArcadeVectorEnv(game, 1, num_threads=1, render_mode=render_mode, **kwargs)
        self.render_mode = render_mode
        self.action_names = self._games.action_names
        self.metadata = METADATA | {"action_names": self.action_names}
        self.observation_space = self._games.single_observation_space
        self.action_space = self._games.single_action_space

    @property
    def cabinet(self) -> Any:
        """The game's records and kernels."""
        return self._games.cabinet

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.uint8], dict[str, Any]]:
        """Begin an episode; the seed fixes all of it but the actions, None goes on drawing."""
        check_options(options)
        super().reset(seed=seed)
        observations, infos = self._games.reset(seed=None if seed is None else [seed])
        return observations[0], _only(infos)

    def step(self, action: Any) -> tuple[npt.NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        """Carry out one decision.

        Raises:
            ResetNeeded: The episode is over, or none has begun.
            ValueError: There is no such action.
        """
        if not self.cabinet.begun[0] or self.cabinet.ended()[0]:
            raise ResetNeeded("step() without a running episode: call reset() first")
        observations, rewards, terminated, truncated, infos = self._games.step(np.reshape(action, 1))
        return observations[0], float(rewards[0]), bool(terminated[0]), bool(truncated[0]), _only(infos)

    def render(self) -> Any:
        """Draw the game for people.

        Returns:
            (H, W, 3) uint8 with ``rgb_array``; None with ``human``, whose window is drawn by ``step`` and ``reset``.
        """
        pictures = self._games.render()
        return None if pictures is None else pictures[0]

    def expert_action(self) -> int:
        """The action that a scripted, good player would choose now."""
        return self._games.expert_action()[0]

    def get_state(self) -> dict[str, Any]:
        """Everything that decides what happens next, as plain numbers that JSON can hold."""
        return self._games.get_state()[0]

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what ``get_state`` gave, also in another environment made with the same arguments."""
        self._games.set_state([state])

    def get_keys_to_action(self) -> dict[tuple[int, ...], int]:
        """Arrow keys and the space bar, for ``gymnasium.utils.play``."""
        return self._games.get_keys_to_action()

    def close(self) -> None:
        """Close the window."""
        self._games.close()


def _only(infos: dict[str, Any]) -> dict[str, Any]:
    return {key: rows[0].item() for key, rows in infos.items() if not key.startswith("_")}
