"""Other road users: moving cars, stopped cars and cones.

Cars keep their distance by the Intelligent Driver Model (Treiber, Hennecke, Helbing 2000) and change between two lanes
by MOBIL (Kesting, Treiber, Helbing 2007); at obstacles they let each other in. Their state is a station along the
circuit and an offset; each lane is half of the road. They slow down for curves, and treat the driver's car like any
other. Nothing here draws random numbers.
"""

import numpy as np

from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.road.circuit import CURVATURE, LEFT, RIGHT, TX, TY, X, Y
from rlkit_envs.driving.traffic.lane_changes import (
    ACCELERATION,
    COMFORTABLE_BRAKING,
    CRAWL,
    CREEPING,
    EMERGENCY_GRIP,
    FREE,
    GRIP,
    LATERAL_SHARE,
    LATERAL_SPEED,
    LENGTH,
    MERGER,
    MERGER_GAP,
    MERGING_SPEED,
    OFFSET,
    PATIENCE,
    SPEED,
    STATION,
    TARGET,
    WIDTH,
    YIELDING,
    accepts_lane_change,
    approaching,
    ask_to_yield,
    following,
    is_blocked,
    leaving_speed,
    neighbour,
)

CAR, STOPPED_CAR, CONE = range(3)  # kinds
KINDS = ("car", "stopped car", "cone")
COLOURS = 8  # of cars, numbered

# One other road user. Environments keep (N, K) of them, of which the first ``count`` of a row are in use.
OTHER = np.dtype(
    [
        ("x", "f8"),  # m, middle of its box
        ("y", "f8"),  # m
        ("heading", "f8"),  # rad, counter-clockwise from x
        ("speed", "f8"),  # m/s
        ("acceleration", "f8"),  # m/s², chosen at the last decision
        ("station", "f8"),  # m along the centre line, from 0 up to the length of the circuit
        ("offset", "f8"),  # m to the left of the centre line
        ("lateral_speed", "f8"),  # m/s to the left
        ("length", "f8"),  # m
        ("width", "f8"),  # m
        ("height", "f8"),  # m
        ("desired_speed", "f8"),  # m/s on a free and straight road
        ("politeness", "f8"),  # weight of the others' acceleration in MOBIL
        ("lane_time", "f8"),  # s since it chose its lane
        ("index", "i8"),  # sample of the centre line at or before it
        ("lane", "i8"),  # 0 right, 1 left
        ("kind", "i8"),  # CAR, STOPPED_CAR or CONE
        ("colour", "i8"),  # from 0 up to COLOURS
        ("held", "i8"),  # 1 while a vehicle alongside keeps it from moving sideways
        ("active", "i8"),  # 0 for a free row, or a cone that was run over
    ],
    align=True,
)

CURVE_TIME = 0.5  # s, time constant of slowing down for curves
CURVE_GRIP = 0.4  # share of the grip to use in curves
ANTICIPATION = 0.5  # s of prediction of the driver's lateral motion
LATERAL_TIME = 0.8  # s, time constant of the (critically damped) motion to the middle of a lane

_CURVE_POINTS = 24


@kernel
def lane_middle(line: np.ndarray, index: int, lane: int) -> float:
    """Offset (m) of the middle of a lane, 0 being the right half of the road and 1 the left."""
    left, right = line[index, LEFT], line[index, RIGHT]
    return float(0.5 * (left - right) + (0.5 * lane - 0.25) * (left + right))


@kernel
def curve_speed(speed: float, offset: float, index: int, line: np.ndarray, circuit: Record, grip: float) -> float:
    """Speed (m/s) from which comfortable braking suffices for the curves ahead.

    Args:
        speed: In m/s; determines the distance to look ahead.
        offset: Metres to the left of the centre line.
        index: Sample of the centre line.
        line: (n, 8) packed centre line.
        circuit: Its record of ``CIRCUIT``.
        grip: Of the road; 1 when dry.
    """
    lateral = CURVE_GRIP * GRIP * grip
    braking = min(COMFORTABLE_BRAKING, lateral)
    delay = speed * CURVE_TIME  # m that it takes to react
    reach = 6.0 + delay + speed * speed / (2.0 * braking)
    squared = 1e6
    for k in range(_CURVE_POINTS):
        ahead = reach * k / (_CURVE_POINTS - 1)
        i = index + int(ahead / circuit.step)
        while i >= circuit.samples:
            i -= circuit.samples
        curvature = line[i, CURVATURE]
        own = abs(curvature) / max(0.2, 1.0 - curvature * offset)
        squared = min(squared, lateral / max(1e-6, own) + 2.0 * braking * max(0.0, ahead - delay))
    return float(np.sqrt(squared))


