"""Placement of other road users at the start of an episode, clear of the driver and of each other."""

import numpy as np

from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.road.circuit import LEFT, RIGHT
from rlkit_envs.driving.traffic.behaviour import CAR, COLOURS, CONE, STOPPED_CAR, curve_speed, lane_middle, put_on_road

DRAWS = 8  # random numbers that each of the others takes
LANE_DRAW = 2  # index of the one for the lane: left below 0.5
CLEAR_AHEAD = 30.0  # m of free road ahead of the driver by default
CLEAR_BEHIND = 15.0  # m behind the driver
ROOM = 14.0  # m of road for each at least, so that none has to brake hard at first
CONE_SHARE = 0.6  # of the obstacles; the others are stopped cars
CONE_SIZE = (0.4, 0.4, 0.75)  # m: length, width, height
CAR_SIZE = (3.9, 1.65, 1.4)  # m, of the smallest car
CAR_RANGE = (0.8, 0.2, 0.15)  # m, by which the largest car is longer, wider and higher
MEAN_CAR_SIZE = tuple(least + 0.5 * more for least, more in zip(CAR_SIZE, CAR_RANGE, strict=True))


@kernel
def place_others(
    others: np.ndarray,
    draws: np.ndarray,
    cars: int,
    obstacles: int,
    start: float,
    clear_ahead: float,
    slowest: float,
    fastest: float,
    line: np.ndarray,
    circuit: Record,
    grip: float,
) -> int:
    """Place other road users on a circuit.

    The road outside a stretch around the driver is divided into equal parts, one for each. If the circuit is too short
    for all, fewer are placed, obstacles and cars in proportion. An obstacle blocks one lane only.

    Args:
        others: (K,) records of ``OTHER``, written; those that are not placed are inactive.
        draws: (K, DRAWS) numbers of [0, 1), from the generator of the episode.
        cars: Moving cars wanted.
        obstacles: Cones and stopped cars wanted; with the cars, at most K.
        start: Station of the driver, in metres.
        clear_ahead: Metres of free road ahead of the driver; the first of the others is at least ``ROOM`` / 2 beyond.
        slowest: Lowest desired speed of the cars, in m/s.
        fastest: Highest.
        line: (n, 8) packed centre line.
        circuit: Its record of ``CIRCUIT``.
        grip: Of the road; 1 when dry.

    Returns:
        The number placed.
    """
    for other in others:
        other.active = 0
    span = circuit.length - clear_ahead - CLEAR_BEHIND
    wanted = min(cars + obstacles, len(others))
    count = max(0, min(wanted, int(span / ROOM)))
    if count == 0:
        return 0
    part = span / count
    left_over = obstacles * count / wanted
    for k in range(count):
        draw = draws[k]
        other = others[k]
        # The probability of an obstacle is such that their number comes out right.
        is_obstacle = draw[0] * (count - k) < left_over
        if is_obstacle:
            left_over -= 1.0
        slack = part - ROOM
        station = start + clear_ahead + k * part + 0.5 * ROOM + slack * draw[1]
        other.station = station % circuit.length
        other.index = min(int(other.station / circuit.step), circuit.samples - 1)
        other.active = 1
        other.acceleration = 0.0
        other.lateral_speed = 0.0
        other.lane = 1 if draw[LANE_DRAW] < 0.5 else 0
        other.lane_time = 4.0 * draw[3]
        other.colour = int(COLOURS * draw[4])
        other.politeness = 0.5 * draw[5]
        other.desired_speed = slowest + (fastest - slowest) * draw[6]
        other.length = CAR_SIZE[0] + CAR_RANGE[0] * draw[7]
        other.width = CAR_SIZE[1] + CAR_RANGE[1] * draw[7]
        other.height = CAR_SIZE[2] + CAR_RANGE[2] * draw[5]
        other.offset = lane_middle(line, other.index, other.lane)
        other.kind = CAR
        if is_obstacle:
            _make_obstacle(other, draw, line)
        other.speed = 0.0
        if other.kind == CAR:
            limit = curve_speed(other.desired_speed, other.offset, other.index, line, circuit, grip)
            other.speed = min(other.desired_speed, limit)
        put_on_road(other, line, circuit)
    return count


@kernel
def _make_obstacle(other: Record, draw: np.ndarray, line: np.ndarray) -> None:
    """Turn a car into a cone or a stopped car in the outer part of its lane."""
    other.kind = CONE if draw[6] < CONE_SHARE else STOPPED_CAR
    other.desired_speed = 0.0
    if other.kind == CONE:
        other.length, other.width, other.height = CONE_SIZE
    border = line[other.index, LEFT] if other.lane == 1 else -line[other.index, RIGHT]
    outward = 1.0 if other.lane == 1 else -1.0
    outermost = border - outward * (0.5 * other.width + 0.2)
    if (outermost - other.offset) * outward > 0.0:
        other.offset += draw[3] * (outermost - other.offset)
