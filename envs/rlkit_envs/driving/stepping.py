"""One decision of one car: physics, place on the circuit, wheels on the grass, reward and end; and a loop over cars."""

import numpy as np

from rlkit_envs.driving.circuit import CURVATURE, LEFT, RIGHT, interpolate, locate
from rlkit_envs.driving.compiled import Record, kernel
from rlkit_envs.driving.controls import SUBSTEPS
from rlkit_envs.driving.sensors import birdview, gauges, paint_gauges
from rlkit_envs.driving.vehicle import FRONT_AXLE, PHYSICS_STEP, REAR_AXLE, TRACK, advance

LAP_REWARD = 100.0  # for a whole lap, whatever its length
STUCK_AFTER = 10.0  # s without progress
STUCK_MARGIN = 1.0  # m that count as progress
WHEELS_OFF = 2  # from this number of wheels beyond the border on, the car is off the road


# What a step reports per car.
OUTCOME = np.dtype([("reward", "f4"), ("terminated", "?"), ("truncated", "?"), ("finished", "?")])


@kernel
def count_wheels_off(car: Record, line: np.ndarray, samples: int, fraction: float) -> int:
    """Number of wheels beyond the border of the road (its kerbs belong to it)."""
    i = car.index
    tx = interpolate(line, samples, i, fraction, 2)
    ty = interpolate(line, samples, i, fraction, 3)
    curvature = interpolate(line, samples, i, fraction, CURVATURE)
    left = interpolate(line, samples, i, fraction, LEFT)
    right = interpolate(line, samples, i, fraction, RIGHT)
    cosine = np.cos(car.heading) * tx + np.sin(car.heading) * ty
    sine = np.sin(car.heading) * tx - np.cos(car.heading) * ty
    off = 0
    for axle in range(2):
        forward = FRONT_AXLE if axle == 0 else -REAR_AXLE
        for side in range(2):
            aside = 0.5 * TRACK if side == 0 else -0.5 * TRACK
            along = forward * cosine - aside * sine
            # The road bends away from its tangent by half the curvature times the distance squared.
            offset = car.offset + forward * sine + aside * cosine - 0.5 * curvature * along * along
            if offset > left or offset < -right:
                off += 1
    return off


@kernel
def _place(car: Record, line: np.ndarray, circuit: Record) -> float:
    """Find a car's place again, update station, offset and wheels, and return the metres of progress made."""
    samples = circuit.samples
    index, fraction = locate(line, samples, car.x, car.y, car.index)
    car.index = index
    cx = interpolate(line, samples, index, fraction, 0)
    cy = interpolate(line, samples, index, fraction, 1)
    tx = interpolate(line, samples, index, fraction, 2)
    ty = interpolate(line, samples, index, fraction, 3)
    norm = np.sqrt(tx * tx + ty * ty)
    car.offset = ((car.y - cy) * tx - (car.x - cx) * ty) / norm
    station = (index + fraction) * circuit.step
    moved = station - car.station
    if moved > 0.5 * circuit.length:
        moved -= circuit.length
    elif moved < -0.5 * circuit.length:
        moved += circuit.length
    car.station = station
    car.wheels_off = count_wheels_off(car, line, samples, fraction)
    return float(moved)


@kernel
def _step_car(
    car: Record,
    outcome: Record,
    command: float,
    pedal: float,
    line: np.ndarray,
    circuit: Record,
    terminate_off_road: bool,
    paid_speed: float,
    penalty: float,
) -> None:
    """Carry out one decision: up to ``SUBSTEPS`` physics steps, cut short by the end of the episode."""
    length = circuit.length
    before = car.progress
    paid_time = 0.0
    terminated = False
    finished = False
    fined = False
    for _ in range(SUBSTEPS):
        advance(car, command, pedal, PHYSICS_STEP)
        moved = _place(car, line, circuit)
        paid_time += PHYSICS_STEP
        if car.progress + moved >= length:
            car.lap_time = car.time + PHYSICS_STEP * (length - car.progress) / moved
            finished = True
        car.progress += moved
        car.time += PHYSICS_STEP
        if car.wheels_off >= WHEELS_OFF:
            car.off_road_time += PHYSICS_STEP
            fined = fined or car.off_road == 0
            car.off_road = 1
            terminated = terminate_off_road and not finished
        else:
            car.off_road = 0
        if terminated or finished:
            break
    car.step += 1
    if car.progress > car.best_progress + STUCK_MARGIN:
        car.best_progress = car.progress
        car.stuck_time = 0.0
    else:
        car.stuck_time += paid_time
    # What was driven beyond the line belongs to no lap: every finished one is worth the same.
    reward = LAP_REWARD / length * min(min(car.progress, length) - before, paid_speed * paid_time)
    if fined:
        reward -= penalty
    truncated = not terminated and (
        finished or car.step >= car.max_steps or car.stuck_time > STUCK_AFTER - 0.5 * PHYSICS_STEP
    )
    car.ended = 1 if terminated or truncated else 0
    outcome.reward = reward
    outcome.terminated = terminated
    outcome.truncated = truncated
    outcome.finished = finished


@kernel
def step_range(
    low: int,
    high: int,
    cars: np.ndarray,
    outcomes: np.ndarray,
    actions: np.ndarray,
    commands: np.ndarray,
    circuits: np.ndarray,
    lines: np.ndarray,
    terminate_off_road: bool,
    paid_speed: float,
    penalty: float,
) -> None:
    """Carry out one decision of the cars from ``low`` up to ``high``.

    Args:
        low: First car.
        high: One past the last car.
        cars: (N,) records of ``CAR``, changed in place.
        outcomes: (N,) records of ``OUTCOME``, written.
        actions: (N,) int64.
        commands: (A, 2) steering and pedal of each action.
        circuits: (S,) records of ``CIRCUIT``.
        lines: (S, n, 8) packed centre lines.
        terminate_off_road: Whether leaving the road ends the episode.
        paid_speed: Speed up to which progress is paid, in m/s.
        penalty: Taken off the reward when the car leaves the road.
    """
    for i in range(low, high):
        slot = cars[i].slot
        command = commands[actions[i]]
        _step_car(
            cars[i],
            outcomes[i],
            command[0],
            command[1],
            lines[slot],
            circuits[slot],
            terminate_off_road,
            paid_speed,
            penalty,
        )


@kernel
def observe_range(
    low: int,
    high: int,
    cars: np.ndarray,
    pictures: np.ndarray,
    states: np.ndarray,
    scales: np.ndarray,
    circuits: np.ndarray,
    cells: np.ndarray,
    intensity: np.ndarray,
    gauges_painted: bool,
) -> None:
    """Draw what the cars from ``low`` up to ``high`` see.

    Args:
        low: First car.
        high: One past the last car.
        cars: (N,) records of ``CAR``.
        pictures: (N, H, W, C) uint8, written.
        states: (N, 3) float32, written: speed, steering and yaw rate in [-1, 1].
        scales: Metres per pixel of each channel of the bird's view.
        circuits: (S,) records of ``CIRCUIT``.
        cells: (S, B) uint8 grounds.
        intensity: (256,) uint8 brightness of each byte of the finest level.
        gauges_painted: Whether the last channel shows the three numbers.
    """
    for i in range(low, high):
        car = cars[i]
        slot = car.slot
        birdview(pictures[i], scales, car.x, car.y, car.heading, cells[slot], circuits[slot], intensity)
        gauges(states[i], car.speed, car.steering, car.yaw_rate)
        if gauges_painted:
            paint_gauges(pictures[i], len(scales), states[i])
