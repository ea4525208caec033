"""One game as a Gymnasium environment: a vector environment of one."""

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.error import ResetNeeded

from rlkit_envs.arcade.config import METADATA, ArcadeConfig
from rlkit_envs.arcade.vector_env import ArcadeVectorEnv, check_options
from rlkit_envs.utils import Keys, shows_fields


@shows_fields(ArcadeConfig)
class ArcadeEnv(gymnasium.Env[npt.NDArray[np.uint8], np.int64]):
    """A game of the arcade; step for step equal to ``ArcadeVectorEnv``.

    ## Description
    ``game`` is the name of a module in ``rlkit_envs.arcade.games``; its docstring describes the game under these
    headings. All games have levels and lives, and run at 15 steps per second of play.

    ## Action Space
    ``Discrete``; ``action_names`` says what each action does, action 0 presses no key.

    ## Observation Space
    ``Box(0, 255, (84, 84, 1), uint8)``: the canvas in grey levels.

    ## Rewards
    Points won; in Duel a lost ball gives −1.

    ## Starting State
    Level 1 with all lives. The seed determines everything but the actions.

    ## Episode End
    Terminated when no life is left or the last level is won, with ``terminal_on_life_loss`` when a life is lost;
    truncated after ``max_episode_steps`` steps.

    ## Arguments
    See Args. Infos hold ``score``, the sum of the positive rewards, ``level`` and ``lives``.

    Args:
        game: One of ``GAMES``, such as ``"bricks"``.
        render_mode: ``rgb_array``, ``human`` or None.
        **kwargs: See ``ArcadeConfig``.

    Raises:
        ValueError: A value is out of range, or there is no such game.
    """

    metadata: dict[str, Any] = METADATA

    def __init__(self, game: str, render_mode: str | None = None, **kwargs: Any):
        self._vector_env = ArcadeVectorEnv(game, 1, num_threads=1, render_mode=render_mode, **kwargs)
        self.render_mode = render_mode
        self.action_names = self._vector_env.action_names
        self.metadata = METADATA | {"action_names": self.action_names}
        self.observation_space = self._vector_env.single_observation_space
        self.action_space = self._vector_env.single_action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.uint8], dict[str, Any]]:
        """Begin an episode; without a seed the random numbers go on."""
        check_options(options)
        super().reset(seed=seed)
        observations, infos = self._vector_env.reset(seed=None if seed is None else [seed])
        return observations[0], _single_info(infos)

    def step(self, action: Any) -> tuple[npt.NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        """Carry out one action.

        Raises:
            ResetNeeded: The episode is over, or none has begun.
            ValueError: There is no such action.
        """
        batch = self._vector_env.batch
        if not batch.begun[0] or batch.ended()[0]:
            raise ResetNeeded("step() without a running episode: call reset() first")
        observations, rewards, terminated, truncated, infos = self._vector_env.step(np.reshape(action, 1))
        return observations[0], float(rewards[0]), bool(terminated[0]), bool(truncated[0]), _single_info(infos)

    def render(self) -> Any:
        """Render the game in colour.

        Returns:
            (546, 504, 3) uint8 with ``rgb_array``; None with ``human``, whose window ``step`` and ``reset`` update.
        """
        images = self._vector_env.render()
        return None if images is None else images[0]

    def expert_action(self) -> int:
        """The action of a scripted player in the present state."""
        return self._vector_env.expert_action()[0]

    def get_state(self) -> dict[str, Any]:
        """The complete state, in plain values that JSON can hold."""
        return self._vector_env.get_state()[0]

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore what ``get_state`` returned, perhaps in another environment with the same arguments."""
        self._vector_env.set_state([state])

    def get_keys_to_action(self) -> dict[Keys, int]:
        """Arrow keys and the space bar to actions, for ``gymnasium.utils.play``."""
        return self._vector_env.get_keys_to_action()

    def close(self) -> None:
        """Close the window."""
        self._vector_env.close()


def _single_info(infos: dict[str, Any]) -> dict[str, Any]:
    return {key: rows[0].item() for key, rows in infos.items() if not key.startswith("_")}
