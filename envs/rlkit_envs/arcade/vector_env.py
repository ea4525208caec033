"""The games as a Gymnasium vector environment: many of one kind, stepped in one compiled call."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from rlkit_envs.arcade.batch import GameBatch
from rlkit_envs.arcade.config import METADATA, MOST_GAMES, MOST_THREADS, Settings, check_count, load_game
from rlkit_envs.arcade.drawing import SIZE
from rlkit_envs.utils import (
    available_cores,
    checked_autoreset_mode,
    checked_mask,
    checked_numbers,
    checked_seeds,
    shows_fields,
)

if TYPE_CHECKING:
    from rlkit_envs.arcade.renderer import Screen

_SINGLE = ("expert_action", "get_state", "render")  # what `call` asks each game separately


@shows_fields(Settings)
class ArcadeVectorEnv(VectorEnv[Any, Any, Any]):
    """Many copies of one game, stepped in one compiled call; game by game the same as ``ArcadeEnv``.

    By default nothing resets itself (``AutoresetMode.DISABLED``): call ``reset(options={"reset_mask": mask})`` for the
    episodes that ended. Observations that were handed out are never written again; do not change them in place.

    Args:
        game: One of ``GAMES``, such as ``"bricks"``.
        num_envs: Number of copies.
        autoreset_mode: ``disabled``, or ``next_step`` for libraries that expect Gymnasium's default.
        num_threads: Threads that share 128 games or more; None for all cores. Results do not depend on it.
        render_mode: ``rgb_array``, ``human`` (shows the first game) or None.
        **kwargs: See ``Settings``.

    Raises:
        ValueError: A value is out of range, or there is no such game.
    """

    metadata: dict[str, Any] = METADATA | {"autoreset_mode": AutoresetMode.DISABLED}

    def __init__(
        self,
        game: str,
        num_envs: int = 1,
        autoreset_mode: str | AutoresetMode = AutoresetMode.DISABLED,
        num_threads: int | None = None,
        render_mode: str | None = None,
        **kwargs: Any,
    ):
        check_count("num_envs", num_envs, MOST_GAMES)
        if num_threads is not None:
            check_count("num_threads", num_threads, MOST_THREADS)
        check_render_mode(render_mode)
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.autoreset_mode = checked_autoreset_mode(autoreset_mode)
        self.cabinet = GameBatch(load_game(game), num_envs, Settings(**kwargs), num_threads or available_cores())
        self.action_names = self.cabinet.game.action_names
        self.metadata = METADATA | {"autoreset_mode": self.autoreset_mode, "action_names": self.action_names}
        self.single_observation_space = gymnasium.spaces.Box(0, 255, (SIZE, SIZE, 1), np.uint8)
        self.single_action_space = gymnasium.spaces.Discrete(len(self.action_names))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._screen: Screen | None = None

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | npt.NDArray[np.integer[Any]] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[npt.NDArray[np.uint8], dict[str, Any]]:
        """Begin episodes, of all games or of those in a mask.

        Args:
            seed: One per game, or one number: game i then gets ``seed + i``. None goes on drawing.
            options: ``reset_mask``, (N,) bool array of the games to reset.

        Returns:
            Pictures of all games, and infos of those that were reset.

        Raises:
            ValueError: The mask, the seeds or the options do not fit.
        """
        check_options(options, "reset_mask")
        mask = checked_mask((options or {}).get("reset_mask"), self.num_envs)
        self.cabinet.begin(mask, checked_seeds(seed, self.num_envs))
        self._show()
        return self.cabinet.observations(), self._infos(mask)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Carry out one decision in each game.

        Args:
            actions: (N,) numbers of ``action_names``.

        Returns:
            Pictures, (N,) float32 rewards, (N,) bool terminated, (N,) bool truncated, infos; all arrays are new.

        Raises:
            ResetNeeded: An episode is over and has not been reset.
            ValueError: There is no such action.
        """
        checked = checked_numbers(actions, self.num_envs, len(self.action_names))
        self._check_begun("step")
        over = self.cabinet.ended()
        if over.any() and self.autoreset_mode is AutoresetMode.DISABLED:
            raise ResetNeeded(
                f"the episodes of environments {np.flatnonzero(over)[:10].tolist()} are over: "
                "call reset(options={'reset_mask': mask}), or make the environment with autoreset_mode='next_step'"
            )
        outcome = self.cabinet.step(checked)
        if over.any():  # Next-step autoreset: their action is ignored
            self.cabinet.begin(over, [None] * self.num_envs)
            for rows in (outcome.rewards, outcome.terminated, outcome.truncated):
                rows[over] = 0
        self._show()
        infos = self._infos(np.ones(self.num_envs, dtype=np.bool_))
        return self.cabinet.observations(), outcome.rewards, outcome.terminated, outcome.truncated, infos

    def render(self) -> tuple[npt.NDArray[np.uint8], ...] | None:
        """Draw each game for people.

        Returns:
            (H, W, 3) uint8 per game with ``rgb_array``; None with ``human``, whose window shows the first game.
        """
        if self.render_mode is None:
            gymnasium.logger.warn("render() needs a render mode: make_vec(..., render_mode='rgb_array')")
            return None
        self._check_begun("render")
        if self.render_mode == "human":
            return None
        screen = self._made_screen()
        return tuple(
            screen.picture(picture[..., 0], record)
            for picture, record in zip(self.cabinet.observations(), self.cabinet.records, strict=True)
        )

    def expert_action(self) -> tuple[int, ...]:
        """For each game the action that a scripted, good player would choose now."""
        self._check_begun("expert_action")
        return tuple(self.cabinet.expert_actions().tolist())

    def get_state(self) -> tuple[dict[str, Any], ...]:
        """For each game everything that decides what it does next, as plain numbers that JSON can hold."""
        return tuple(self.cabinet.get_state(i) for i in range(self.num_envs))

    def set_state(self, states: Sequence[dict[str, Any]]) -> None:
        """Go on from what ``get_state`` gave, also in another environment made with the same arguments."""
        if len(states) != self.num_envs:
            raise ValueError(f"{len(states)} states are given; {self.num_envs} are expected")
        for i, state in enumerate(states):
            self.cabinet.set_state(i, state)

    def get_keys_to_action(self) -> dict[tuple[int, ...], int]:
        """Arrow keys and the space bar, for ``gymnasium.utils.play``."""
        return self.cabinet.game.keys_to_action()

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Ask every game the same, as in Gymnasium's ``SyncVectorEnv``: a method of ``ArcadeEnv`` or an attribute.

        Returns:
            One answer per game.

        Raises:
            AttributeError: There is no such method or attribute.
        """
        asked = getattr(self, name)
        if name in _SINGLE:
            answers: tuple[Any, ...] = asked(*args, **kwargs)
            return answers
        return (asked(*args, **kwargs) if callable(asked) else asked,) * self.num_envs

    def _infos(self, mask: npt.NDArray[np.bool_]) -> dict[str, Any]:
        infos: dict[str, Any] = {}
        for key, rows in self.cabinet.report().items():
            infos[key], infos["_" + key] = rows, mask.copy()
        return infos

    def _check_begun(self, doing: str) -> None:
        if not self.cabinet.begun.all():
            raise ResetNeeded(f"{doing}() before the first reset(): call reset() first")

    def _made_screen(self) -> "Screen":
        if self._screen is None:
            from rlkit_envs.arcade.renderer import Screen  # pictures for people are drawn where they are wanted only

            self._screen = Screen(self.cabinet.game)
        return self._screen

    def _show(self) -> None:
        if self.render_mode == "human":
            self._made_screen().show(self.cabinet.observations()[0, ..., 0], self.cabinet.records[0])

    def close_extras(self, **kwargs: Any) -> None:
        """Close the window and let the threads go."""
        if self._screen is not None:
            self._screen.close()
        self.cabinet.close()


def check_render_mode(render_mode: str | None) -> None:
    """Raise ValueError unless games can be shown in this way."""
    if render_mode not in (None, *METADATA["render_modes"]):
        raise ValueError(f"render_mode={render_mode!r}: expected None or one of {METADATA['render_modes']}")


def check_options(options: dict[str, Any] | None, *known: str) -> None:
    """Raise ValueError for options of a reset that do not exist."""
    unknown = set(options or ()) - set(known)
    if unknown:
        raise ValueError(f"options {sorted(unknown)}: {', '.join(known) or 'none'} can be given")
