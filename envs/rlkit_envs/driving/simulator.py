"""Many cars on many circuits, stepped and drawn together, by threads of ours where they are very many."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.circuit import CURVATURE, LEFT, RIGHT, Circuit
from rlkit_envs.driving.controls import COMMANDS, DECISION
from rlkit_envs.driving.ground import INTENSITY
from rlkit_envs.driving.pool import CircuitPool
from rlkit_envs.driving.stepping import OUTCOME, observe_range, step_range
from rlkit_envs.driving.vehicle import CAR, GRAVITY, GRIP, TRACK

SLOWEST_LAP = 4.0  # m/s, average speed that the default time limit allows for
_CARS_PER_TASK = 128  # below twice this number, starting threads costs more than it gains


@dataclass(frozen=True)
class Rules:
    """What a simulator's cars are shown, paid and forbidden.

    Args:
        view_size: Height and width of the bird's view, in pixels.
        metres_per_pixel: Scale of each channel of the bird's view.
        gauges_painted: Whether a further channel shows speed, steering and yaw rate.
        terminate_off_road: Whether leaving the road ends the episode.
        paid_speed: Speed up to which progress is paid, in m/s; infinity to pay any.
        off_road_penalty: Taken off the reward when the car leaves the road.
    """

    view_size: int
    metres_per_pixel: tuple[float, ...]
    gauges_painted: bool
    terminate_off_road: bool
    paid_speed: float
    off_road_penalty: float

    @property
    def picture_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the picture."""
        return self.view_size, self.view_size, len(self.metres_per_pixel) + self.gauges_painted


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
    """N cars, each on a circuit of its own, that do not see each other.

    Args:
        num_cars: N.
        rules: What cars are shown, paid and forbidden.
        capacity: Circuits kept ready at most.
        num_threads: Threads that share the cars of a large batch. Results do not depend on it.
    """

    def __init__(self, num_cars: int, rules: Rules, capacity: int, num_threads: int):
        self.rules = rules
        self.cars = np.zeros(num_cars, dtype=CAR)
        self.cars["slot"] = -1
        self.pool = CircuitPool(capacity)
        self.num_threads = num_threads
        self._scales = np.array(rules.metres_per_pixel)
        self._seen: tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]] | None = None
        self._moved = np.ones(num_cars, dtype=np.bool_)
        self._threads: ThreadPoolExecutor | None = None
        self._threads_process = 0

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

    def put(self, i: int, start: Start, max_steps: int | None) -> None:
        """Begin an episode of car ``i`` on its circuit.

        Args:
            i: Which car.
            start: Where and how it starts.
            max_steps: Decisions after which the episode is cut; None for what a lap at 4 m/s takes.
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
        car["index"] = index
        car["station"] = place * circuit.step
        car["offset"] = start.offset
        car["max_steps"] = max_steps or int(np.ceil(circuit.length / SLOWEST_LAP / DECISION))

    def anywhere(self, i: int, random: np.random.Generator) -> Start:
        """Draw a start for car ``i`` anywhere on its circuit: off the middle, turned and moving, yet survivable."""
        circuit = self.circuit_of(i)
        place, aside, turned, moving = random.random(4)
        index = int(place * len(circuit.line))
        sample = circuit.line[index]
        most = max(0.0, min(3.0, min(sample[LEFT], sample[RIGHT]) - 0.5 * TRACK - 0.6))
        offset = (2.0 * aside - 1.0) * most
        heading = 0.3 * (2.0 * turned - 1.0)
        if heading * offset > 0.0:  # The nearer the border, the less a car may point at it
            heading *= 1.0 - abs(offset) / most
        ahead = circuit.line[(index + np.arange(20)) % len(circuit.line), CURVATURE]
        fastest = 0.9 * np.sqrt(GRIP * GRAVITY / max(1e-3, float(np.abs(ahead).max())))
        return Start(index * circuit.step, float(offset), float(heading), float(min(15.0, fastest) * moving))

    def step(self, actions: npt.NDArray[np.int64]) -> Outcome:
        """Carry out one decision of each car.

        Args:
            actions: (N,) int64 numbers of ``controls.ACTION_NAMES``.
        """
        outcomes = np.zeros(len(self.cars), dtype=OUTCOME)
        self._moved[:] = True
        rules = self.rules
        self._share(
            step_range,
            self.cars,
            outcomes,
            actions,
            COMMANDS,
            self.pool.circuits,
            self.pool.lines,
            rules.terminate_off_road,
            rules.paid_speed,
            rules.off_road_penalty,
        )
        return Outcome(
            outcomes["reward"].copy(),
            outcomes["terminated"].copy(),
            outcomes["truncated"].copy(),
            outcomes["finished"].copy(),
        )

    def observe(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Draw what each car sees now, into new arrays; cars that have not moved since the last call are copied.

        Returns:
            (N, H, W, C) uint8 pictures and (N, 3) float32 speed, steering and yaw rate in [-1, 1].
        """
        if self._seen is None or self._moved.all():
            count = len(self.cars)
            pictures = np.empty((count, *self.rules.picture_shape), dtype=np.uint8)
            states = np.empty((count, 3), dtype=np.float32)
            self._share(observe_range, *self._view(pictures, states))
        else:
            pictures, states = self._seen[0].copy(), self._seen[1].copy()
            for i in np.flatnonzero(self._moved):
                observe_range(int(i), int(i) + 1, *self._view(pictures, states))
        self._moved[:] = False
        if len(self.cars) > 1:
            self._seen = pictures.copy(), states.copy()  # Ours to keep: the receiver may change what it gets
        return pictures, states

    def _view(self, pictures: npt.NDArray[np.uint8], states: npt.NDArray[np.float32]) -> tuple[Any, ...]:
        """Arguments of ``observe_range`` after the range."""
        pool = self.pool
        painted = self.rules.gauges_painted
        return self.cars, pictures, states, self._scales, pool.circuits, pool.cells, INTENSITY, painted

    def close(self) -> None:
        """Let the threads go."""
        if self._threads is not None and self._threads_process == os.getpid():
            self._threads.shutdown()
        self._threads = None

    def _share(self, work: Callable[..., None], *arguments: object) -> None:
        """Run a kernel over all cars, in parts on our threads where there are many cars."""
        count = len(self.cars)
        parts = min(self.num_threads, count // _CARS_PER_TASK)
        if parts < 2:
            work(0, count, *arguments)
            return
        if self._threads is None or self._threads_process != os.getpid():  # Threads do not survive a fork
            self._threads = ThreadPoolExecutor(self.num_threads - 1, thread_name_prefix="driving")
            self._threads_process = os.getpid()
        bounds = [count * part // parts for part in range(parts + 1)]
        others: list[Future[None]] = [
            self._threads.submit(work, low, high, *arguments) for low, high in pairwise(bounds[1:])
        ]
        work(bounds[0], bounds[1], *arguments)
        for other in others:
            other.result()
