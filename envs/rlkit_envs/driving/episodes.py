"""Episodes of the driving environment: which circuit a seed leads to, where a car starts, what ``info`` reports."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.circuit import Circuit, load_circuit
from rlkit_envs.driving.generator import make_circuit
from rlkit_envs.driving.pilot import Pilot
from rlkit_envs.driving.settings import Settings, check_circuit
from rlkit_envs.driving.simulator import Outcome, Simulator, Start
from rlkit_envs.driving.vehicle import CAR, GRAVITY, GRIP, MAX_STEERING, SPEED_SCALE, YAW_RATE_SCALE


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
        self.simulator = Simulator(num_envs, settings.rules(), capacity, num_threads)
        self._starts = [Start()] * num_envs
        self._driven: list[int | str] = [0] * num_envs
        self._pilots: dict[int, Pilot] = {}
        self._files: dict[str, Circuit] = {}
        if settings.circuit is not None:
            self._recipe(settings.circuit)  # A file that cannot be read is reported now, not at the first reset

    def _recipe(self, circuit: object) -> tuple[str, Callable[[], Circuit]]:
        """The key of a circuit that is given by number or file, and how to make it."""
        check_circuit(circuit)
        if isinstance(circuit, int | np.integer):
            return f"{self.settings.split}-{circuit}", partial(make_circuit, int(circuit), self.settings.split)
        path = str(circuit)
        if path not in self._files:
            self._files[path] = load_circuit(path)
        return path, partial(self._files.__getitem__, path)

    def begin(self, i: int, random: np.random.Generator, seed: int | None, circuit: object = None) -> None:
        """Begin an episode of car ``i``.

        Args:
            i: Which car.
            random: Its generator; draws are taken from it.
            seed: The seed that it was given with this reset, if any: on the test split, circuit number ``seed``.
            circuit: A circuit for this episode alone, by number or file.
        """
        settings = self.settings
        if circuit is None:
            circuit = settings.circuit
        if circuit is None:
            if settings.split == "train":
                circuit = int(random.integers(settings.num_circuits))
            else:
                circuit = seed if seed is not None else int(random.integers(2**31))
        self._enter(i, circuit)
        self._starts[i] = self.simulator.anywhere(i, random) if settings.starts_anywhere else Start()
        self.simulator.put(i, self._starts[i], settings.max_episode_steps)

    def _enter(self, i: int, circuit: object) -> None:
        key, make = self._recipe(circuit)
        self.simulator.choose_circuit(i, key, make)
        self._driven[i] = int(circuit) if isinstance(circuit, int | np.integer) else str(circuit)

    def observe(self) -> dict[str, npt.NDArray[Any]] | npt.NDArray[np.uint8]:
        """What all cars see, newly made: ``birdview`` (N, H, W, C) uint8, ``state`` (N, 3) float32; or the picture."""
        pictures, states = self.simulator.observe()
        if self.settings.observation == "picture":
            return pictures
        return {"birdview": pictures, "state": states}

    def report(self) -> dict[str, npt.NDArray[Any]]:
        """What ``info`` says at every step, as new arrays with one row per car.

        Returns:
            ``progress`` (share of the lap driven since the start), ``speed`` (m/s), ``lap_time`` (s since the start),
            ``off_road`` (bool), ``pose`` (N, 3) x, y (m) and heading (rad).
        """
        cars = self.simulator.cars
        return {
            "progress": cars["progress"] / self.simulator.pool.circuits["length"][cars["slot"]],
            "speed": cars["speed"].copy(),
            "lap_time": cars["time"].copy(),
            "off_road": cars["off_road"] != 0,
            "pose": np.stack([cars["x"], cars["y"], cars["heading"]], axis=1),
        }

    def ending(self, i: int, outcome: Outcome) -> dict[str, Any]:
        """What ``info`` adds when the episode of car ``i`` has ended.

        Returns:
            ``finished``; ``lap_time`` (s, NaN without a finished lap); ``reference_time`` (s, what the same car could
            do from the same start); ``ratio`` of the two; ``off_road_seconds``; ``circuit`` (its name).
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
            "off_road_seconds": float(car["off_road_time"]),
            "circuit": circuit.name,
        }

    def pilot(self, i: int) -> Pilot:
        """The driver of car ``i``'s circuit."""
        slot = int(self.simulator.cars["slot"][i])
        circuit = self.simulator.pool[slot]
        if slot not in self._pilots or self._pilots[slot].circuit is not circuit:
            self._pilots[slot] = Pilot(circuit)
        return self._pilots[slot]

    def expert_action(self, i: int) -> int:
        """The action that a very good driver would choose for car ``i`` now."""
        return self.pilot(i).act(self.simulator.cars[i])

    def progress(self, i: int) -> float:
        """Share of the lap that car ``i`` has driven since its start."""
        return float(self.simulator.cars["progress"][i]) / self.simulator.circuit_of(i).length

    def telemetry(self, i: int) -> dict[str, dict[str, Any]]:
        """Readings of car ``i``'s instruments: name to ``value``, ``unit``, ``low`` and ``high`` end of the scale."""
        car = self.simulator.cars[i]
        readings = {
            "speed": (3.6 * car["speed"], "km/h", 0.0, 3.6 * SPEED_SCALE),
            "steering": (np.degrees(car["steering"]), "°", -np.degrees(MAX_STEERING), np.degrees(MAX_STEERING)),
            "yaw rate": (np.degrees(car["yaw_rate"]), "°/s", -np.degrees(YAW_RATE_SCALE), np.degrees(YAW_RATE_SCALE)),
            "lateral acceleration": (car["lateral_acceleration"] / GRAVITY, "g", -GRIP, GRIP),
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
            "car": {name: car[name].item() for name in CAR.names or () if name != "slot"},
        }

    def set_state(self, i: int, state: dict[str, Any]) -> None:
        """Put car ``i`` back to where ``get_state`` found it."""
        self._enter(i, state["circuit"])
        self._starts[i] = Start(**state["start"])
        for name, value in state["car"].items():
            self.simulator.cars[i][name] = value
