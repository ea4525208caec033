"""Atari games as a Gymnasium vector environment, many of them stepped in ale-py's own threads."""

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

from rlkit_envs.atari.config import METADATA, MOST_GAMES, MOST_THREADS, Settings, check_count
from rlkit_envs.utils import shows_fields

Infos = dict[str, Any]

NEVER = 2**31 - 1  # frames; limits are ours, so that the last picture before one is a new one


class _Games(ale_py.AtariVectorEnv):
    """Ale-py's vector environment, which writes into its class's metadata: here into a dict that is nobody else's."""

    metadata: dict[str, Any] = {}  # noqa: RUF012 - as Gymnasium has it


@shows_fields(Settings)
class AtariVectorEnv(VectorEnv[Any, Any, Any]):
    """Many games of one kind; a game depends on its seed and its actions, not on its place nor on the threads.

    Observations are single frames (N, height, width, channels) uint8, the brighter of the last two of the console at
    each pixel (Mnih et al. 2015), made small by area. Rewards are the game's points. Nothing resets itself: call
    ``reset(options={"reset_mask": mask})`` for the episodes that ended, before the next step. Where a lost life ends
    an episode, resetting goes on in the same game.

    Ale-py knows no mode without resets, but one that resets before the next step, which is then never needed. At the
    end of a game it repeats the last but one picture; nothing is to be expected there anyway.

    Args:
        game: Name of the game's ROM, such as ``space_invaders``.
        num_envs: Number of games, N.
        num_threads: Threads that share them; 0 for as many as there are cores.
        autoreset_mode: ``AutoresetMode.DISABLED``; there is no other.
        render_mode: ``rgb_array`` runs every game a second time, with its whole screen in colour, or None.
        **kwargs: See ``Settings``.

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
        self.settings = Settings(**kwargs)
        check_count("num_envs", num_envs, 1, MOST_GAMES)
        check_count("num_threads", num_threads, 0, MOST_THREADS)
        if AutoresetMode(autoreset_mode) is not AutoresetMode.DISABLED:
            raise ValueError(f"autoreset_mode should be {AutoresetMode.DISABLED.value}, not {autoreset_mode}")
        if game not in roms.get_all_rom_ids():
            raise ValueError(f"there is no game {shown(game)}; names are written like space_invaders")
        self.num_envs = num_envs
        self.render_mode = render_mode
        height, width = self.settings.img_height, self.settings.img_width
        grayscale = self.settings.obs_type == "grayscale"
        self._games: _Games | None = self._made(game, num_threads, height, width, grayscale, maxpool=True)
        self._screens: _Games | None = None
        if render_mode is not None:
            self._screens = self._made(game, num_threads, *_screen_size(game), grayscale=False, maxpool=False)
        actions = self._games.ale.get_action_set()
        self.metadata = METADATA | {
            "autoreset_mode": AutoresetMode.DISABLED,
            "fresh_observations": True,  # each step's are ale-py's own new array
            "render_fps": self.settings.decisions_per_second,
            "action_names": tuple(action.name for action in actions),
        }
        self.single_observation_space = spaces.Box(0, 255, (height, width, 1 if grayscale else 3), np.uint8)
        self.single_action_space = spaces.Discrete(len(actions))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._episodic_life = self.settings.rules.episodic_life
        self._steps = np.zeros(num_envs, dtype=np.int64)  # of the running games
        self._life_lost = np.zeros(num_envs, dtype=np.bool_)  # in the last step, which ended an episode but no game
        self._shown: npt.NDArray[np.uint8] | None = None
        self._pictures: npt.NDArray[np.uint8] | None = None
        self._infos: Infos = {}

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.uint8], Infos]:
        """Begin new games, or after a lost life go on in the running one.

        Args:
            seed: One per environment, those outside of the mask being ignored; a number seeds them from there upwards.
            options: `reset_mask` (N,) bool says which; without it, all.

        Returns:
            (N, height, width, channels) uint8 and infos; outside of the mask as they were.
        """
        games, screens = self._open()
        mask = np.ones(self.num_envs, dtype=np.bool_)
        if options is not None and "reset_mask" in options:
            mask = np.asarray(options["reset_mask"], dtype=np.bool_)
        if self._shown is None and not mask.all():
            raise ResetNeeded("the first reset has to be of all games")
        anew = mask & ~self._life_lost
        self._life_lost[mask] = False
        if anew.any():
            self._steps[anew] = 0
            arguments: dict[str, Any] = {"seed": _seeds(seed, self.num_envs, anew), "options": {"reset_mask": anew}}
            observations, self._infos = games.reset(**arguments)
            self._shown = self._frames(observations)
            if screens is not None:
                self._pictures = screens.reset(**arguments)[0][:, 0]
        assert self._shown is not None
        return self._shown, dict(self._infos)

    def step(
        self, actions: npt.NDArray[np.integer[Any]]
    ) -> tuple[
        npt.NDArray[np.uint8], npt.NDArray[np.float32], npt.NDArray[np.bool_], npt.NDArray[np.bool_], dict[str, Any]
    ]:
        """Take one decision in each game: the same action for `frameskip` frames of the console."""
        if self._shown is None:
            raise ResetNeeded("step() without a game: call reset() first")
        games, screens = self._open()
        actions = np.asarray(actions, dtype=np.int64)
        lives = self._infos["lives"]
        observations, rewards, terminated, _, self._infos = games.step(actions)
        if screens is not None:
            self._pictures = screens.step(actions)[0][:, 0]
        self._shown = self._frames(observations)
        self._steps += 1
        # Ale-py calls both the loss of a life and the end of the game an end; after the latter no life is left.
        left = self._infos["lives"]
        self._life_lost = terminated & (left > 0) & (left < lives) & self._episodic_life
        truncated = ~terminated & (self._steps >= self.settings.most_steps)
        return self._shown, rewards.astype(np.float32), terminated, truncated, dict(self._infos)

    def render(self) -> tuple[npt.NDArray[np.uint8], ...]:
        """The console's screen (height, width, 3) of each game."""
        if self._pictures is None:
            raise ResetNeeded("there is nothing to draw: make it with render_mode='rgb_array' and call reset()")
        return tuple(self._pictures)

    def close_extras(self, **kwargs: Any) -> None:
        """Stop ale-py's threads."""
        self._games = self._screens = None

    def _made(self, game: str, num_threads: int, height: int, width: int, grayscale: bool, maxpool: bool) -> "_Games":
        rules = self.settings.rules
        return _Games(
            game,
            self.num_envs,
            num_threads=num_threads,
            max_num_frames_per_episode=NEVER,
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
            episodic_life=False,  # would begin a new game after every life
            life_loss_info=rules.episodic_life,
            reward_clipping=False,
            use_fire_reset=rules.use_fire_reset,
        )

    def _open(self) -> tuple["_Games", "_Games | None"]:
        if self._games is None:
            raise ResetNeeded("these games were closed")
        return self._games, self._screens

    def _frames(self, observations: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """From ale-py's (N, 1, height, width[, 3]) to (N, height, width, channels), without a copy."""
        return observations.reshape(self.num_envs, *self.single_observation_space.shape)  # type: ignore[misc]


def _seeds(
    seed: int | Sequence[int | None] | None, count: int, mask: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64] | None:
    """The seeds of the environments in the mask; None for new randomness."""
    if seed is None:
        return None
    seeds = [seed + index for index in range(count)] if isinstance(seed, int | np.integer) else list(seed)
    if len(seeds) != count:
        raise ValueError(f"{count} games need as many seeds, not {len(seeds)}")
    # The emulator takes 31 bits, and negative ones for new randomness.
    return np.array([-1 if one is None else int(one) % 2**31 for one in seeds])[mask]


def _screen_size(game: str) -> tuple[int, int]:
    """Height and width of a game's screen, which are not those of all."""
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    console = ale_py.ALEInterface()
    rom = roms.get_rom_path(game)
    assert rom is not None
    console.loadROM(rom)
    height, width = console.getScreenDims()
    return int(height), int(width)