@kernel
def _working_copy(
    others: np.ndarray, count: int, car: Record, size: np.ndarray, line: np.ndarray, circuit: Record, grip: float
) -> np.ndarray:
    """(M, 9) columns of the others, and the driver's car in the last row."""
    vehicles = np.empty((count + 1, 9))
    vehicles[:, MERGER] = -1.0
    for i in range(count):
        other = others[i]
        vehicles[i, STATION] = other.station
        vehicles[i, OFFSET] = other.offset
        vehicles[i, TARGET] = other.offset
        vehicles[i, SPEED] = other.speed
        vehicles[i, LENGTH] = other.length
        vehicles[i, WIDTH] = other.width
        vehicles[i, FREE] = 0.0
        if other.active == 0:
            vehicles[i, OFFSET] = vehicles[i, TARGET] = 1e6  # inactive: out of the way
        elif other.kind == CAR:
            vehicles[i, TARGET] = lane_middle(line, other.index, other.lane)
            limit = curve_speed(other.speed, other.offset, other.index, line, circuit, grip)
            vehicles[i, FREE] = min(other.desired_speed, limit)
    tx, ty = line[car.index, TX], line[car.index, TY]
    cosine = np.cos(car.heading) * tx + np.sin(car.heading) * ty
    sine = np.sin(car.heading) * tx - np.cos(car.heading) * ty
    along = car.speed * cosine - car.lateral_velocity * sine
    aside = car.speed * sine + car.lateral_velocity * cosine
    vehicles[count, STATION] = car.station
    vehicles[count, OFFSET] = car.offset
    vehicles[count, TARGET] = car.offset + ANTICIPATION * aside
    vehicles[count, SPEED] = along
    vehicles[count, LENGTH] = size[0]
    vehicles[count, WIDTH] = size[1]
    vehicles[count, FREE] = max(1.0, along)  # the driver's desired speed is unknown: its present one
    return vehicles


