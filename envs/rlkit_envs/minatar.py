"""MinAtar's five games (Young & Tian 2019) as Gymnasium environments: Atari on grids of 10×10 cells.

``register()`` makes ``MinAtar/Breakout-v1`` and its relatives known, under the ids and with the rules of the package
``minatar``. Its own environments differ in two things: an episode depends on how the one before ended (the action that
may be repeated at its first step), and drawing needs a plotting library. ``import rlkit_envs`` does not call it.
"""

import importlib
import importlib.util
from reprlib import repr as shown
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

__all__ = ["MinAtarEnv", "register"]

GAMES = ("asterix", "breakout", "freeway", "seaquest", "space_invaders")
ACTION_NAMES = ("nothing", "left", "up", "right", "down", "fire")  # as MinAtar numbers them
# As SDL and pygame number them.
KEYS = {"left": (1073741904,), "up": (1073741906,), "right": (1073741903,), "down": (1073741905,), "fire": (32,)}
METADATA: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}
CELL = 16  # pixels a side, when drawn

# One colour per channel, told apart by colour-blind people too; later channels lie on earlier ones.
_COLOURS = np.array(
    [
        (0, 0, 0),
        (240, 240, 240),
        (230, 159, 0),
        (86, 180, 233),
        (0, 158, 115),
        (240, 228, 66),
        (0, 114, 178),
        (213, 94, 0),
        (204, 121, 167),
        (150, 150, 150),
        (120, 94, 240),
    ],
    dtype=np.uint8,
)


def register() -> None:
    """Make ``MinAtar/<Game>-v0`` (all six actions) and ``-v1`` (those that the game uses) known to Gymnasium.

    Raises:
        ModuleNotFoundError: The package ``minatar`` is not installed.
    """
    if importlib.util.find_spec("minatar") is None:  # importing it takes a second, which can wait for the first game
        raise ModuleNotFoundError("No module named 'minatar'", name="minatar")
    for game in GAMES:
        for version, minimal in ((0, False), (1, True)):
            name = f"MinAtar/{game.title().replace('_', '')}-v{version}"
            if name not in gymnasium.registry:  # somebody may have called MinAtar's own registration
                gymnasium.register(
                    id=name,
                    entry_point="rlkit_envs.minatar:MinAtarEnv",
                    kwargs={"game": game, "minimal_actions": minimal},
                )


class MinAtarEnv(gymnasium.Env[npt.NDArray[np.bool_], np.int64]):
    """One game on a grid of 10×10 cells; each channel of a cell says whether one kind of thing is there.

    Args:
        game: One of `GAMES`.
        minimal_actions: Whether only those actions are offered that do something.
        sticky_action_prob: How likely the last action is repeated instead of the one given.
        difficulty_ramping: Whether games get harder as they go on.
        render_mode: ``rgb_array`` or None.

    Raises:
        ValueError: There is no such game, or the probability is none.
    """

    metadata: dict[str, Any] = METADATA

    def __init__(
        self,
        game: str,
        *,
        minimal_actions: bool = True,
        sticky_action_prob: float = 0.1,
        difficulty_ramping: bool = True,
        render_mode: str | None = None,
    ):
        if game not in GAMES:
            raise ValueError(f"there is no game {shown(game)}: expected {', '.join(GAMES)}")
        number = isinstance(sticky_action_prob, int | float) and not isinstance(sticky_action_prob, bool)
        if not number or not 0 <= sticky_action_prob <= 1:
            raise ValueError(f"sticky_action_prob={shown(sticky_action_prob)}: expected a number from 0 to 1")
        for name, value in (("minimal_actions", minimal_actions), ("difficulty_ramping", difficulty_ramping)):
            if not isinstance(value, bool):
                raise ValueError(f"{name}={shown(value)}: expected True or False")
        self._game = importlib.import_module("minatar").Environment(game, sticky_action_prob, difficulty_ramping)
        self._actions: list[int] = list(self._game.minimal_action_set() if minimal_actions else range(6))
        self.action_names = tuple(ACTION_NAMES[action] for action in self._actions)
        self.action_space = gymnasium.spaces.Discrete(len(self._actions))
        bits: Any = np.bool_  # a Box of truth values is unusual, but it is MinAtar's
        self.observation_space = gymnasium.spaces.Box(0, 1, self._game.state_shape(), bits)
        self.render_mode = render_mode

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.bool_], dict[str, Any]]:
        """Begin a new game."""
        super().reset(seed=seed)
        if seed is not None:
            self._game.seed(seed)
        self._game.last_action = 0
        self._game.reset()
        return self._game.state(), {}

    def step(self, action: np.int64) -> tuple[npt.NDArray[np.bool_], float, bool, bool, dict[str, Any]]:
        """Take one decision; games only end by being lost, or in Freeway by the clock."""
        reward, over = self._game.act(self._actions[action])
        return self._game.state(), float(reward), bool(over), False, {}

    def render(self) -> npt.NDArray[np.uint8]:
        """The grid (160, 160, 3), a colour for each kind of thing."""
        state = self._game.state()
        topmost = np.max(state * np.arange(1, state.shape[2] + 1), axis=2)
        picture: npt.NDArray[np.uint8] = _COLOURS[topmost].repeat(CELL, axis=0).repeat(CELL, axis=1)
        return picture

    def get_keys_to_action(self) -> dict[tuple[int, ...], int]:
        """Arrow keys and the space bar, for ``gymnasium.utils.play``."""
        return {KEYS.get(name, ()): action for action, name in enumerate(self.action_names)}
