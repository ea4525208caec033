"""Atari games as a Gymnasium vector environment: N copies of one game, stepped in ale-py's threads."""

from collections.abc import Sequence
from reprlib import repr as shown
from typing import Any

import ale_py
import numpy as np
import numpy.typing as npt
from ale_py import roms
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from rlkit_envs.atari.config import MAX_ENVS, MAX_THREADS, METADATA, AtariConfig
from rlkit_envs.utils import check_count, checked_seeds, shows_fields

Infos = dict[str, Any]

NO_LIMIT = 2**31 - 1  # frames; at a limit of its own ale-py would repeat the last observation but one


class _AleVectorEnv(ale_py.AtariVectorEnv):
    """Ale-py's vector environment with metadata of its own, as it writes into its class's."""

    metadata: dict[str, Any] = {}  # noqa: RUF012 - as Gymnasium has it


@shows_fields(AtariConfig)
class AtariVectorEnv(VectorEnv[Any, Any, Any]):
    """N copies of one game, each equal to ``AtariEnv``, which describes the task.

    An episode depends on its seed and actions only, not on its index or the threads. Observations are single frames
    (N, height, width, channels) uint8. There is no autoreset: call ``reset(options={"reset_mask": mask})`` for the
    episodes that ended, before the next step.

    Ale-py has no mode without autoreset; it runs in next-step mode, and every ended game is reset before that step.
    In the step that ends a game ale-py repeats the last observation but one.

    Args:
        game: Name of the game's ROM, such as ``space_invaders``.
        num_envs: Number of copies, N.
        num_threads: Threads; 0 for one per core.
        autoreset_mode: Only ``AutoresetMode.DISABLED``.
        render_mode: ``rgb_array``, which runs every game a second time for its screen in colour, or None.
        **kwargs: See ``AtariConfig``.

    Raises:
        ValueError: A value is out of range, or there is no such game.
    """

    metadata: dict[str, Any] = METADATA | {"autoreset_mode": AutoresetMode.DISABLED}

    def __init__(
        self,
        game: str,
        num_envs: int = 1,
        *,
        num_threads: int = 0,
        autoreset_mode: AutoresetMode | str = AutoresetMode.DISABLED,
        render_mode: str | None = None,
        **kwargs: Any,
    ):
        self.settings = AtariConfig(**kwargs)
        check_count("num_envs", num_envs, 1, MAX_ENVS)
        check_count("num_threads", num_threads, 0, MAX_THREADS)
        if AutoresetMode(autoreset_mode) is not AutoresetMode.DISABLED:
            raise ValueError(f"autoreset_mode should be {AutoresetMode.DISABLED.value}, not {autoreset_mode}")
        if game not in roms.get_all_rom_ids():
            raise ValueError(f"there is no game {shown(game)}: expected a name like space_invaders")
        self.num_envs = num_envs
        self.render_mode = render_mode
        height, width = self.settings.img_height, self.settings.img_width
        grayscale = self.settings.obs_type == "grayscale"
        self._ale: _AleVectorEnv | None = self._make_ale(game, num_threads, height, width, grayscale, maxpool=True)
        self._screen_ale: _AleVectorEnv | None = None
        if render_mode is not None:
            self._screen_ale = self._make_ale(game, num_threads, *_screen_size(game), grayscale=False, maxpool=False)
        actions = self._ale.ale.get_action_set()
        self.metadata = METADATA | {
            "autoreset_mode": AutoresetMode.DISABLED,
            "fresh_observations": True,  # each step returns a new array of ale-py's
            "render_fps": self.settings.steps_per_second,
            "action_names": tuple(action.name for action in actions),
        }
        self.single_observation_space = spaces.Box(0, 255, (height, width, 1 if grayscale else 3), np.uint8)
        self.single_action_space = spaces.Discrete(len(actions))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._episodic_life = self.settings.rules.episodic_life
        self._steps = np.zeros(num_envs, dtype=np.int64)  # of the running episodes
        self._life_lost = np.zeros(num_envs, dtype=np.bool_)  # the last step ended the episode but not the game
        self._observations: npt.NDArray[np.uint8] | None = None
        self._screens: npt.NDArray[np.uint8] | None = None
        self._infos: Infos = {}

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.uint8], Infos]:
        """Begin new games, or after a lost life continue the running one.

        Args:
            seed: One per game, of which those in the mask count, or one number: game i then gets ``seed + i``.
            options: ``reset_mask``, (N,) bool array of the games to reset; without it, all.

        Returns:
            (N, height, width, channels) uint8 and infos, unchanged outside the mask.
        """
        ale, screen_ale = self._open()
        mask = np.ones(self.num_envs, dtype=np.bool_)
        if options is not None and "reset_mask" in options:
            mask = np.asarray(options["reset_mask"], dtype=np.bool_)
        if self._observations is None and not mask.all():
            raise ResetNeeded("the first reset() has to reset all games: leave out reset_mask")
        new = mask & ~self._life_lost
        self._life_lost[mask] = False
        if new.any():
            self._steps[new] = 0
            arguments: dict[str, Any] = {"seed": _seeds(seed, self.num_envs, new), "options": {"reset_mask": new}}
            observations, self._infos = ale.reset(**arguments)
            self._observations = self._frames(observations)
            if screen_ale is not None:
                self._screens = screen_ale.reset(**arguments)[0][:, 0]
        assert self._observations is not None
        return self._observations, dict(self._infos)

    def step(
        self, actions: npt.NDArray[np.integer[Any]]
    ) -> tuple[
        npt.NDArray[np.uint8], npt.NDArray[np.float32], npt.NDArray[np.bool_], npt.NDArray[np.bool_], dict[str, Any]
    ]:
        """Carry out one action in each game for ``frameskip`` frames."""
        if self._observations is None:
            raise ResetNeeded("step() before the first reset(): call reset() first")
        ale, screen_ale = self._open()
        actions = np.asarray(actions, dtype=np.int64)
        lives = self._infos["lives"]
        observations, rewards, terminated, _, self._infos = ale.step(actions)
        if screen_ale is not None:
            self._screens = screen_ale.step(actions)[0][:, 0]
        self._observations = self._frames(observations)
        self._steps += 1
        # Ale-py terminates both at the loss of a life and at the end of a game; no life is left at the latter.
        left = self._infos["lives"]
        self._life_lost = terminated & (left > 0) & (left < lives) & self._episodic_life
        truncated = ~terminated & (self._steps >= self.settings.step_limit)
        return self._observations, rewards.astype(np.float32), terminated, truncated, dict(self._infos)

    def render(self) -> tuple[npt.NDArray[np.uint8], ...]:
        """The screen of the console, (height, width, 3) uint8, of each game."""
        if self._screens is None:
            raise ResetNeeded(
                "render() has no screen: make the environment with render_mode='rgb_array' and call reset()"
            )
        return tuple(self._screens)

    def close_extras(self, **kwargs: Any) -> None:
        """Stop ale-py's threads."""
        self._ale = self._screen_ale = None

    def _make_ale(
        self, game: str, num_threads: int, height: int, width: int, grayscale: bool, maxpool: bool
    ) -> "_AleVectorEnv":
        rules = self.settings.rules
        return _AleVectorEnv(
            game,
            self.num_envs,
            num_threads=num_threads,
            max_num_frames_per_episode=NO_LIMIT,
            repeat_action_probability=rules.repeat_action_probability,
            full_action_space=rules.full_action_space,
            autoreset_mode=AutoresetMode.NEXT_STEP,
            img_height=height,
            img_width=width,
            grayscale=grayscale,
            stack_num=1,
            frameskip=self.settings.frameskip,
            maxpool=maxpool,
            noop_max=rules.noop_max,
            episodic_life=False,  # would start a new game after each life
            life_loss_info=rules.episodic_life,
            reward_clipping=False,
            use_fire_reset=rules.use_fire_reset,
        )

    def _open(self) -> tuple["_AleVectorEnv", "_AleVectorEnv | None"]:
        if self._ale is None:
            raise ResetNeeded("the environment is closed: make a new one")
        return self._ale, self._screen_ale

    def _frames(self, observations: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """From ale-py's (N, 1, height, width[, 3]) to (N, height, width, channels), without a copy."""
        return observations.reshape(self.num_envs, *self.single_observation_space.shape)  # type: ignore[misc]


def _seeds(
    seed: int | Sequence[int | None] | None, count: int, mask: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64] | None:
    """Seeds of the games in the mask; None for random ones."""
    if seed is None:
        return None
    # The emulator takes 31 bits; a negative seed asks for a random one.
    return np.array([-1 if one is None else one % 2**31 for one in checked_seeds(seed, count)])[mask]


def _screen_size(game: str) -> tuple[int, int]:
    """Height and width of a game's screen, which depend on the game."""
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    console = ale_py.ALEInterface()
    rom = roms.get_rom_path(game)
    assert rom is not None
    console.loadROM(rom)
    height, width = console.getScreenDims()
    return int(height), int(width)