@kernel
def decide_others(
    others: np.ndarray,
    count: int,
    car: Record,
    car_length: float,
    car_width: float,
    line: np.ndarray,
    circuit: Record,
    grip: float,
    seconds: float,
) -> None:
    """Choose accelerations and lanes of the others, once per decision of the driver.

    Args:
        others: (K,) records of ``OTHER``, changed in place.
        count: How many of them are in use.
        car: The driver's car, one record of ``parameters.CAR``.
        car_length: Its length, in metres.
        car_width: Its width, in metres.
        line: (n, 8) packed centre line.
        circuit: Its record of ``CIRCUIT``.
        grip: Of the road; 1 when dry.
        seconds: Time since the last decision.
    """
    if count == 0:
        return
    size = np.empty(2)
    size[0], size[1] = car_length, car_width
    vehicles = _working_copy(others, count, car, size, line, circuit, grip)
    # Insertion sort: the rows are nearly in the order of their stations.
    order = np.arange(count + 1)
    for k in range(1, count + 1):
        moving = order[k]
        at = k
        while at > 0 and vehicles[order[at - 1], STATION] > vehicles[moving, STATION]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = moving
    for rank in range(count + 1):
        i = order[rank]
        if i == count and car.speed < MERGING_SPEED:
            leader, gap = neighbour(vehicles, order, rank, True, car.offset, circuit.length, False)
            middle = 0.5 * (line[car.index, LEFT] - line[car.index, RIGHT])
            lane = 1 if leader >= 0 and vehicles[leader, OFFSET] < middle else 0
            there = lane_middle(line, car.index, lane)
            follower, behind = neighbour(vehicles, order, rank, False, there, circuit.length, False)
            ask_to_yield(vehicles, i, leader, gap, follower, behind)
        if i == count or others[i].kind != CAR or others[i].active == 0:
            continue
        other = others[i]
        other.lane_time += seconds
        if other.lane_time > PATIENCE and abs(other.offset - vehicles[i, TARGET]) < 0.5:
            there = lane_middle(line, other.index, 1 - other.lane)
            if accepts_lane_change(vehicles, order, rank, there, other.politeness, circuit.length, grip):
                other.lane = 1 - other.lane
                other.lane_time = 0.0
                vehicles[i, TARGET] = there
    for rank in range(count + 1):
        i = order[rank]
        if i == count or others[i].kind != CAR or others[i].active == 0:
            continue
        other = others[i]
        other.held = is_blocked(vehicles, order, rank, circuit.length)
        # IDM reduces excess speed too slowly for a curve.
        acceleration = min(ACCELERATION, (vehicles[i, FREE] - other.speed) / CURVE_TIME)
        acceleration = max(acceleration, -EMERGENCY_GRIP * GRIP * grip)
        leader, gap = neighbour(vehicles, order, rank, True, vehicles[i, TARGET], circuit.length, True)
        acceleration = min(acceleration, approaching(vehicles, i, leader, gap, grip))
        leader, gap = neighbour(vehicles, order, rank, True, vehicles[i, OFFSET], circuit.length, True)
        leaving = approaching(vehicles, i, leader, gap, grip)
        if leader >= 0 and other.held == 0:  # it moves out of the leader's way
            leaving = max(leaving, (leaving_speed(vehicles, i, leader, gap) - other.speed) / CURVE_TIME)
        acceleration = min(acceleration, leaving)
        merger = int(vehicles[i, MERGER])
        if merger >= 0:
            yielding = following(vehicles, i, merger, vehicles[i, MERGER_GAP], grip)
            acceleration = min(acceleration, max(yielding, -YIELDING, (CREEPING - other.speed) / CURVE_TIME))
        other.acceleration = acceleration


@kernel
def move_others(others: np.ndarray, count: int, line: np.ndarray, circuit: Record, seconds: float) -> None:
    """Move the others on by one physics step.

    Args:
        others: (K,) records of ``OTHER``, changed in place.
        count: How many of them are in use.
        line: (n, 8) packed centre line.
        circuit: Its record of ``CIRCUIT``.
        seconds: Length of the step.
    """
    for i in range(count):
        other = others[i]
        if other.kind != CAR or other.active == 0:
            continue
        before = other.speed
        other.speed = max(0.0, before + other.acceleration * seconds)
        stretch = max(0.2, 1.0 - line[other.index, CURVATURE] * other.offset)
        other.station += 0.5 * (before + other.speed) * seconds / stretch
        if other.station >= circuit.length:
            other.station -= circuit.length
        wanted = 0.0 if other.held != 0 else lane_middle(line, other.index, other.lane) - other.offset
        pull = (wanted / LATERAL_TIME - 2.0 * other.lateral_speed) / LATERAL_TIME
        most = min(LATERAL_SPEED, CRAWL + LATERAL_SHARE * other.speed)
        other.lateral_speed = min(most, max(-most, other.lateral_speed + pull * seconds))
        other.offset += other.lateral_speed * seconds
        put_on_road(other, line, circuit)


@kernel
def put_on_road(other: Record, line: np.ndarray, circuit: Record) -> None:
    """Compute index, position and heading of one of the others from its station and offset."""
    place = other.station / circuit.step
    i = min(int(place), circuit.samples - 1)
    j = i + 1 if i + 1 < circuit.samples else 0
    f = min(1.0, place - i)
    tx = (1.0 - f) * line[i, TX] + f * line[j, TX]
    ty = (1.0 - f) * line[i, TY] + f * line[j, TY]
    norm = np.sqrt(tx * tx + ty * ty)
    other.index = i
    other.x = (1.0 - f) * line[i, X] + f * line[j, X] - other.offset * ty / norm
    other.y = (1.0 - f) * line[i, Y] + f * line[j, Y] + other.offset * tx / norm
    other.heading = np.arctan2(ty, tx) + np.arctan2(other.lateral_speed, max(4.0, other.speed))
