"""N cars on as many circuits: arrays of state, and the kernels that step and draw them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.circuit_cache import CircuitCache
from rlkit_envs.driving.road.circuit import LEFT, RIGHT, Circuit
from rlkit_envs.driving.sensors.suite import Sensors, SensorSuite
from rlkit_envs.driving.step import OUTCOME, decide_range, step_range
from rlkit_envs.driving.traffic.behaviour import OTHER
from rlkit_envs.driving.traffic.spawn import CLEAR_AHEAD, DRAWS, LANE_DRAW, place_others
from rlkit_envs.driving.vehicle.dynamics import PHYSICS_STEP
from rlkit_envs.driving.vehicle.parameters import CAR
from rlkit_envs.driving.weather.tables import WeatherTables
from rlkit_envs.utils import Threads

SLOWEST_LAP = 4.0  # m/s, mean speed of a lap that just meets the default time limit
# Of random starts:
AT_REST = 0.15  # probability of a start at rest
START_SPEED = 0.95  # largest share of the reference lap's speed
START_SPEED_IN_TRAFFIC = 15.0  # m/s, so that a driver can react to the cars ahead
STEADIED = 0.7  # share by which the fastest cars are turned less than those at rest
_CARS_PER_TASK = 128  # below twice this number, threads cost more than they gain


@dataclass(frozen=True)
class Traffic:
    """Other road users of each car.

    Args:
        cars: Number of moving cars.
        obstacles: Number of cones and stopped cars.
        slowest: Lowest desired speed of the moving cars, in m/s.
        fastest: Highest.
        clear_ahead: Metres of free road ahead of the car at the start.
    """

    cars: int = 0
    obstacles: int = 0
    slowest: float = 6.0
    fastest: float = 12.0
    clear_ahead: float = CLEAR_AHEAD


@dataclass(frozen=True, eq=False)
class Outcome:
    """Result of one decision of each car; the arrays are new at every step.

    Args:
        terms: (N,) records, the terms of the rewards: of ``reward.TERMS``, or of another reward's.
        rewards: (N,) float, their sums.
        terminated: (N,) bool, off the road or collided.
        truncated: (N,) bool, lap finished, out of time or stuck.
        finished: (N,) bool, lap finished.
    """

    terms: npt.NDArray[np.void]
    rewards: npt.NDArray[np.floating[Any]]
    terminated: npt.NDArray[np.bool_]
    truncated: npt.NDArray[np.bool_]
    finished: npt.NDArray[np.bool_]

    def clear(self, i: int) -> None:
        """Erase the row of a car that was reset instead of stepped."""
        self.terms[i] = np.zeros((), dtype=self.terms.dtype)
        self.rewards[i] = 0.0
        self.terminated[i] = self.truncated[i] = self.finished[i] = False


@dataclass(frozen=True)
class Start:
    """Pose and speed of a car at the start of an episode.

    Args:
        station: Metres along the centre line.
        offset: Metres to the left of it.
        heading: Radians to the left of its direction.
        speed: In m/s.
    """

    station: float = 0.0
    offset: float = 0.0
    heading: float = 0.0
    speed: float = 0.0


class Simulator:
    """N cars, each with a circuit, a weather and other road users of its own.

    Args:
        num_cars: N.
        vehicle: (1,) record of ``VEHICLE``.
        rules: (1,) record of ``RULES``.
        sensors: Sensors of each car.
        traffic: Other road users.
        capacity: Most circuits that are kept in memory.
        num_threads: Threads that share the cars of a large batch. Results do not depend on it.

    Attributes:
        cars: (N,) records of ``CAR``.
        others: (N, K) records of ``OTHER``: moving cars, stopped ones and cones.
        pool: The circuits.
        appearances: Colours and weather of each car's world; None if no sensor shows them.
        vehicle: (1,) record of ``VEHICLE``.
    """

    def __init__(
        self,
        num_cars: int,
        vehicle: npt.NDArray[np.void],
        rules: npt.NDArray[np.void],
        sensors: Sensors,
        traffic: Traffic,
        capacity: int,
        num_threads: int,
    ):
        self.cars = np.zeros(num_cars, dtype=CAR)
        self.cars["slot"] = -1
        self.others = np.zeros((num_cars, traffic.cars + traffic.obstacles), dtype=OTHER)
        self.pool = CircuitCache(capacity, sensors.needs)
        self.appearances = (
            WeatherTables(num_cars, sensors.camera.mount_height if sensors.has_camera else 0.0)
            if sensors.needs_weather
            else None
        )
        self.vehicle = vehicle
        self.decision_time = int(rules["substeps"][0]) * PHYSICS_STEP
        self._rules = rules
        self._traffic = traffic
        self._sensors = SensorSuite(sensors)
        self._observations: dict[str, npt.NDArray[Any]] | None = None
        self._moved = np.ones(num_cars, dtype=np.bool_)
        self._threads = Threads(num_threads, _CARS_PER_TASK)

    def circuit_of(self, i: int) -> Circuit:
        """The circuit that car ``i`` drives on."""
        return self.pool[int(self.cars["slot"][i])]

    def choose_circuit(self, i: int, key: str, make: Callable[[], Circuit]) -> Circuit:
        """Choose the circuit of car ``i``, and make it if it is not in memory. ``put`` has to follow."""
        self.cars["slot"][i] = -1
        self._moved[i] = True
        slot = self.pool.slot(key, make, self.cars["slot"])
        self.cars["slot"][i] = slot
        return self.pool[slot]

    def put(self, i: int, start: Start, max_steps: int | None, road_grip: float = 1.0) -> None:
        """Begin an episode of car ``i`` on its circuit.

        Args:
            i: Which car.
            start: Its pose and speed.
            max_steps: Decisions after which the episode is truncated; None for those of a lap at 4 m/s.
            road_grip: Grip of the road, as a share of dry asphalt's.
        """
        circuit = self.circuit_of(i)
        line = circuit.line
        samples = len(line)
        place = start.station % circuit.length / circuit.step
        index = min(int(place), samples - 1)
        fraction = place - index
        after = line[(index + 1) % samples]
        x, y, tx, ty = (1.0 - fraction) * line[index, :4] + fraction * after[:4]
        direction = float(np.arctan2(ty, tx))
        car = self.cars[i]
        slot = car["slot"]
        self.cars[i] = np.zeros((), dtype=CAR)
        car["slot"] = slot
        car["x"] = x - np.sin(direction) * start.offset
        car["y"] = y + np.cos(direction) * start.offset
        car["heading"] = direction + start.heading
        car["speed"] = start.speed
        radius = float(self.vehicle["wheel_radius"][0])
        for wheel in ("spin_front_left", "spin_front_right", "spin_rear_left", "spin_rear_right"):
            car[wheel] = start.speed / radius if radius else 0.0
        car["road_grip"] = car["front_grip"] = car["rear_grip"] = road_grip
        car["index"] = index
        car["station"] = place * circuit.step
        car["offset"] = start.offset
        car["max_steps"] = max_steps or int(np.ceil(circuit.length / SLOWEST_LAP / self.decision_time))

    def place_others(self, i: int, random: np.random.Generator) -> None:
        """Place the other road users on the circuit of car ``i``, around the car's start."""
        others, traffic, car = self.others[i], self._traffic, self.cars[i]
        if len(others) == 0:
            return
        slot = int(car["slot"])
        draws = random.random((len(others), DRAWS))
        if self.pool.circuits["mirrored"][slot]:
            draws[:, LANE_DRAW] = 1.0 - draws[:, LANE_DRAW]
        place_others(
            others,
            draws,
            traffic.cars,
            traffic.obstacles,
            float(car["station"]),
            traffic.clear_ahead,
            traffic.slowest,
            traffic.fastest,
            self.pool.lines[slot],
            self.pool.circuits[slot],
            float(car["road_grip"]),
        )

    def random_start(self, i: int, random: np.random.Generator, speeds: npt.NDArray[np.float64]) -> Start:
        """Draw a start for car ``i`` anywhere on its circuit: off the centre line, turned, at rest or moving.

        On a mirrored circuit, the same draws give the mirror image of the start.

        Args:
            i: Which car.
            random: Generator to draw from.
            speeds: (n,) speeds of the reference lap at the samples of the centre line, in m/s.
        """
        circuit = self.circuit_of(i)
        place, aside, turned, moving = random.random(4)
        index = int(place * len(circuit.line))
        sample = circuit.line[index]
        most = max(0.0, min(3.0, min(sample[LEFT], sample[RIGHT]) - 0.5 * float(self.vehicle["track"][0]) - 0.6))
        left = -1.0 if circuit.is_mirrored else 1.0
        offset = left * (2.0 * aside - 1.0) * most
        heading = left * 0.3 * (2.0 * turned - 1.0)
        if heading * offset > 0.0:  # the closer to a border, the less the car may point towards it
            heading *= 1.0 - abs(offset) / most
        pace = max(0.0, moving - AT_REST) / (1.0 - AT_REST)
        heading *= 1.0 - STEADIED * pace
        fastest = START_SPEED * float(speeds[index])
        if self.others.shape[1]:
            fastest = min(fastest, START_SPEED_IN_TRAFFIC)
        return Start(index * circuit.step, float(offset), float(heading), fastest * float(pace))

    def step(self, commands: npt.NDArray[np.float64]) -> Outcome:
        """Carry out one decision of each car.

        Args:
            commands: (N, 2) steering and pedal, each in [-1, 1]; see ``vehicle.actions``.
        """
        outcomes = np.empty(len(self.cars), dtype=OUTCOME)
        self._moved[:] = True
        pool = self.pool
        if self.others.shape[1]:
            self._share(decide_range, self.cars, self.others, pool.circuits, pool.lines, self.vehicle, self._rules)
        self._share(
            step_range,
            self.cars,
            outcomes,
            commands,
            self.others if self.others.shape[1] else None,
            pool.circuits,
            pool.lines,
            self.vehicle,
            self._rules,
        )
        return Outcome(
            outcomes["terms"],
            outcomes["reward"].copy(),
            outcomes["terminated"].copy(),
            outcomes["truncated"].copy(),
            outcomes["finished"],
        )

    def observe(self) -> dict[str, npt.NDArray[Any]]:
        """Draw the observations of all cars into new arrays; those of cars that have not moved since are copied.

        Do not write to the arrays: the next call may copy from them.

        Returns:
            Name of each sensor to an array with one row per car.
        """
        observations = self._sensors.allocate(len(self.cars))
        if self._observations is None or self._moved.all():
            self._share(self._sensors.draw, observations, self)
        else:
            self._share(_copy, self._observations, observations)
            for i in np.flatnonzero(self._moved):
                self._sensors.draw(int(i), int(i) + 1, observations, self)
        self._moved[:] = False
        self._observations = observations
        return dict(observations)

    def close(self) -> None:
        """Stop the threads."""
        self._threads.close()

    def _share(self, work: Callable[..., None], *arguments: object) -> None:
        """Run a kernel over all cars, split over the threads if there are many."""
        self._threads.share(work, len(self.cars), *arguments)


def _copy(low: int, high: int, source: dict[str, npt.NDArray[Any]], target: dict[str, npt.NDArray[Any]]) -> None:
    """Copy the rows from ``low`` up to ``high`` of each array."""
    for name, rows in source.items():
        target[name][low:high] = rows[low:high]
