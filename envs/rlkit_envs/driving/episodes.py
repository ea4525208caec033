"""Episodes of the driving environment: which circuit a seed leads to, where a car starts, what ``info`` reports."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.config import Settings, check_circuit
from rlkit_envs.driving.expert.driver import ExpertDriver
from rlkit_envs.driving.road.circuit import Circuit
from rlkit_envs.driving.road.csv_file import load_circuit
from rlkit_envs.driving.road.generator import make_circuit
from rlkit_envs.driving.sensors.suite import paint_gauges
from rlkit_envs.driving.simulator import Outcome, Simulator, Start
from rlkit_envs.driving.traffic.behaviour import OTHER
from rlkit_envs.driving.vehicle.actions import COMMANDS
from rlkit_envs.driving.vehicle.parameters import CAR, GRAVITY, YAW_RATE_SCALE
from rlkit_envs.driving.weather.presets import choose_look


class Episodes:
    """The episodes of N cars; everything that the one-car and the many-car environment have in common.

    Args:
        num_envs: N.
        settings: What the user asked for.
        num_threads: Threads that may share the cars.
    """

    def __init__(self, num_envs: int, settings: Settings, num_threads: int):
        self.settings = settings
        capacity = settings.num_circuits if settings.split == "train" else 2 * num_envs + 8
        self.simulator = Simulator(
            num_envs, settings.rules(), settings.seen(), settings.who_else(), capacity, num_threads
        )
        self._starts = [Start()] * num_envs
        self._keys = [0] * num_envs  # that fix the looks of episodes
        self._driven: list[int | str] = [0] * num_envs
        self._mirrored = [False] * num_envs
        self._pilots: dict[tuple[int, float], ExpertDriver] = {}
        self._files: dict[str, Circuit] = {}
        if settings.circuit is not None:
            self._recipe(settings.circuit)  # A file that cannot be read is reported now, not at the first reset

    def _recipe(self, circuit: object) -> tuple[str, Callable[[], Circuit]]:
        """The key of a circuit that is given by number or file, and how to make it."""
        check_circuit(circuit)
        settings = self.settings
        if isinstance(circuit, int | np.integer):
            return f"{settings.split}-{circuit}", partial(self._made, int(circuit))
        path = str(circuit)
        if path not in self._files:
            self._files[path] = load_circuit(path, backwards=settings.backwards)
        return path, partial(self._files.__getitem__, path)

    def _made(self, number: int) -> Circuit:
        settings = self.settings
        circuit = make_circuit(number, settings.split, settings.circuit_length, settings.difficulty)
        return circuit.reversed() if settings.backwards else circuit

    def begin(
        self, i: int, random: np.random.Generator, seed: int | None, circuit: object = None, mirrored: bool = False
    ) -> None:
        """Begin an episode of car ``i``.

        Args:
            i: Which car.
            random: Its generator; draws are taken from it.
            seed: The seed that it was given with this reset, if any: on the test split, circuit number ``seed``.
            circuit: A circuit for this episode alone, by number or file.
            mirrored: Whether the episode is to be the mirror image of the one that it would be otherwise: circuit,
                start, other road users, weather and all that chance adds.
        """
        settings = self.settings
        if circuit is None:
            circuit = settings.circuit
        if circuit is None:
            if settings.split == "train":
                circuit = int(random.integers(settings.num_circuits))
            else:
                circuit = seed if seed is not None else int(random.integers(2**31))
        self._enter(i, circuit, mirrored)
        # Drawn whether it is needed or not: the same seed leads to the same episodes whatever the car sees.
        self._keys[i] = int(random.integers(2**31))
        grip = self._choose_look(i)
        self._starts[i] = self.simulator.anywhere(i, random, grip) if settings.starts_anywhere else Start()
        self.simulator.put(i, self._starts[i], settings.max_episode_steps, grip)
        self.simulator.place_others(i, random)

    def _choose_look(self, i: int) -> float:
        """Let the world of car ``i`` look as its key says, and return the grip of its road."""
        settings, looks = self.settings, self.simulator.looks
        if looks is not None:
            look = looks.choose(i, settings.weather_drawn, self._keys[i], self._mirrored[i])
        elif settings.grip is None:
            look = choose_look(settings.weather_drawn, np.random.default_rng(self._keys[i]))
        return float(look["grip"]) if settings.grip is None else float(settings.grip)

    def _enter(self, i: int, circuit: object, mirrored: bool) -> None:
        key, make = self._recipe(circuit)
        if mirrored:
            self.simulator.choose_circuit(i, f"{key} mirrored", lambda: make().mirrored())
        else:
            self.simulator.choose_circuit(i, key, make)
        self._mirrored[i] = mirrored
        self._driven[i] = int(circuit) if isinstance(circuit, int | np.integer) else str(circuit)

    def observe(self) -> dict[str, npt.NDArray[Any]] | npt.NDArray[np.uint8]:
        """What all cars see, newly made: each sensor's name and (N, ...) array; or one (N, H, W, C) uint8 picture."""
        seen = self.simulator.observe()
        if self.settings.observation == "dict":
            return seen
        picture: npt.NDArray[np.uint8] = seen[self.settings.picture_sensor or ""]
        if "state" not in seen:
            return picture
        count, height, width, channels = picture.shape
        painted = np.empty((count, height, width, channels + 1), dtype=np.uint8)
        painted[..., :channels] = picture
        paint_gauges(painted[..., channels], seen["state"])
        return painted

    def step(self, actions: npt.NDArray[Any]) -> Outcome:
        """Carry out one decision of each car: (N,) int64 numbers of actions, or (N, 2) float64 steering and pedal."""
        return self.simulator.step(COMMANDS[actions] if actions.ndim == 1 else actions)

    def report(self) -> dict[str, npt.NDArray[Any]]:
        """What ``info`` says at every step, as new arrays with one row per car.

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
        """What ``info`` adds when the episode of car ``i`` has ended.

        Returns:
            ``finished``; ``lap_time`` (s, NaN without a finished lap); ``reference_time`` (s, what the same car could
            do from the same start); ``ratio`` of the two; ``sector_times`` (3,) (s, NaN for those not done);
            ``off_road_seconds``; ``cut`` (m gained by cutting across with all wheels off the road); ``jerk`` (m/s³, its
            root mean square); ``circuit`` (its name).
        """
        car = self.simulator.cars[i]
        finished = bool(outcome.finished[i])
        lap_time = float(car["lap_time"]) if finished else np.nan
        start = self._starts[i]
        circuit = self.simulator.circuit_of(i)
        reference = self.pilot(i).reference.lap_time(int(start.station / circuit.step), start.speed)
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
        }

    def pilot(self, i: int) -> ExpertDriver:
        """The driver of car ``i``'s circuit, on a road of this grip."""
        car = self.simulator.cars[i]
        slot, grip = int(car["slot"]), float(car["road_grip"])
        circuit = self.simulator.pool[slot]
        known = self._pilots.get((slot, grip))
        if known is None or known.circuit is not circuit:
            if self.settings.grip is None:  # As many grips as episodes
                self._pilots.clear()
            known = self._pilots[slot, grip] = ExpertDriver(circuit, self.simulator.vehicle, grip)
        return known

    def expert_action(self, i: int) -> Any:
        """The action that a very good driver would choose for car ``i`` now: a number, or (2,) where continuous."""
        pilot, car = self.pilot(i), self.simulator.cars[i]
        manners = pilot.mind(car, self.simulator.others[i], self.simulator.pool.circuits[car["slot"]])
        return (pilot.act_continuous if self.settings.actions == "continuous" else pilot.act)(car, *manners)

    def progress(self, i: int) -> float:
        """Share of the lap that car ``i`` has driven since its start."""
        return float(self.simulator.cars["progress"][i]) / self.simulator.circuit_of(i).length

    def telemetry(self, i: int) -> dict[str, dict[str, Any]]:
        """Readings of car ``i``'s instruments: name to ``value``, ``unit``, ``low`` and ``high`` end of the scale."""
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

    def map_outline(self, i: int) -> dict[str, npt.NDArray[np.float64]]:
        """``left``, ``right`` and ``centre`` of car ``i``'s circuit: closed lines (n, 2) in metres."""
        circuit = self.simulator.circuit_of(i)
        left, right = circuit.borders()
        return {
            name: np.concatenate([line, line[:1]])
            for name, line in (("left", left), ("right", right), ("centre", circuit.points))
        }

    def get_state(self, i: int) -> dict[str, Any]:
        """Everything that decides what car ``i`` does next, but for its random generator; plain numbers and text."""
        car = self.simulator.cars[i]
        return {
            "circuit": self._driven[i],
            "start": asdict(self._starts[i]),
            "look": self._keys[i],
            "mirrored": self._mirrored[i],
            "car": {name: car[name].item() for name in CAR.names or () if name != "slot"},
            "others": [{name: other[name].item() for name in OTHER.names or ()} for other in self.simulator.others[i]],
        }

    def set_state(self, i: int, state: dict[str, Any]) -> None:
        """Put car ``i`` back to where ``get_state`` found it."""
        self._enter(i, state["circuit"], state.get("mirrored", False))
        self._starts[i] = Start(**state["start"])
        self._keys[i] = state["look"]
        self._choose_look(i)
        for name, value in state["car"].items():
            self.simulator.cars[i][name] = value
        for other, values in zip(self.simulator.others[i], state["others"], strict=True):
            for name, value in values.items():
                other[name] = value


def _sector_times(car: Any, lap_time: float) -> npt.NDArray[np.float64]:
    """(3,) seconds that each third of the lap took; NaN for those that have not been finished."""
    marks = np.array([0.0, car["sector_1"] or np.nan, car["sector_2"] or np.nan, lap_time])
    times: npt.NDArray[np.float64] = np.diff(marks)
    return times
