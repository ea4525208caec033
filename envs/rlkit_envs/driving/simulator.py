"""Many cars on many circuits, stepped and drawn together, by threads of ours where they are very many."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.circuit_cache import CircuitCache
from rlkit_envs.driving.road.circuit import CURVATURE, LEFT, RIGHT, Circuit
from rlkit_envs.driving.sensors.suite import Sensors, SensorSuite
from rlkit_envs.driving.step import OUTCOME, RULES, decide_range, step_range
from rlkit_envs.driving.traffic.behaviour import OTHER
from rlkit_envs.driving.traffic.spawn import DRAWS, LANE_DRAW, place_others
from rlkit_envs.driving.vehicle.dynamics import PHYSICS_STEP
from rlkit_envs.driving.vehicle.parameters import CAR, GRAVITY, VEHICLES
from rlkit_envs.driving.weather.tables import WeatherTables
from rlkit_envs.utils import Threads

SLOWEST_LAP = 4.0  # m/s, average speed that the default time limit allows for
_CARS_PER_TASK = 128  # below twice this number, starting threads costs more than it gains


@dataclass(frozen=True)
class Rules:
    """What a simulator's cars are, and what they are paid and forbidden.

    Args:
        vehicle: Name of the kind of car, of ``VEHICLES``.
        substeps: Physics steps per decision.
        terminate_off_road: Whether leaving the road ends the episode.
        terminate_collision: Whether hitting another car ends the episode; cones are knocked over.
        lap_reward: For the progress of a whole lap, whatever its length.
        paid_speed: Speed up to which progress is paid, in m/s; infinity to pay any.
        off_road_penalty: Taken off the reward when the car leaves the road.
        collision_penalty: Taken off for each collision.
        jerk_penalty: Taken off per second and m/s³ of jerk.
        steering_penalty: Taken off per change of the steering command by 1.
    """

    vehicle: str
    substeps: int
    terminate_off_road: bool
    terminate_collision: bool
    lap_reward: float
    paid_speed: float
    off_road_penalty: float
    collision_penalty: float
    jerk_penalty: float
    steering_penalty: float

    def record(self) -> npt.NDArray[np.void]:
        """(1,) record of ``RULES``."""
        record = np.zeros(1, dtype=RULES)
        for name in RULES.names or ():
            record[name] = getattr(self, name)
        return record


@dataclass(frozen=True)
class Traffic:
    """Who else is on the road.

    Args:
        cars: Number of moving cars.
        obstacles: Number of cones and stopped cars.
        slowest: Lowest speed that the cars wish to drive, in m/s.
        fastest: Highest.
    """

    cars: int = 0
    obstacles: int = 0
    slowest: float = 6.0
    fastest: float = 12.0


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one step did, car by car; arrays of this step alone, which the receiver may keep.

    Args:
        rewards: (N,) float32.
        terminated: (N,) bool, the car left the road for good.
        truncated: (N,) bool, lap finished, out of time or stuck.
        finished: (N,) bool, lap finished.
    """

    rewards: npt.NDArray[np.float32]
    terminated: npt.NDArray[np.bool_]
    truncated: npt.NDArray[np.bool_]
    finished: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Start:
    """Where and how a car starts.

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
    """N cars, each in a world of its own: a circuit, a look, other road users.

    Args:
        num_cars: N.
        rules: What cars are paid and forbidden.
        sensors: What cars see.
        traffic: Who else is on the road.
        capacity: Circuits kept ready at most.
        num_threads: Threads that share the cars of a large batch. Results do not depend on it.

    Attributes:
        cars: (N,) records of ``CAR``.
        others: (N, K) records of ``OTHER``: moving cars, stopped ones and cones.
        pool: The circuits.
        looks: What the world looks like to each car; None where nothing shows it.
        vehicle: (1,) record of ``VEHICLE``.
    """

    def __init__(
        self, num_cars: int, rules: Rules, sensors: Sensors, traffic: Traffic, capacity: int, num_threads: int
    ):
        self.cars = np.zeros(num_cars, dtype=CAR)
        self.cars["slot"] = -1
        self.others = np.zeros((num_cars, traffic.cars + traffic.obstacles), dtype=OTHER)
        self.pool = CircuitCache(capacity, sensors.needs)
        self.looks = (
            WeatherTables(num_cars, sensors.camera.mount_height if sensors.has_camera else 0.0)
            if sensors.sees_looks
            else None
        )
        self.vehicle = VEHICLES[rules.vehicle]
        self.decision_time = rules.substeps * PHYSICS_STEP
        self._rules = rules.record()
        self._traffic = traffic
        self._observer = SensorSuite(sensors)
        self._seen: dict[str, npt.NDArray[Any]] | None = None
        self._moved = np.ones(num_cars, dtype=np.bool_)
        self._threads = Threads(num_threads, _CARS_PER_TASK)

    def circuit_of(self, i: int) -> Circuit:
        """The circuit that car ``i`` drives on."""
        return self.pool[int(self.cars["slot"][i])]

    def choose_circuit(self, i: int, key: str, make: Callable[[], Circuit]) -> Circuit:
        """Take car ``i`` to a circuit, which is made where it is not ready; it still has to be put somewhere."""
        self.cars["slot"][i] = -1
        self._moved[i] = True
        slot = self.pool.slot(key, make, self.cars["slot"])
        self.cars["slot"][i] = slot
        return self.pool[slot]

    def put(self, i: int, start: Start, max_steps: int | None, road_grip: float = 1.0) -> None:
        """Begin an episode of car ``i`` on its circuit.

        Args:
            i: Which car.
            start: Where and how it starts.
            max_steps: Decisions after which the episode is cut; None for what a lap at 4 m/s takes.
            road_grip: Share of dry asphalt's grip that the road has.
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
        car["road_grip"] = car["front_grip"] = car["rear_grip"] = road_grip
        car["index"] = index
        car["station"] = place * circuit.step
        car["offset"] = start.offset
        car["max_steps"] = max_steps or int(np.ceil(circuit.length / SLOWEST_LAP / self.decision_time))

    def place_others(self, i: int, random: np.random.Generator) -> None:
        """Put other road users onto the circuit of car ``i``, which has been put where it starts."""
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
            traffic.slowest,
            traffic.fastest,
            self.pool.lines[slot],
            self.pool.circuits[slot],
            float(car["road_grip"]),
        )

    def anywhere(self, i: int, random: np.random.Generator, grip: float) -> Start:
        """Draw a start for car ``i`` anywhere on its circuit: off the middle, turned and moving, yet survivable.

        On a mirrored circuit it is the mirror image of the one that the same draws lead to on the other.

        Args:
            i: Which car.
            random: Draws are taken from it.
            grip: Of its road, as a share of dry asphalt's.
        """
        circuit = self.circuit_of(i)
        place, aside, turned, moving = random.random(4)
        index = int(place * len(circuit.line))
        sample = circuit.line[index]
        most = max(0.0, min(3.0, min(sample[LEFT], sample[RIGHT]) - 0.5 * float(self.vehicle["track"][0]) - 0.6))
        left = -1.0 if circuit.is_mirrored else 1.0
        offset = left * (2.0 * aside - 1.0) * most
        heading = left * 0.3 * (2.0 * turned - 1.0)
        if heading * offset > 0.0:  # The nearer the border, the less a car may point at it
            heading *= 1.0 - abs(offset) / most
        ahead = circuit.line[(index + np.arange(20)) % len(circuit.line), CURVATURE]
        fastest = 0.9 * np.sqrt(grip * GRAVITY / max(1e-3, float(np.abs(ahead).max())))
        return Start(index * circuit.step, float(offset), float(heading), float(min(15.0, fastest) * moving))

    def step(self, commands: npt.NDArray[np.float64]) -> Outcome:
        """Carry out one decision of each car.

        Args:
            commands: (N, 2) steering and pedal, each from -1 to 1: see ``controls``.
        """
        outcomes = np.zeros(len(self.cars), dtype=OUTCOME)
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
            outcomes["reward"].copy(),
            outcomes["terminated"].copy(),
            outcomes["truncated"].copy(),
            outcomes["finished"].copy(),
        )

    def observe(self) -> dict[str, npt.NDArray[Any]]:
        """Find out what each car sees now, in new arrays; for cars that have not moved since, the last is repeated.

        The arrays are the receiver's to read, not to write: they may serve for such a repetition.

        Returns:
            Name of each sensor to an array with one row per car.
        """
        seen = self._observer.allocate(len(self.cars))
        if self._seen is None or self._moved.all():
            self._share(self._observer.draw, seen, self)
        else:
            self._share(_copy, self._seen, seen)
            for i in np.flatnonzero(self._moved):
                self._observer.draw(int(i), int(i) + 1, seen, self)
        self._moved[:] = False
        self._seen = seen
        return dict(seen)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.close()

    def _share(self, work: Callable[..., None], *arguments: object) -> None:
        """Run a kernel over all cars, in parts on our threads where there are many cars."""
        self._threads.share(work, len(self.cars), *arguments)


def _copy(low: int, high: int, source: dict[str, npt.NDArray[Any]], target: dict[str, npt.NDArray[Any]]) -> None:
    """Copy the rows from ``low`` up to ``high`` of each array."""
    for name, rows in source.items():
        target[name][low:high] = rows[low:high]
