"""Episodes of N cars: circuit, weather and start of each, its reward and end, and what ``info`` reports."""

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.config import DrivingConfig, check_circuit
from rlkit_envs.driving.expert.driver import ExpertDriver
from rlkit_envs.driving.road.circuit import CURVATURE, LEFT, RIGHT, TX, TY, Circuit, X, Y
from rlkit_envs.driving.road.csv_file import load_circuit
from rlkit_envs.driving.road.generator import make_circuit
from rlkit_envs.driving.road.street import make_street
from rlkit_envs.driving.sensors.suite import paint_gauges
from rlkit_envs.driving.simulator import Outcome, Simulator, Start
from rlkit_envs.driving.traffic.behaviour import OTHER
from rlkit_envs.driving.vehicle.actions import commands_of
from rlkit_envs.driving.vehicle.parameters import CAR, GRAVITY, VEHICLES, YAW_RATE_SCALE
from rlkit_envs.driving.weather.presets import choose_appearance, word_for

ROAD_STEP, ROAD_POINTS = 2, 41  # m between points of the road ahead, and their number: to 80 m


class Episodes:
    """Episodes of N cars, without Gymnasium's interface around them.

    Args:
        num_envs: N.
        config: Arguments of the environment.
        num_threads: Threads that share the cars of a large batch.
    """

    def __init__(self, num_envs: int, config: DrivingConfig, num_threads: int):
        self.config = config
        capacity = config.num_circuits if config.split == "train" else 2 * num_envs + 8
        self.simulator = Simulator(
            num_envs,
            VEHICLES[config.vehicle],
            self._make_rules(),
            config.make_sensors(),
            config.make_traffic(),
            capacity,
            num_threads,
        )
        self._starts = [Start()] * num_envs
        self._appearance_seeds = [0] * num_envs  # of weather and scenery
        self._circuits: list[int | str] = [0] * num_envs
        self._mirrored = [False] * num_envs
        self._experts: dict[tuple[int, float], ExpertDriver] = {}
        self._files: dict[str, Circuit] = {}
        if config.circuit is not None:
            self._source(config.circuit)  # reports a file that cannot be read at once

    def _make_rules(self) -> npt.NDArray[np.void]:
        """(1,) record of ``step.RULES``."""
        return self.config.make_rules()

    def _source(self, circuit: object) -> tuple[str, Callable[[], Circuit]]:
        """Key of a circuit given by number or file, and a function that makes it."""
        check_circuit(circuit)
        config = self.config
        if isinstance(circuit, int | np.integer):
            return f"{config.split}-{circuit}", partial(self._made, int(circuit))
        path = str(circuit)
        if path not in self._files:
            circuit = load_circuit(path, backwards=config.backwards, scale=float(config.scale))
            self._files[path] = replace(circuit, is_street=config.scenes == "street")
        return path, partial(self._files.__getitem__, path)

    def _made(self, number: int) -> Circuit:
        config = self.config
        if config.scenes == "street" or (config.scenes == "mixed" and number % 2):
            circuit = make_street(number, config.split, config.circuit_length)
        else:
            circuit = make_circuit(number, config.split, config.circuit_length, config.difficulty, config.road_width)
        return circuit.reversed() if config.backwards else circuit

    def begin(
        self, i: int, random: np.random.Generator, seed: int | None, circuit: object = None, mirrored: bool = False
    ) -> None:
        """Begin an episode of car ``i``.

        Args:
            i: Which car.
            random: Its generator.
            seed: Seed of this reset, if any; on the test split it is the number of the circuit.
            circuit: Circuit of this episode only, by number or file.
            mirrored: Whether to mirror the episode: circuit, start, other road users and weather.
        """
        config = self.config
        if circuit is None:
            circuit = config.circuit
        if circuit is None:
            if config.split == "train":
                circuit = int(random.integers(config.num_circuits))
            else:
                circuit = seed if seed is not None else int(random.integers(2**31))
        self._enter(i, circuit, mirrored)
        # Always drawn: for the same seed, the episodes do not depend on the sensors.
        self._appearance_seeds[i] = int(random.integers(2**31))
        grip = self._choose_appearance(i)
        start = Start()
        if config.starts_anywhere:
            start = self.simulator.random_start(i, random, self._expert(i, grip).reference.speed)
        self._starts[i] = start
        self.simulator.put(i, start, config.max_episode_steps, grip)
        self.simulator.place_others(i, random)

    def _choose_appearance(self, i: int) -> float:
        """Set weather and colours of car ``i``'s world from its seed, and return the grip of its road."""
        config, appearances = self.config, self.simulator.appearances
        if appearances is not None:
            appearance = appearances.choose(
                i,
                config.weather_source,
                self._appearance_seeds[i],
                self._mirrored[i],
                self.simulator.circuit_of(i).is_street,
            )
        elif config.grip is None:
            appearance = choose_appearance(config.weather_source, np.random.default_rng(self._appearance_seeds[i]))
        return float(appearance["grip"]) if config.grip is None else float(config.grip)

    def _enter(self, i: int, circuit: object, mirrored: bool) -> None:
        key, make = self._source(circuit)
        if mirrored and self.config.scenes != "track":
            raise ValueError(f"options['mirrored']: scenes={self.config.scenes!r} cannot be mirrored")
        if mirrored:
            self.simulator.choose_circuit(i, f"{key} mirrored", lambda: make().mirrored())
        else:
            self.simulator.choose_circuit(i, key, make)
        self._mirrored[i] = mirrored
        self._circuits[i] = int(circuit) if isinstance(circuit, int | np.integer) else str(circuit)

    def observe(self) -> dict[str, npt.NDArray[Any]] | npt.NDArray[np.uint8]:
        """New observations of all cars: name of each sensor to (N, ...) array, or one (N, H, W, C) uint8 image."""
        seen = self.simulator.observe()
        if self.config.observation == "dict":
            return seen
        picture: npt.NDArray[np.uint8] = seen[self.config.picture_sensor or ""]
        if "state" not in seen:
            return picture
        count, height, width, channels = picture.shape
        painted = np.empty((count, height, width, channels + 1), dtype=np.uint8)
        painted[..., :channels] = picture
        paint_gauges(painted[..., channels], seen["state"])
        return painted

    def step(self, actions: Any) -> Outcome:
        """Carry out one decision of each car.

        Args:
            actions: (N,) integers, or (N, 2) steering and pedal; see ``vehicle.actions``.

        Raises:
            ValueError: These are no actions of N cars.
        """
        return self.simulator.step(commands_of(actions, len(self.simulator.cars), self.config.actions))

    def report(self) -> dict[str, npt.NDArray[Any]]:
        """The entries of ``info`` after each reset and step, as new arrays with one row per car.

        Returns:
            ``progress`` (share of the lap driven since the start), ``speed`` (m/s), ``lap_time`` (s since the start),
            ``off_road`` (bool), ``wrong_way_seconds``, ``collisions``, ``pose`` (N, 3) x, y (m) and heading (rad).
        """
        cars = self.simulator.cars
        pose = np.empty((len(cars), 3))
        pose[:, 0], pose[:, 1], pose[:, 2] = cars["x"], cars["y"], cars["heading"]
        return {
            "progress": cars["progress"] / self.simulator.pool.circuits["length"][cars["slot"]],
            "speed": cars["speed"].copy(),
            "lap_time": cars["time"].copy(),
            "off_road": cars["off_road"] != 0,
            "wrong_way_seconds": cars["wrong_way_time"].copy(),
            "collisions": cars["collisions"].copy(),
            "pose": pose,
        }

    def ending(self, i: int, outcome: Outcome) -> dict[str, Any]:
        """Entries that ``info`` has in addition when the episode of car ``i`` has ended.

        Returns:
            ``finished``; ``lap_time`` (s, NaN without a finished lap); ``reference_time`` (s, estimate for the same car
            on the racing line from the same start); ``ratio`` of the two; ``sector_times`` (3,) (s, NaN if not done);
            ``off_road_seconds``; ``cut`` (m gained by cutting across with all wheels off the road); ``jerk`` (m/s³, its
            root mean square); ``circuit`` (its name); ``end`` (why the episode ended).
        """
        car = self.simulator.cars[i]
        finished = bool(outcome.finished[i])
        lap_time = float(car["lap_time"]) if finished else np.nan
        start = self._starts[i]
        circuit = self.simulator.circuit_of(i)
        reference = self.expert(i).reference.lap_time(int(start.station / circuit.step), start.speed)
        return {
            "finished": finished,
            "lap_time": lap_time,
            "reference_time": reference,
            "ratio": lap_time / reference,
            "sector_times": _sector_times(car, lap_time),
            "off_road_seconds": float(car["off_road_time"]),
            "cut": float(car["gained"]),
            "jerk": float(np.sqrt(car["jerk_squared"] / max(1, car["step"]))),
            "circuit": circuit.name,
            "end": self._reason(i, outcome),
        }

    def _reason(self, i: int, outcome: Outcome) -> str:
        """Why the episode of car ``i`` has ended."""
        car = self.simulator.cars[i]
        if outcome.finished[i]:
            return "lap finished"
        if outcome.terminated[i]:
            return "off the road" if self.config.terminate_off_road and car["off_road"] else "collision"
        if car["progress"] >= self.simulator.circuit_of(i).length:
            return "lap cut short"
        return "out of time" if car["step"] >= car["max_steps"] else "no progress"

    def expert(self, i: int) -> ExpertDriver:
        """The scripted driver for car ``i``'s circuit and grip."""
        return self._expert(i, float(self.simulator.cars["road_grip"][i]))

    def _expert(self, i: int, grip: float) -> ExpertDriver:
        slot = int(self.simulator.cars["slot"][i])
        circuit = self.simulator.pool[slot]
        known = self._experts.get((slot, grip))
        if known is None or known.circuit is not circuit:
            if self.config.grip is None:  # another grip in every episode
                self._experts.clear()
            known = self._experts[slot, grip] = ExpertDriver(circuit, self.simulator.vehicle, grip)
        return known

    def expert_action(self, i: int) -> Any:
        """Action of the scripted driver for car ``i``: an integer, or (2,) steering and pedal."""
        expert, car = self.expert(i), self.simulator.cars[i]
        others = expert.react_to_traffic(car, self.simulator.others[i], self.simulator.pool.circuits[car["slot"]])
        return (expert.act_continuous if self.config.actions == "continuous" else expert.act)(car, *others)

    def progress(self, i: int) -> float:
        """Share of the lap that car ``i`` has driven since its start."""
        return float(self.simulator.cars["progress"][i]) / self.simulator.circuit_of(i).length

    def telemetry(self, i: int) -> dict[str, dict[str, Any]]:
        """Instrument readings of car ``i``: name to ``value``, ``unit``, and ``low`` and ``high`` end of the scale."""
        car = self.simulator.cars[i]
        vehicle = self.simulator.vehicle[0]
        lock = np.degrees(vehicle["max_steering"])
        friction = vehicle["rear_friction"]
        readings = {
            "speed": (3.6 * car["speed"], "km/h", 0.0, 3.6 * vehicle["top_speed"]),
            "steering": (np.degrees(car["steering"]), "°", -lock, lock),
            "yaw rate": (np.degrees(car["yaw_rate"]), "°/s", -np.degrees(YAW_RATE_SCALE), np.degrees(YAW_RATE_SCALE)),
            "lateral acceleration": (car["lateral_acceleration"] / GRAVITY, "g", -friction, friction),
            "lap": (100.0 * self.progress(i), "%", 0.0, 100.0),
        }
        return {
            name: {"value": float(value), "unit": unit, "low": float(low), "high": float(high)}
            for name, (value, unit, low, high) in readings.items()
        }

    def situation(self, i: int) -> dict[str, Any]:
        """What a passenger of car ``i`` could tell of its motion, the road ahead and the weather.

        Returns:
            ``speed`` (m/s), ``yaw_rate`` (rad/s), ``steering`` (share of the lock) and ``pedal`` (-1 to 1), of the last
            decision; ``weather``, one of ``presets.WORDS``; ``road`` (M, 5), every ``ROAD_STEP`` metres from the car's
            place on: distance along the road (m), its middle in the car's frame, ahead and to the left (m), half of its
            width (m) and its curvature (1/m). Left is positive.
        """
        car = self.simulator.cars[i]
        line = self.simulator.circuit_of(i).line
        along = ROAD_STEP * np.arange(ROAD_POINTS)
        rows = line[(int(car["index"]) + along) % len(line)]
        aside = 0.5 * (rows[:, LEFT] - rows[:, RIGHT])
        dx = rows[:, X] - rows[:, TY] * aside - car["x"]
        dy = rows[:, Y] + rows[:, TX] * aside - car["y"]
        cosine, sine = np.cos(car["heading"]), np.sin(car["heading"])
        half = 0.5 * (rows[:, LEFT] + rows[:, RIGHT])
        road = (along, cosine * dx + sine * dy, cosine * dy - sine * dx, half, rows[:, CURVATURE])
        return {
            "speed": float(car["speed"]),
            "yaw_rate": float(car["yaw_rate"]),
            "steering": float(car["steering"] / self.simulator.vehicle[0]["max_steering"]),
            "pedal": float(car["pedal"]),
            "weather": self._weather_word(i),
            "road": np.stack(road, axis=1),
        }

    def _weather_word(self, i: int) -> str:
        appearances = self.simulator.appearances
        if appearances is not None:
            return word_for(appearances.appearances[i])
        return word_for(choose_appearance(self.config.weather_source, np.random.default_rng(self._appearance_seeds[i])))

    def map_outline(self, i: int) -> dict[str, npt.NDArray[np.float64]]:
        """``left``, ``right`` and ``centre`` of car ``i``'s circuit: closed lines (n, 2) in metres."""
        circuit = self.simulator.circuit_of(i)
        left, right = circuit.borders()
        return {
            name: np.concatenate([line, line[:1]])
            for name, line in (("left", left), ("right", right), ("centre", circuit.points))
        }

    def get_state(self, i: int) -> dict[str, Any]:
        """State of car ``i`` without its random generator, as numbers and text that JSON can hold."""
        car = self.simulator.cars[i]
        return {
            "circuit": self._circuits[i],
            "start": asdict(self._starts[i]),
            "appearance": self._appearance_seeds[i],
            "mirrored": self._mirrored[i],
            "car": {name: car[name].item() for name in CAR.names or () if name != "slot"},
            "others": [{name: other[name].item() for name in OTHER.names or ()} for other in self.simulator.others[i]],
        }

    def set_state(self, i: int, state: dict[str, Any]) -> None:
        """Restore a state that ``get_state`` returned."""
        self._enter(i, state["circuit"], state["mirrored"])
        self._starts[i] = Start(**state["start"])
        self._appearance_seeds[i] = state["appearance"]
        self._choose_appearance(i)
        for name, value in state["car"].items():
            self.simulator.cars[i][name] = value
        for other, values in zip(self.simulator.others[i], state["others"], strict=True):
            for name, value in values.items():
                other[name] = value


def _sector_times(car: Any, lap_time: float) -> npt.NDArray[np.float64]:
    """(3,) times of the thirds of the lap, in seconds; NaN for those not completed."""
    marks = np.array([0.0, car["sector_1"] or np.nan, car["sector_2"] or np.nan, lap_time])
    times: npt.NDArray[np.float64] = np.diff(marks)
    return times
