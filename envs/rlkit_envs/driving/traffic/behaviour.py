"""Other road users: moving cars, stopped cars and cones.

Cars keep their distance by the Intelligent Driver Model (Treiber, Hennecke, Helbing 2000) and change between two lanes
by MOBIL (Kesting, Treiber, Helbing 2007). Their state is a station along the
circuit and an offset; each lane is half of the road. They slow down for curves, and treat the driver's car like any
other. Nothing here draws random numbers.
"""

import numpy as np

from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.road.circuit import CURVATURE, LEFT, RIGHT, TX, TY, X, Y

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

# IDM. Treiber's values for motorways are 0.73 m/s² and 1.6 s; these are for country roads.
ACCELERATION = 2.0  # m/s²
COMFORTABLE_BRAKING = 2.5  # m/s²
TIME_GAP = 1.2  # s
STANDING_GAP = 2.0  # m, bumper to bumper
EXPONENT = 4

# MOBIL.
THRESHOLD = 0.2  # m/s² that a change has to gain
SAFE_BRAKING = 3.0  # m/s² that a change may ask of the car behind
PATIENCE = 4.0  # s between two changes of a car

CURVE_TIME = 0.5  # s, time constant of slowing down for curves
CURVE_GRIP = 0.4  # share of the grip to use in curves
EMERGENCY_GRIP = 0.9  # share of the grip to use for braking
GRIP = 9.5  # m/s² that tyres hold on a dry road
HORIZON = 120.0  # m within which cars react to each other
SIDE_MARGIN = 0.3  # m between two cars that pass each other
ANTICIPATION = 0.5  # s of prediction of the driver's lateral motion
LATERAL_TIME = 0.8  # s, time constant of the (critically damped) motion to the middle of a lane
LATERAL_SPEED = 1.5  # m/s at most
CRAWL = 0.3  # m/s sideways even at rest, so that a queue behind an obstacle gets past it

# Columns of the working copy that a decision is based on; its last row is the driver's car.
_STATION, _OFFSET, _TARGET, _SPEED, _LENGTH, _WIDTH, _FREE = range(7)
_CURVE_POINTS = 24


@kernel
def lane_middle(line: np.ndarray, index: int, lane: int) -> float:
    """Offset (m) of the middle of a lane, 0 being the right half of the road and 1 the left."""
    left, right = line[index, LEFT], line[index, RIGHT]
    return float(0.5 * (left - right) + (0.5 * lane - 0.25) * (left + right))


@kernel
def idm_acceleration(speed: float, free_speed: float, gap: float, leader_speed: float, grip: float) -> float:
    """Acceleration (m/s²) by the Intelligent Driver Model.

    Args:
        speed: Own speed, in m/s.
        free_speed: Desired speed without a leader, in m/s.
        gap: Metres from the front bumper to the leader's rear bumper; infinity without a leader.
        leader_speed: In m/s.
        grip: Of the road; 1 when dry.
    """
    wanted = STANDING_GAP + max(
        0.0,
        speed * TIME_GAP + speed * (speed - leader_speed) / (2.0 * np.sqrt(ACCELERATION * COMFORTABLE_BRAKING)),
    )
    free = (speed / max(0.1, free_speed)) ** EXPONENT
    interaction = (wanted / max(0.1, gap)) ** 2
    return float(max(-EMERGENCY_GRIP * GRIP * grip, ACCELERATION * (1.0 - free - interaction)))


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
def _in_the_way(vehicles: np.ndarray, i: int, j: int, offset: float) -> bool:
    """Whether vehicle i at an offset would touch j at its present or its target offset."""
    clearance = 0.5 * (vehicles[i, _WIDTH] + vehicles[j, _WIDTH]) + SIDE_MARGIN
    return bool(abs(vehicles[j, _OFFSET] - offset) < clearance or abs(vehicles[j, _TARGET] - offset) < clearance)


@kernel
def _neighbour(
    vehicles: np.ndarray, order: np.ndarray, rank: int, ahead: bool, offset: float, length: float, free_beside: bool
) -> tuple[int, float]:
    """The next vehicle in the way at an offset, ahead or behind, and the gap (m) between the bumpers; -1 for none.

    With ``free_beside``, vehicles alongside without contact are left out.
    """
    count = len(order)
    i = order[rank]
    for k in range(1, count):
        at = rank + k if ahead else rank - k
        j = order[at - count if at >= count else at]  # negative indices count from the end
        distance = vehicles[j, _STATION] - vehicles[i, _STATION]
        if not ahead:
            distance = -distance
        if distance < 0.0:
            distance += length
        if distance > HORIZON:
            break
        if _in_the_way(vehicles, i, j, offset):
            gap = distance - 0.5 * (vehicles[i, _LENGTH] + vehicles[j, _LENGTH])
            aside = abs(vehicles[j, _OFFSET] - vehicles[i, _OFFSET])
            if free_beside and gap < 0.0 and aside > 0.5 * (vehicles[i, _WIDTH] + vehicles[j, _WIDTH]) + 0.1:
                continue
            return int(j), float(gap)
    return -1, np.inf


@kernel
def _is_blocked(vehicles: np.ndarray, order: np.ndarray, rank: int, length: float) -> int:
    """1 if a car would touch a vehicle alongside on its way to the middle of its lane, else 0."""
    count = len(order)
    i = order[rank]
    way = vehicles[i, _TARGET] - vehicles[i, _OFFSET]
    for step in (1, -1):
        for k in range(1, count):
            at = rank + step * k
            j = order[at - count if at >= count else at]
            distance = step * (vehicles[j, _STATION] - vehicles[i, _STATION])
            if distance < 0.0:
                distance += length
            if distance > 0.5 * (vehicles[i, _LENGTH] + vehicles[j, _LENGTH]) + 1.0:
                break
            aside = vehicles[j, _OFFSET] - vehicles[i, _OFFSET]
            clearance = 0.5 * (vehicles[i, _WIDTH] + vehicles[j, _WIDTH]) + SIDE_MARGIN
            if aside * way > 0.0 and abs(aside) < clearance + abs(way):
                return 1
    return 0


