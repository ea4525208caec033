"""``rlkit/CarRacing-v0``: the task of Gymnasium's CarRacing-v3, so close that agents drive in either what they learned.

The same, each measured against the original: the car (``vehicle.four_wheels``), the roads (``road.checkpoints``), the
picture with its zoom and instruments (``sensors.window_view``), actions, the reward, the field and 1,000 frames of
0.02 s. Different:

- A lap ends where it began if enough tiles were driven over. In CarRacing-v3 it ends only once all tiles were
  (Farama-Foundation/Gymnasium#1269), so that a car which missed one drives on.
- Tiles count in driving direction only, and not after a round against it.
- On the train split a car starts anywhere on the road and in motion, on the test split at rest at the start line.
- 10 s without progress truncate an episode.
- Gas and brake at the same time are their difference.
- The score in the picture is an estimate. Marks of sliding and the turning of wheels are not drawn.
- ``weather`` replaces ``domain_randomize`` and the option ``randomize``.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.vector.utils import batch_space

from rlkit_envs.driving.config import DrivingConfig, check_integer, check_number
from rlkit_envs.driving.env import DrivingEnv
from rlkit_envs.driving.episodes import Episodes
from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.road.checkpoints import make_checkpoint_circuit
from rlkit_envs.driving.road.circuit import Circuit
from rlkit_envs.driving.sensors.window_instruments import TILE, tiles_reached
from rlkit_envs.driving.sensors.window_view import field_of
from rlkit_envs.driving.simulator import Outcome
from rlkit_envs.driving.vector_env import DrivingVectorEnv
from rlkit_envs.driving.vehicle.actions import keys_to_action
from rlkit_envs.driving.vehicle.dynamics import PHYSICS_STEP
from rlkit_envs.driving.vehicle.limits import steering_angle
from rlkit_envs.utils import KEYS, NO_KEY, Keys, shows_fields

FRAMES = 1000
LAP_REWARD = 1000.0
FRAME_PENALTY = 0.1
FIELD_PENALTY = 100.0
SLOW = 5.0  # m/s, below which the scripted driver with five actions only accelerates

# Of the scripted driver of the toy car with five actions:
STEERING_STEP = 0.05  # rad of error from which it steers
SLACK = 0.02  # pedal up to which it uses none

# Steering (1 is left), pedal of: nothing, right, left, gas, brake.
_COMMANDS = np.array([(0.0, 0.0), (-0.6, 0.0), (0.6, 0.0), (0.0, 0.2), (0.0, -0.8)])
ACTION_NAMES = ("do nothing", "steer right", "steer left", "gas", "brake")

_METADATA = {
    "action_names": ACTION_NAMES,
    "action_axes": ("steer", "gas", "brake"),  # of continuous actions; -1 is left
    "action_bins": (3, 3, 3),  # at 50 decisions a second, steering and pedals are needed at the same time
}
_MIRRORED_ACTIONS = (0, 2, 1, 3, 4)
_GAMEPAD_AXES: tuple[dict[str, float], ...] = ({"left_x": 1.0}, {"right_trigger": 1.0}, {"left_trigger": 1.0})

_DEFAULTS: dict[str, Any] = {
    "sensors": ("birdview",),
    "observation": "picture",
    "birdview": "window",
    "view_size": 96,
    "weather": "clear",
    "vehicle": "toy_car",
    "actions": "continuous",
    "off_road": "slow",
}

# Terms of the reward; ``info["rewards"]`` reports them.
TERMS = np.dtype([("tiles", "f8"), ("frame", "f8"), ("field", "f8")])

# Tiles that a car has driven over, frames that it took, and whether it has done a lap or left the field.
TILES = np.dtype(
    [("passed", "i8"), ("visited", "i8"), ("frames", "i8"), ("lap_done", "?"), ("left_field", "?")], align=True
)


@kernel
def sum_rewards(terms: Record, tiles: Record, car: Record, circuit: Record, lap_share: float) -> float:
    """Work out the terms of the reward of one decision, and return their sum.

    | term  | formula                                                                                           |
    |-------|---------------------------------------------------------------------------------------------------|
    | tiles | LAP_REWARD · new tiles / tiles of the circuit; a tile counts once, unless all wheels are off road |
    | frame | -FRAME_PENALTY for each frame                                                                     |
    | field | -FIELD_PENALTY if the car is outside the field; the other terms are 0 then                        |

    Args:
        terms: Record of ``TERMS``, written.
        tiles: Record of ``TILES``, updated.
        car: Record of ``CAR``.
        circuit: Record of ``CIRCUIT``.
        lap_share: Share of the tiles that a lap takes.
    """
    length = circuit.length
    count = max(1, int(np.rint(length / TILE)))
    new = max(0, tiles_reached(car.progress, length) - tiles.passed)
    tiles.passed += new
    if car.wheels_off == 4:
        new = 0
    tiles.visited += new
    tiles.lap_done = car.progress >= length and tiles.visited >= lap_share * count
    field = field_of(circuit)
    tiles.left_field = abs(car.x) > field or abs(car.y) > field
    frames = int(np.rint(car.time / PHYSICS_STEP))
    terms.tiles = 0.0 if tiles.left_field else new * LAP_REWARD / count
    terms.frame = 0.0 if tiles.left_field else -FRAME_PENALTY * (frames - tiles.frames)
    terms.field = -FIELD_PENALTY if tiles.left_field else 0.0
    tiles.frames = frames
    return float(terms.tiles + terms.frame + terms.field)


@kernel
def reward_range(
    terms: np.ndarray,
    rewards: np.ndarray,
    tiles: np.ndarray,
    cars: np.ndarray,
    circuits: np.ndarray,
    lap_share: float,
) -> None:
    """Write the rewards (N,) of a decision and their terms; see ``sum_rewards``."""
    for i in range(len(cars)):
        rewards[i] = sum_rewards(terms[i], tiles[i], cars[i], circuits[cars[i].slot], lap_share)


class CarRacingEpisodes(Episodes):
    """Episodes with the actions, the reward and the end of CarRacing.

    Args:
        num_envs: N.
        config: Arguments of the environment.
        num_threads: Threads that share the cars of a large batch.
        continuous: Whether actions are (N, 3) steering, gas and brake rather than (N,) indices.
        lap_complete_percent: Share of the tiles that a lap takes.
        own_roads: Whether procedural circuits are those of ``road.checkpoints``, rather than of ``road.generator``.
    """

    def __init__(
        self,
        num_envs: int,
        config: DrivingConfig,
        num_threads: int,
        continuous: bool,
        lap_complete_percent: float,
        own_roads: bool,
    ):
        super().__init__(num_envs, config, num_threads)
        self._continuous = continuous
        self._lap_share = lap_complete_percent
        self._own_roads = own_roads
        self._tiles = np.zeros(num_envs, dtype=TILES)

    def _make_rules(self) -> npt.NDArray[np.void]:
        rules = super()._make_rules()
        rules["direct_steering"] = self.config.vehicle == "toy_car"
        return rules

    def _made(self, number: int) -> Circuit:
        if not self._own_roads:
            return super()._made(number)
        circuit = make_checkpoint_circuit(number, self.config.split)
        return circuit.reversed() if self.config.backwards else circuit

    def begin(
        self, i: int, random: np.random.Generator, seed: int | None, circuit: object = None, mirrored: bool = False
    ) -> None:
        """Begin an episode of car ``i``; see ``Episodes``."""
        super().begin(i, random, seed, circuit, mirrored)
        self._tiles[i] = np.zeros((), dtype=TILES)

    def step(self, actions: Any) -> Outcome:
        """Carry out one decision of each car."""
        driven = super().step(_commands(np.asarray(actions), self._continuous))
        simulator, tiles = self.simulator, self._tiles
        cars = simulator.cars
        terms, rewards = np.empty(len(cars), dtype=TERMS), np.empty(len(cars))
        reward_range(terms, rewards, tiles, cars, simulator.pool.circuits, self._lap_share)
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
        car = self.simulator.cars[i]
        if self.config.vehicle == "toy_car":
            steering = steering_angle(self.simulator.vehicle[0], float(car["road_grip"]), float(car["speed"]), steering)
        if self._continuous:
            return np.array([-steering, max(0.0, pedal), max(0.0, -pedal)], dtype=np.float32)
        if pedal > 0.0 and car["speed"] < SLOW:
            return ACTION_NAMES.index("gas")
        if self.config.vehicle == "toy_car":  # the wheels turn towards the stop while one steers, and back otherwise
            wanted = steering - float(car["steering"])
            if abs(wanted) > STEERING_STEP:
                return ACTION_NAMES.index("steer left" if wanted > 0.0 else "steer right")
            return ACTION_NAMES.index("brake" if pedal < -SLACK else "gas" if pedal > SLACK else "do nothing")
        target = np.clip((steering, pedal), _COMMANDS.min(axis=0), _COMMANDS.max(axis=0))
        return int(((_COMMANDS - target) ** 2).sum(axis=1).argmin())

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
        frame_skip: int = 1,
        **kwargs: Any,
    ):
        check_number("lap_complete_percent", lap_complete_percent, 0.0, 1.0)
        check_integer("frame_skip", frame_skip, 1, 50)
        if domain_randomize:
            raise ValueError(
                f"domain_randomize={domain_randomize!r}: colours are randomised by weather='train' (random mixtures of "
                "weathers and colours), not by this argument"
            )
        self.continuous = continuous
        self.lap_complete_percent = float(lap_complete_percent)
        self._own_roads = not {"circuit_length", "difficulty"} & kwargs.keys()
        times = {"decision_time": frame_skip * PHYSICS_STEP, "max_episode_steps": math.ceil(FRAMES / frame_skip)}
        super().__init__(num_envs, **(_DEFAULTS | times | kwargs))
        self.metadata = _metadata(self.metadata, continuous)
        self.single_action_space = (
            spaces.Box(np.array([-1.0, 0.0, 0.0], np.float32), np.array([1.0, 1.0, 1.0], np.float32))
            if continuous
            else spaces.Discrete(len(ACTION_NAMES))
        )
        self.action_space = batch_space(self.single_action_space, num_envs)

    def _make_episodes(self, num_envs: int, config: DrivingConfig, num_threads: int) -> Episodes:
        return CarRacingEpisodes(
            num_envs, config, num_threads, self.continuous, self.lap_complete_percent, self._own_roads
        )

    @property
    def gamepad_axes(self) -> tuple[dict[str, float], ...]:
        """Axes of a gamepad for steering, gas and brake: the stick steers, the triggers are pedals."""
        return _GAMEPAD_AXES

    def get_keys_to_action(self) -> dict[Keys, Any]:
        """Arrow keys for ``gymnasium.utils.play``: left and right steer, up accelerates, down brakes."""
        return _keys_to_action(self.continuous)


@shows_fields(DrivingConfig)
class CarRacingEnv(DrivingEnv):
    """The task of Gymnasium's CarRacing-v3 in this simulator, for one car; the module says what differs.

    Description:
        A light car with far more power than its tyres hold, seen from above, on a road through grass. Grass has 60 % of
        the road's grip.

    Action Space:
        ``Box`` (3,) float32: steering from -1 (left) to 1, gas and brake from 0 to 1. With ``continuous=False``
        ``Discrete(5)``: do nothing, steer right, steer left, gas, brake. A frame lasts 0.02 s.

    Observation Space:
        ``Box(0, 255, (96, 96, 3), uint8)``: the picture of CarRacing-v3, driving direction up; see ``window_view``.

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
        frame_skip: Frames per step, whose rewards are summed; only the last is drawn.
        **kwargs: See ``DrivingEnv``; they override what CarRacing sets. With ``circuit_length`` or ``difficulty``,
            roads are those of ``DrivingEnv``.
    """

    action_names = ACTION_NAMES
    vector_type = CarRacingVectorEnv

    def __init__(
        self,
        continuous: bool = True,
        lap_complete_percent: float = 0.95,
        domain_randomize: bool = False,
        frame_skip: int = 1,
        **kwargs: Any,
    ):
        super().__init__(
            continuous=continuous,
            lap_complete_percent=lap_complete_percent,
            domain_randomize=domain_randomize,
            frame_skip=frame_skip,
            **kwargs,
        )
        self.continuous = continuous
