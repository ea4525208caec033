"""MinAtar's five games (Young & Tian 2019) as Gymnasium environments: Atari on grids of 10×10 cells.

``register()`` registers them under the ids of the package ``minatar``, such as ``MinAtar/Breakout-v1``, with its rules.
That package's own environments differ in two points: the first action of an episode may be replaced by the last one of
the episode before, and rendering needs a plotting library. ``import rlkit_envs`` does not call ``register()``.
"""

import importlib
import importlib.util
from reprlib import repr as shown
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from rlkit_envs.utils import KEYS, NO_KEY, Keys, check_bool, check_probability

__all__ = ["MinAtarEnv", "register"]

GAMES = ("asterix", "breakout", "freeway", "seaquest", "space_invaders")
ACTION_NAMES = ("nothing", "left", "up", "right", "down", "fire")  # in MinAtar's order
METADATA: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}
CELL = 16  # pixels a side of a rendered cell

# One colour per channel, distinct for colour-blind viewers; later channels cover earlier ones.
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
    """Register ``MinAtar/<Game>-v0`` (all six actions) and ``-v1`` (those that the game uses).

    Raises:
        ModuleNotFoundError: The package ``minatar`` is not installed.
    """
    if importlib.util.find_spec("minatar") is None:  # its import, which takes a second, is left to the first game
        raise ModuleNotFoundError("No module named 'minatar'", name="minatar")
    for game in GAMES:
        for version, minimal in ((0, False), (1, True)):
            name = f"MinAtar/{game.title().replace('_', '')}-v{version}"
            if name not in gymnasium.registry:  # MinAtar's own registration may have been called
                gymnasium.register(
                    id=name,
                    entry_point="rlkit_envs.minatar:MinAtarEnv",
                    kwargs={"game": game, "minimal_actions": minimal},
                )


class MinAtarEnv(gymnasium.Env[npt.NDArray[np.bool_], np.int64]):
    """A MinAtar game on a grid of 10×10 cells.

    ## Description
    Asterix, Breakout, Freeway, Seaquest or Space Invaders, reduced to what happens on the grid (Young & Tian 2019).

    ## Action Space
    ``Discrete``: 0 nothing, 1 left, 2 up, 3 right, 4 down, 5 fire; with ``minimal_actions`` those that the game uses,
    see ``action_names``.

    ## Observation Space
    ``Box(0, 1, (10, 10, channels), bool)``: each channel marks the cells that hold one kind of object.

    ## Rewards
    Points of the game.

    ## Starting State
    The start of the game, which the seed determines.

    ## Episode End
    Terminated when the game is lost, in Freeway at step 2,501. Never truncated.

    ## Arguments
    See Args.

    Args:
        game: One of `GAMES`.
        minimal_actions: Only the actions that the game uses.
        sticky_action_prob: Probability that the previous action is repeated instead of the given one.
        difficulty_ramping: Whether games get harder as they go on.
        render_mode: ``rgb_array`` or None.

    Raises:
        ValueError: There is no such game, or a value is out of range.
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
        check_probability("sticky_action_prob", sticky_action_prob)
        check_bool("minimal_actions", minimal_actions)
        check_bool("difficulty_ramping", difficulty_ramping)
        self._game = importlib.import_module("minatar").Environment(game, sticky_action_prob, difficulty_ramping)
        self._actions: list[int] = list(self._game.minimal_action_set() if minimal_actions else range(6))
        self.action_names = tuple(ACTION_NAMES[action] for action in self._actions)
        self.action_space = gymnasium.spaces.Discrete(len(self._actions))
        dtype: Any = np.bool_  # unusual for a Box, but MinAtar's own
        self.observation_space = gymnasium.spaces.Box(0, 1, self._game.state_shape(), dtype)
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
        """Carry out one action."""
        reward, over = self._game.act(self._actions[action])
        return self._game.state(), float(reward), bool(over), False, {}

    def render(self) -> npt.NDArray[np.uint8]:
        """The grid as (160, 160, 3) uint8, one colour per channel."""
        state = self._game.state()
        topmost = np.max(state * np.arange(1, state.shape[2] + 1), axis=2)
        image: npt.NDArray[np.uint8] = _COLOURS[topmost].repeat(CELL, axis=0).repeat(CELL, axis=1)
        return image

    def get_keys_to_action(self) -> dict[Keys, int]:
        """Arrow keys and the space bar to actions, for ``gymnasium.utils.play``."""
        return {(KEYS[name],) if name in KEYS else NO_KEY: action for action, name in enumerate(self.action_names)}