@kernel
def _following(vehicles: np.ndarray, i: int, j: int, gap: float, grip: float) -> float:
    """Acceleration (m/s²) of vehicle i behind vehicle j, which may be -1."""
    leader_speed = vehicles[j, _SPEED] if j >= 0 else 0.0
    return float(idm_acceleration(vehicles[i, _SPEED], vehicles[i, _FREE], gap, leader_speed, grip))


@kernel
def _accepts_lane_change(
    vehicles: np.ndarray, order: np.ndarray, rank: int, there: float, politeness: float, length: float, grip: float
) -> bool:
    """Whether MOBIL accepts a change to the lane whose middle is at the offset ``there``."""
    i = order[rank]
    leader, gap = _neighbour(vehicles, order, rank, True, vehicles[i, _TARGET], length, False)
    if leader < 0:
        return False  # no gain
    new_leader, new_gap = _neighbour(vehicles, order, rank, True, there, length, False)
    new_follower, behind = _neighbour(vehicles, order, rank, False, there, length, False)
    if new_gap < STANDING_GAP or behind < STANDING_GAP:
        return False
    now = _following(vehicles, i, leader, gap, grip)
    gain = _following(vehicles, i, new_leader, new_gap, grip) - now
    if new_follower >= 0:
        after = _following(vehicles, new_follower, i, behind, grip)
        if after < -SAFE_BRAKING:
            return False
        opening = behind + new_gap + vehicles[i, _LENGTH]
        gain += politeness * (after - _following(vehicles, new_follower, new_leader, opening, grip))
    follower, behind = _neighbour(vehicles, order, rank, False, vehicles[i, _TARGET], length, False)
    if follower >= 0:
        opening = behind + gap + vehicles[i, _LENGTH]
        before = _following(vehicles, follower, i, behind, grip)
        gain += politeness * (_following(vehicles, follower, leader, opening, grip) - before)
    return bool(gain > THRESHOLD)


@kernel
def _working_copy(
    others: np.ndarray, count: int, car: Record, size: np.ndarray, line: np.ndarray, circuit: Record, grip: float
) -> np.ndarray:
    """(M, 7) columns of the others, and the driver's car in the last row."""
    vehicles = np.empty((count + 1, 7))
    for i in range(count):
        other = others[i]
        vehicles[i, _STATION] = other.station
        vehicles[i, _OFFSET] = other.offset
        vehicles[i, _TARGET] = other.offset
        vehicles[i, _SPEED] = other.speed
        vehicles[i, _LENGTH] = other.length
        vehicles[i, _WIDTH] = other.width
        vehicles[i, _FREE] = 0.0
        if other.active == 0:
            vehicles[i, _OFFSET] = vehicles[i, _TARGET] = 1e6  # inactive: out of the way
        elif other.kind == CAR:
            vehicles[i, _TARGET] = lane_middle(line, other.index, other.lane)
            limit = curve_speed(other.speed, other.offset, other.index, line, circuit, grip)
            vehicles[i, _FREE] = min(other.desired_speed, limit)
    tx, ty = line[car.index, TX], line[car.index, TY]
    cosine = np.cos(car.heading) * tx + np.sin(car.heading) * ty
    sine = np.sin(car.heading) * tx - np.cos(car.heading) * ty
    along = car.speed * cosine - car.lateral_velocity * sine
    aside = car.speed * sine + car.lateral_velocity * cosine
    vehicles[count, _STATION] = car.station
    vehicles[count, _OFFSET] = car.offset
    vehicles[count, _TARGET] = car.offset + ANTICIPATION * aside
    vehicles[count, _SPEED] = along
    vehicles[count, _LENGTH] = size[0]
    vehicles[count, _WIDTH] = size[1]
    vehicles[count, _FREE] = max(1.0, along)  # the driver's desired speed is unknown: its present one
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
        while at > 0 and vehicles[order[at - 1], _STATION] > vehicles[moving, _STATION]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = moving
    for rank in range(count + 1):
        i = order[rank]
        if i == count or others[i].kind != CAR or others[i].active == 0:
            continue
        other = others[i]
        other.lane_time += seconds
        if other.lane_time > PATIENCE and abs(other.offset - vehicles[i, _TARGET]) < 0.5:
            there = lane_middle(line, other.index, 1 - other.lane)
            if _accepts_lane_change(vehicles, order, rank, there, other.politeness, circuit.length, grip):
                other.lane = 1 - other.lane
                other.lane_time = 0.0
                vehicles[i, _TARGET] = there
        other.held = _is_blocked(vehicles, order, rank, circuit.length)
        # IDM reduces excess speed too slowly for a curve.
        acceleration = min(ACCELERATION, (vehicles[i, _FREE] - other.speed) / CURVE_TIME)
        acceleration = max(acceleration, -EMERGENCY_GRIP * GRIP * grip)
        for offset in (vehicles[i, _TARGET], vehicles[i, _OFFSET]):  # also in the lane that it is leaving
            leader, gap = _neighbour(vehicles, order, rank, True, offset, circuit.length, True)
            acceleration = min(acceleration, _following(vehicles, i, leader, gap, grip))
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
        most = min(LATERAL_SPEED, CRAWL + 0.25 * other.speed)
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
