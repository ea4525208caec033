"""``rlkit/CarRacing-v0``: this simulator behind the interface of Gymnasium's CarRacing-v3.

The same: images of 96x96x3 from above, five discrete actions or steering, gas and brake, the reward, and at most 1,000
frames. Different: the car, the roads, the speed, and that nothing is painted over the image, the view does not zoom in
at the beginning, and a lap ends where it began (in CarRacing-v3 the line counts only while tiles are left:
Farama-Foundation/Gymnasium#1269). ``weather="train"`` replaces ``domain_randomize`` and the option ``randomize``.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.vector.utils import batch_space

from rlkit_envs.driving.config import DrivingConfig, check_number
from rlkit_envs.driving.env import DrivingEnv
from rlkit_envs.driving.episodes import Episodes
from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.road.circuit import LEFT, RIGHT
from rlkit_envs.driving.simulator import Outcome
from rlkit_envs.driving.vector_env import DrivingVectorEnv
from rlkit_envs.driving.vehicle.actions import keys_to_action
from rlkit_envs.utils import KEYS, NO_KEY, Keys, shows_fields

FRAMES = 1000
LAP_REWARD = 1000.0
FRAME_PENALTY = 0.1
FIELD_PENALTY = 100.0
TILE = 3.5  # m of road
SLOW = 5.0  # m/s, below which the scripted driver with five actions only accelerates
FIELD = 40.0  # m from the border of the road to that of the field

# Steering (1 is left), pedal of: nothing, right, left, gas, brake.
_COMMANDS = np.array([(0.0, 0.0), (-0.6, 0.0), (0.6, 0.0), (0.0, 0.2), (0.0, -0.8)])
ACTION_NAMES = ("do nothing", "steer right", "steer left", "gas", "brake")

_METADATA = {
    "action_names": ACTION_NAMES,
    "action_axes": ("steer", "gas", "brake"),  # of continuous actions; -1 is left
    "action_bins": (3, 3, 3),  # at 25 decisions a second, steering and pedals are needed at the same time
}
_MIRRORED_ACTIONS = (0, 2, 1, 3, 4)
_GAMEPAD_AXES: tuple[dict[str, float], ...] = ({"left_x": 1.0}, {"right_trigger": 1.0}, {"left_trigger": 1.0})

_DEFAULTS: dict[str, Any] = {
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

# Terms of the reward; ``info["rewards"]`` reports them.
TERMS = np.dtype([("tiles", "f8"), ("frame", "f8"), ("field", "f8")])

# Tiles that a car has driven over, and whether it has done a lap or left the field.
TILES = np.dtype([("passed", "i8"), ("visited", "i8"), ("lap_done", "?"), ("left_field", "?")], align=True)


@kernel
def sum_rewards(terms: Record, tiles: Record, car: Record, line: np.ndarray, length: float, lap_share: float) -> float:
    """Work out the terms of the reward of one frame, and return their sum.

    | term  | formula                                                                                           |
    |-------|---------------------------------------------------------------------------------------------------|
    | tiles | LAP_REWARD · new tiles / tiles of the circuit; a tile counts once, unless all wheels are off road |
    | frame | -FRAME_PENALTY                                                                                    |
    | field | -FIELD_PENALTY if the car is outside the field; the other terms are 0 then                        |

    Args:
        terms: Record of ``TERMS``, written.
        tiles: Record of ``TILES``, updated.
        car: Record of ``CAR``.
        line: (n, 8) packed centre line.
        length: Of the circuit, in metres.
        lap_share: Share of the tiles that a lap takes.
    """
    count = max(1, int(np.rint(length / TILE)))
    reached = min(count, int(np.floor(car.progress / length * count)))
    new = max(0, reached - tiles.passed)
    tiles.passed += new
    if car.wheels_off == 4:
        new = 0
    tiles.visited += new
    tiles.lap_done = car.progress >= length and tiles.visited >= lap_share * count
    tiles.left_field = max(car.offset - line[car.index, LEFT], -car.offset - line[car.index, RIGHT]) > FIELD
    terms.tiles = 0.0 if tiles.left_field else new * LAP_REWARD / count
    terms.frame = 0.0 if tiles.left_field else -FRAME_PENALTY
    terms.field = -FIELD_PENALTY if tiles.left_field else 0.0
    return float(terms.tiles + terms.frame + terms.field)


@kernel
def reward_range(
    terms: np.ndarray,
    rewards: np.ndarray,
    tiles: np.ndarray,
    cars: np.ndarray,
    lines: np.ndarray,
    circuits: np.ndarray,
    lap_share: float,
) -> None:
    """Write the rewards (N,) of a frame and their terms; see ``sum_rewards``."""
    for i in range(len(cars)):
        slot = cars[i].slot
        rewards[i] = sum_rewards(terms[i], tiles[i], cars[i], lines[slot], circuits[slot].length, lap_share)


class CarRacingEpisodes(Episodes):
    """Episodes with the actions, the reward and the end of CarRacing.

    Args:
        num_envs: N.
        config: Arguments of the environment.
        num_threads: Threads that share the cars of a large batch.
        continuous: Whether actions are (N, 3) steering, gas and brake rather than (N,) indices.
        lap_complete_percent: Share of the tiles that a lap takes.
    """

    def __init__(
        self, num_envs: int, config: DrivingConfig, num_threads: int, continuous: bool, lap_complete_percent: float
    ):
        super().__init__(num_envs, config, num_threads)
        self._continuous = continuous
        self._lap_share = lap_complete_percent
        self._tiles = np.zeros(num_envs, dtype=TILES)

    def begin(
        self, i: int, random: np.random.Generator, seed: int | None, circuit: object = None, mirrored: bool = False
    ) -> None:
        """Begin an episode of car ``i``; see ``Episodes``."""
        super().begin(i, random, seed, circuit, mirrored)
        self._tiles[i] = np.zeros((), dtype=TILES)

    def step(self, actions: Any) -> Outcome:
        """Carry out one frame of each car."""
        driven = super().step(_commands(np.asarray(actions), self._continuous))
        simulator, tiles = self.simulator, self._tiles
        cars = simulator.cars
        terms, rewards = np.empty(len(cars), dtype=TERMS), np.empty(len(cars))
        reward_range(terms, rewards, tiles, cars, simulator.pool.lines, simulator.pool.circuits, self._lap_share)
        terminated = driven.terminated | tiles["lap_done"] | tiles["left_field"]
        cars["ended"] |= terminated
        return Outcome(terms, rewards, terminated, driven.truncated & ~terminated, driven.finished)

    def ending(self, i: int, outcome: Outcome) -> dict[str, Any]:
        """What ``Episodes`` reports, and ``lap_finished``: whether the lap counts by the rules of CarRacing."""
        return super().ending(i, outcome) | {"lap_finished": bool(self._tiles["lap_done"][i])}

    def _reason(self, i: int, outcome: Outcome) -> str:
        if self._tiles["lap_done"][i]:
            return "lap finished"
        if self._tiles["left_field"][i]:
            return "field left"
        return "too few tiles" if outcome.finished[i] else super()._reason(i, outcome)

    def expert_action(self, i: int) -> Any:
        """Action of the scripted driver for car ``i``: (3,) steering, gas and brake, or the closest of the five."""
        steering, pedal = super().expert_action(i)
        if self._continuous:
            return np.array([-steering, max(0.0, pedal), max(0.0, -pedal)], dtype=np.float32)
        if pedal > 0.0 and self.simulator.cars["speed"][i] < SLOW:
            return ACTION_NAMES.index("gas")
        wanted = np.clip((steering, pedal), _COMMANDS.min(axis=0), _COMMANDS.max(axis=0))
        return int(((_COMMANDS - wanted) ** 2).sum(axis=1).argmin())

    def get_state(self, i: int) -> dict[str, Any]:
        """State of car ``i`` without its random generator; see ``Episodes``."""
        return super().get_state(i) | {"tiles": list(self._tiles[i].item())}

    def set_state(self, i: int, state: dict[str, Any]) -> None:
        """Restore a state that ``get_state`` returned."""
        super().set_state(i, state)
        self._tiles[i] = tuple(state["tiles"])


def _commands(actions: npt.NDArray[Any], continuous: bool) -> npt.NDArray[np.float64]:
    """(N, 2) steering and pedal for (N, 3) or (N,) actions of CarRacing; ValueError if they are not valid."""
    if not continuous:
        if actions.ndim != 1 or actions.dtype.kind not in "iu" or actions.min() < 0 or actions.max() > 4:
            raise ValueError(f"actions {actions.tolist()}: whole numbers from 0 to 4 are expected")
        chosen: npt.NDArray[np.float64] = _COMMANDS[actions]
        return chosen
    if actions.ndim != 2 or actions.shape[1] != 3 or not np.isfinite(actions).all():
        raise ValueError(f"actions of shape {actions.shape}: steering, gas and brake are expected, all finite")
    steering, gas, brake = np.asarray(actions, dtype=np.float64).T
    return np.stack([-steering, np.clip(gas, 0.0, 1.0) - np.clip(brake, 0.0, 1.0)], axis=1)


def _keys_to_action(continuous: bool) -> dict[Keys, Any]:
    """Arrow keys to actions of CarRacing."""
    if continuous:
        driven = keys_to_action("continuous")
        return {
            keys: np.array([-steering, max(pedal, 0.0), max(-pedal, 0.0)], dtype=np.float32)
            for keys, (steering, pedal) in driven.items()
        }
    names = "right", "left", "up", "down"
    return {NO_KEY: 0} | {(KEYS[name],): action for action, name in enumerate(names, start=1)}


def _metadata(driving: dict[str, Any], continuous: bool) -> dict[str, Any]:
    """The metadata of a driving environment, with the actions of CarRacing."""
    metadata = driving | _METADATA
    if "mirror" in driving and not continuous:
        metadata["mirror"] = driving["mirror"] | {"actions": _MIRRORED_ACTIONS}
    return metadata


@shows_fields(DrivingConfig)
class CarRacingVectorEnv(DrivingVectorEnv):
    """N cars, stepped by one compiled call; see ``CarRacingEnv`` and ``DrivingVectorEnv``."""

    action_names = ACTION_NAMES

    def __init__(
        self,
        num_envs: int = 1,
        continuous: bool = True,
        lap_complete_percent: float = 0.95,
        domain_randomize: bool = False,
        **kwargs: Any,
    ):
        check_number("lap_complete_percent", lap_complete_percent, 0.0, 1.0)
        if domain_randomize:
            raise ValueError(
                f"domain_randomize={domain_randomize!r}: colours are randomised by weather='train' (random mixtures of "
                "weathers and colours), not by this argument"
            )
        self.continuous = continuous
        self.lap_complete_percent = float(lap_complete_percent)
        super().__init__(num_envs, **(_DEFAULTS | kwargs))
        self.metadata = _metadata(self.metadata, continuous)
        self.single_action_space = (
            spaces.Box(np.array([-1.0, 0.0, 0.0], np.float32), np.array([1.0, 1.0, 1.0], np.float32))
            if continuous
            else spaces.Discrete(len(ACTION_NAMES))
        )
        self.action_space = batch_space(self.single_action_space, num_envs)

    def _make_episodes(self, num_envs: int, config: DrivingConfig, num_threads: int) -> Episodes:
        return CarRacingEpisodes(num_envs, config, num_threads, self.continuous, self.lap_complete_percent)

    @property
    def gamepad_axes(self) -> tuple[dict[str, float], ...]:
        """Axes of a gamepad for steering, gas and brake: the stick steers, the triggers are pedals."""
        return _GAMEPAD_AXES

    def get_keys_to_action(self) -> dict[Keys, Any]:
        """Arrow keys for ``gymnasium.utils.play``: left and right steer, up accelerates, down brakes."""
        return _keys_to_action(self.continuous)


@shows_fields(DrivingConfig)
class CarRacingEnv(DrivingEnv):
    """The task of Gymnasium's CarRacing-v3 in this simulator, for one car.

    Description:
        A procedural circuit seen from above, in clear weather; off the road the car loses grip and speed.

    Action Space:
        ``Box`` (3,) float32: steering from -1 (left) to 1, gas and brake from 0 to 1. With ``continuous=False``
        ``Discrete(5)``: do nothing, steer right, steer left, gas, brake. A frame lasts 0.04 s.

    Observation Space:
        ``Box(0, 255, (96, 96, 3), uint8)``: the surroundings from above, driving direction up.

    Rewards:
        The sum of three terms, which ``info["rewards"]`` reports in each step: 1,000 shared out evenly among the tiles
        of the road, each when it is first driven over; -0.1 per frame; in a frame outside the field -100 instead.

    Starting State:
        That of ``DrivingEnv``: anywhere on a random circuit on the train split, else at the start line.

    Episode End:
        Terminated: a lap over ``lap_complete_percent`` of the tiles, or the field left. Truncated: 1,000 frames, a lap
        with fewer tiles, or 10 s without progress. The last info holds the metrics of the lap and ``lap_finished``.

    Arguments:
        continuous: Whether actions are numbers rather than one of five.
        lap_complete_percent: Share of the tiles that a lap takes, as in CarRacing-v3.
        domain_randomize: Only False; ``weather="train"`` randomises colours.
        **kwargs: See ``DrivingEnv``; they override what CarRacing sets.
    """

    action_names = ACTION_NAMES
    vector_type = CarRacingVectorEnv

    def __init__(
        self,
        continuous: bool = True,
        lap_complete_percent: float = 0.95,
        domain_randomize: bool = False,
        **kwargs: Any,
    ):
        super().__init__(
            continuous=continuous,
            lap_complete_percent=lap_complete_percent,
            domain_randomize=domain_randomize,
            **kwargs,
        )
        self.continuous = continuous
