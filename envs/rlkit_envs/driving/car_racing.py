"""``rlkit/CarRacing-v0``: our simulator behind the interface of Gymnasium's CarRacing-v3, to switch to by one line.

The same are: pictures of 96x96x3 seen from above, five discrete actions or steering, gas and brake, the rule of reward
(1000 shared out among the tiles of the road, for each when it is first driven over, 0.1 off per frame, 100 off for
leaving the field), 1000 frames at most. Others are the car, the roads, the speed at which all this is worked out, and:
nothing is painted over the picture, the view does not zoom in at the beginning, and a lap ends where it began (in
CarRacing-v3 the line counts only while tiles are left: Farama-Foundation/Gymnasium#1269).
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.vector.utils import batch_space

from rlkit_envs.driving.config import Settings
from rlkit_envs.driving.env import DrivingEnv
from rlkit_envs.driving.episodes import Episodes
from rlkit_envs.driving.vector_env import DrivingVectorEnv
from rlkit_envs.utils import shows_fields

FRAMES = 1000
LAP_REWARD = 1000.0
FRAME_COST = 0.1
FIELD_PENALTY = 100.0
TILE = 3.5  # m of road
LAP_SHARE = 0.95  # of the tiles that a lap takes
SLOW = 5.0  # m/s, below which the scripted driver of five actions does not yet steer
FIELD = 40.0  # m from the border of the road to that of the field

# Steering (1 is left), pedal of: nothing, right, left, gas, brake.
_COMMANDS = np.array([(0.0, 0.0), (-0.6, 0.0), (0.6, 0.0), (0.0, 0.2), (0.0, -0.8)])
ACTION_NAMES = ("do nothing", "steer right", "steer left", "gas", "brake")

_METADATA = {
    "action_names": ACTION_NAMES,
    "action_axes": ("steer", "gas", "brake"),  # of continuous actions; -1 is left
    "action_bins": (3, 3, 3),  # at 25 decisions a second, steering and pedals have to go together
}
_MIRRORED_ACTIONS = (0, 2, 1, 3, 4)

_SETTINGS: dict[str, Any] = {
    "sensors": ("birdview",),
    "observation": "picture",
    "birdview": "colour",
    "view_size": 96,
    "metres_per_pixel": 0.6,
    "weather": "clear",
    "actions": "continuous",
    "decision_time": 0.04,
    "off_road": "slow",
    "max_episode_steps": FRAMES,
}


class _Tiles:
    """Which tiles of their circuits N cars have driven over, and what they are paid for it."""

    def __init__(self, episodes: Episodes, count: int):
        self._episodes = episodes
        self._passed = np.zeros(count, dtype=np.int64)  # the furthest tile reached, on the road or not
        self.visited = np.zeros(count, dtype=np.int64)

    def forget(self, i: int) -> None:
        """Begin an episode of car ``i``."""
        self._passed[i] = self.visited[i] = 0

    def pay(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """(N,) rewards of a frame, (N,) bool for whom a lap is done, (N,) bool for who has left the field."""
        simulator = self._episodes.simulator
        cars = simulator.cars
        slots = cars["slot"]
        length = simulator.pool.circuits["length"][slots]
        tiles = np.maximum(1, np.round(length / TILE)).astype(np.int64)
        reached = np.minimum(tiles, np.floor(cars["progress"] / length * tiles).astype(np.int64))
        new = np.maximum(0, reached - self._passed)
        self._passed += new
        self.visited += np.where(cars["wheels_off"] < 4, new, 0)
        widths = simulator.pool.lines[slots, cars["index"], 5:7]
        outside = np.maximum(cars["offset"] - widths[:, 0], -cars["offset"] - widths[:, 1]) > FIELD
        rewards = np.where(cars["wheels_off"] < 4, new, 0) * LAP_REWARD / tiles - FRAME_COST
        done = (cars["progress"] >= length) & (self.visited >= LAP_SHARE * tiles)
        return np.where(outside, -FIELD_PENALTY, rewards), done, outside


def _commands(actions: npt.NDArray[Any], continuous: bool) -> npt.NDArray[np.float64]:
    """(N, 2) steering and pedal for (N, 3) or (N,) actions of CarRacing; ValueError where they are none."""
    if not continuous:
        if actions.ndim != 1 or actions.dtype.kind not in "iu" or actions.min() < 0 or actions.max() > 4:
            raise ValueError(f"actions {actions.tolist()}: whole numbers from 0 to 4 are expected")
        chosen: npt.NDArray[np.float64] = _COMMANDS[actions]
        return chosen
    if actions.ndim != 2 or actions.shape[1] != 3 or not np.isfinite(actions).all():
        raise ValueError(f"actions of shape {actions.shape}: steering, gas and brake are expected, all finite")
    steering, gas, brake = np.asarray(actions, dtype=np.float64).T
    return np.stack([-steering, np.clip(gas, 0.0, 1.0) - np.clip(brake, 0.0, 1.0)], axis=1)


def _expert_action(episodes: Episodes, i: int, continuous: bool) -> Any:
    """What the scripted driver of car ``i`` wants, as an action of CarRacing.

    Of the five, which steer or accelerate but never both, the nearest; a slow car gathers speed first.
    """
    steering, pedal = episodes.expert_action(i)
    if not continuous:
        if pedal > 0.0 and episodes.simulator.cars["speed"][i] < SLOW:
            return ACTION_NAMES.index("gas")
        wish = np.clip((steering, pedal), _COMMANDS.min(axis=0), _COMMANDS.max(axis=0))
        return int(((_COMMANDS - wish) ** 2).sum(axis=1).argmin())
    return np.array([-steering, max(0.0, pedal), max(0.0, -pedal)], dtype=np.float32)


def _metadata(driving: dict[str, Any], continuous: bool) -> dict[str, Any]:
    """The metadata of an environment whose metadata would otherwise be those of ``DrivingEnv``."""
    metadata = driving | _METADATA
    if "mirror" in driving and not continuous:
        metadata["mirror"] = driving["mirror"] | {"actions": _MIRRORED_ACTIONS}
    return metadata


def _action_space(continuous: bool) -> spaces.Space[Any]:
    if continuous:
        return spaces.Box(np.array([-1.0, 0.0, 0.0], np.float32), np.array([1.0, 1.0, 1.0], np.float32))
    return spaces.Discrete(5)


@shows_fields(Settings)
class CarRacingEnv(DrivingEnv):
    """One car.

    Args:
        continuous: Steering from -1 (left) to 1, gas and brake from 0 to 1; otherwise one of five actions.
        **kwargs: See ``DrivingEnv``; what CarRacing fixes can be overridden.
    """

    action_names = ACTION_NAMES

    def __init__(self, continuous: bool = True, **kwargs: Any):
        super().__init__(**(_SETTINGS | kwargs))
        self.metadata = _metadata(self.metadata, continuous)
        self.continuous = continuous
        self.action_space = _action_space(continuous)
        self._tiles = _Tiles(self.episodes, 1)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; see ``DrivingEnv``."""
        started = super().reset(seed=seed, options=options)
        self._tiles.forget(0)
        return started

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Carry out one frame, which lasts 0.04 s."""
        command = _commands(np.asarray(action)[None], self.continuous)[0]
        seen, _, _, truncated, info = super().step(command)
        rewards, done, outside = self._tiles.pay()
        terminated = bool(done[0] or outside[0])
        if terminated:
            self.episodes.simulator.cars["ended"][0] = 1
            info["lap_finished"] = bool(done[0])
        return seen, float(rewards[0]), terminated, truncated and not terminated, info

    def expert_action(self) -> Any:
        """The action that a scripted, very good driver would choose now."""
        return _expert_action(self.episodes, 0, self.continuous)


@shows_fields(Settings)
class CarRacingVectorEnv(DrivingVectorEnv):
    """Many cars, stepped in one compiled call; see ``CarRacingEnv`` and ``DrivingVectorEnv``."""

    action_names = ACTION_NAMES

    def __init__(self, num_envs: int = 1, continuous: bool = True, **kwargs: Any):
        super().__init__(num_envs, **(_SETTINGS | kwargs))
        self.metadata = _metadata(self.metadata, continuous)
        self.continuous = continuous
        self.single_action_space = _action_space(continuous)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._tiles = _Tiles(self.episodes, num_envs)

    def _begin(self, i: int, seed: int | None, circuit: Any = None, mirrored: bool = False) -> None:
        super()._begin(i, seed, circuit, mirrored)
        self._tiles.forget(i)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Carry out one frame of each car."""
        began = self.episodes.simulator.cars["ended"] != 0
        seen, _, _, truncated, infos = super().step(_commands(np.asarray(actions), self.continuous))
        rewards, done, outside = self._tiles.pay()
        terminated = (done | outside) & ~began
        for i in np.flatnonzero(terminated):
            self.episodes.simulator.cars["ended"][i] = 1
            infos = self._add_info(infos, {"lap_finished": bool(done[i])}, int(i))
        return seen, np.where(began, 0.0, rewards).astype(np.float32), terminated, truncated & ~terminated, infos

    def expert_action(self) -> tuple[Any, ...]:
        """For each car the action that a scripted, very good driver would choose now."""
        return tuple(_expert_action(self.episodes, i, self.continuous) for i in range(self.num_envs))
