"""The games as a Gymnasium vector environment: N copies of one game, stepped in one compiled call."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from rlkit_envs.arcade.batch import GameBatch
from rlkit_envs.arcade.config import MAX_ENVS, MAX_THREADS, METADATA, ArcadeConfig, load_game
from rlkit_envs.arcade.drawing import SIZE
from rlkit_envs.utils import (
    Keys,
    available_cores,
    check_count,
    checked_autoreset_mode,
    checked_mask,
    checked_numbers,
    checked_seeds,
    shows_fields,
)

if TYPE_CHECKING:
    from rlkit_envs.arcade.renderer import Renderer

_PER_GAME = ("expert_action", "get_state", "render")  # methods that return one value per game


@shows_fields(ArcadeConfig)
class ArcadeVectorEnv(VectorEnv[Any, Any, Any]):
    """N copies of one game, stepped in one compiled call; each equal to ``ArcadeEnv``, which describes the task.

    By default episodes are reset by the caller (``AutoresetMode.DISABLED``): call
    ``reset(options={"reset_mask": mask})`` for those that ended. Returned observations are never written again; do not
    change them in place.

    Args:
        game: One of ``GAMES``, such as ``"bricks"``.
        num_envs: Number of copies, N.
        autoreset_mode: ``disabled``, or ``next_step``, which is Gymnasium's default.
        num_threads: Threads that share 128 games or more; None for all cores. Results do not depend on it.
        render_mode: ``rgb_array``, ``human`` (shows the first game) or None.
        **kwargs: See ``ArcadeConfig``.

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
        check_count("num_envs", num_envs, 1, MAX_ENVS)
        if num_threads is not None:
            check_count("num_threads", num_threads, 1, MAX_THREADS)
        check_render_mode(render_mode)
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.autoreset_mode = checked_autoreset_mode(autoreset_mode)
        self.batch = GameBatch(load_game(game), num_envs, ArcadeConfig(**kwargs), num_threads or available_cores())
        self.action_names = self.batch.game.action_names
        self.metadata = METADATA | {"autoreset_mode": self.autoreset_mode, "action_names": self.action_names}
        self.single_observation_space = gymnasium.spaces.Box(0, 255, (SIZE, SIZE, 1), np.uint8)
        self.single_action_space = gymnasium.spaces.Discrete(len(self.action_names))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._renderer: Renderer | None = None

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | npt.NDArray[np.integer[Any]] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[npt.NDArray[np.uint8], dict[str, Any]]:
        """Begin episodes, of all games or of those in a mask.

        Args:
            seed: One per game, or one number: game i then gets ``seed + i``. With None the random numbers go on.
            options: ``reset_mask``, (N,) bool array of the games to reset.

        Returns:
            Observations of all games, and infos of those that were reset.

        Raises:
            ValueError: The mask, the seeds or the options do not fit.
        """
        check_options(options, "reset_mask")
        mask = checked_mask((options or {}).get("reset_mask"), self.num_envs)
        self.batch.begin(mask, checked_seeds(seed, self.num_envs))
        self._show()
        return self.batch.observations(), self._infos(mask)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Carry out one action in each game.

        Args:
            actions: (N,) indices into ``action_names``.

        Returns:
            Observations, (N,) float32 rewards, (N,) bool terminated, (N,) bool truncated, infos; all arrays are new.

        Raises:
            ResetNeeded: An episode is over and has not been reset.
            ValueError: There is no such action.
        """
        checked = checked_numbers(actions, self.num_envs, len(self.action_names))
        self._check_begun("step")
        over = self.batch.ended()
        if over.any() and self.autoreset_mode is AutoresetMode.DISABLED:
            raise ResetNeeded(
                f"the episodes of environments {np.flatnonzero(over)[:10].tolist()} are over: "
                "call reset(options={'reset_mask': mask}), or make the environment with autoreset_mode='next_step'"
            )
        outcome = self.batch.step(checked)
        if over.any():  # next-step autoreset: the action is ignored
            self.batch.begin(over, [None] * self.num_envs)
            for rows in (outcome.rewards, outcome.terminated, outcome.truncated):
                rows[over] = 0
        self._show()
        infos = self._infos(np.ones(self.num_envs, dtype=np.bool_))
        return self.batch.observations(), outcome.rewards, outcome.terminated, outcome.truncated, infos

    def render(self) -> tuple[npt.NDArray[np.uint8], ...] | None:
        """Render each game in colour.

        Returns:
            (546, 504, 3) uint8 per game with ``rgb_array``; None with ``human``, whose window shows the first game.
        """
        if self.render_mode is None:
            gymnasium.logger.warn("render() needs a render mode: make_vec(..., render_mode='rgb_array')")
            return None
        self._check_begun("render")
        if self.render_mode == "human":
            return None
        renderer = self._made_renderer()
        return tuple(
            renderer.render(canvas[..., 0], record)
            for canvas, record in zip(self.batch.observations(), self.batch.records, strict=True)
        )

    def expert_action(self) -> tuple[int, ...]:
        """For each game the action of a scripted player in the present state."""
        self._check_begun("expert_action")
        return tuple(self.batch.expert_actions().tolist())

    def get_state(self) -> tuple[dict[str, Any], ...]:
        """The complete state of each game, in plain values that JSON can hold."""
        return tuple(self.batch.get_state(i) for i in range(self.num_envs))

    def set_state(self, states: Sequence[dict[str, Any]]) -> None:
        """Restore what ``get_state`` returned, perhaps in another environment with the same arguments."""
        if len(states) != self.num_envs:
            raise ValueError(f"{len(states)} states are given; {self.num_envs} are expected")
        for i, state in enumerate(states):
            self.batch.set_state(i, state)

    def get_keys_to_action(self) -> dict[Keys, int]:
        """Arrow keys and the space bar to actions, for ``gymnasium.utils.play``."""
        return self.batch.game.keys_to_action()

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Call a method of ``ArcadeEnv``, or read an attribute, for every game, as Gymnasium's ``SyncVectorEnv`` does.

        Returns:
            One value per game.

        Raises:
            AttributeError: There is no such method or attribute.
        """
        attribute = getattr(self, name)
        if name in _PER_GAME:
            values: tuple[Any, ...] = attribute(*args, **kwargs)
            return values
        return (attribute(*args, **kwargs) if callable(attribute) else attribute,) * self.num_envs

    def _infos(self, mask: npt.NDArray[np.bool_]) -> dict[str, Any]:
        infos: dict[str, Any] = {}
        for key, rows in self.batch.report().items():
            infos[key], infos["_" + key] = rows, mask.copy()
        return infos

    def _check_begun(self, method: str) -> None:
        if not self.batch.begun.all():
            raise ResetNeeded(f"{method}() before the first reset(): call reset() first")

    def __getstate__(self) -> dict[str, Any]:
        """State for ``copy.deepcopy``: a copy makes a renderer of its own when it is first needed."""
        return self.__dict__ | {"_renderer": None}

    def _made_renderer(self) -> "Renderer":
        if self._renderer is None:
            from rlkit_envs.arcade.renderer import Renderer  # imports Pillow, which training does without

            self._renderer = Renderer(self.batch.game)
        return self._renderer

    def _show(self) -> None:
        if self.render_mode == "human":
            self._made_renderer().show(self.batch.observations()[0, ..., 0], self.batch.records[0])

    def close_extras(self, **kwargs: Any) -> None:
        """Close the window and stop the threads."""
        if self._renderer is not None:
            self._renderer.close()
        self.batch.close()


def check_render_mode(render_mode: str | None) -> None:
    """Raise ValueError for render modes that are not supported."""
    if render_mode not in (None, *METADATA["render_modes"]):
        raise ValueError(f"render_mode={render_mode!r}: expected None or one of {METADATA['render_modes']}")


def check_options(options: dict[str, Any] | None, *known: str) -> None:
    """Raise ValueError for options of ``reset`` other than those that are known."""
    unknown = set(options or ()) - set(known)
    if unknown:
        raise ValueError(f"options {sorted(unknown)}: {', '.join(known) or 'none'} can be given")
