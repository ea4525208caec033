"""How the scripted driver avoids other road users: on which side it passes them, and at what speed."""

import numpy as np

from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.road.circuit import CURVATURE, LEFT, RIGHT, TX, TY
from rlkit_envs.driving.traffic.behaviour import CAR
from rlkit_envs.driving.traffic.collisions import box_overlap

BRAKING = 4.0  # m/s², planned deceleration on a dry road
FOLLOWING_GAP = 4.0  # m, bumper to bumper
STANDING_GAP = 8.0  # m to a vehicle at rest, enough to steer around it
FOLLOWING_TIME = 0.6  # s, time gap in addition
PASSING_ROOM = 1.1  # m of lateral clearance while passing
BORDER_ROOM = 0.5  # m to the border
PASSING_SPEED = 5.0  # m/s, largest difference of speed while overtaking
OBSTACLE_SPEED = 16.0  # m/s, largest speed while passing an obstacle
CREEPING = 1.5  # m/s while steering around something that it has stopped behind
STOP = -1.0  # m/s, speed limit that makes the car brake to a stop
SIDE_PACE = 1.0  # m/s, planned lateral speed
LOOK_AHEAD = 4.0  # s
SHORTEST_LOOK = 25.0  # m
STRAIGHT = 1.0 / 60.0  # 1/m, largest curvature at which moving cars are overtaken
SPACING = 4.0  # m, smallest gap between two others in which the car can change sides
PULLING_AWAY = 2.0  # m/s faster, from which a car ahead is followed rather than passed
WAITING = 0.5  # m/s, below which a car alongside counts as waiting
WAITING_ROOM = 0.3  # m of lateral clearance to a waiting car
LANE_CHANGE = 0.5  # m/s, lateral speed from which another car is passed only on the side that it leaves
OVERTAKEN = 1.5  # s before a faster car is alongside, from which its side of the road is left free
FALLING_BACK = 4.0  # 1/s, reduction of speed per metre of missing lateral clearance
FORESIGHT = 0.4  # s of prediction of its own lateral motion
CORRECTED = 15.0  # m, distance within which errors of the path are corrected
DECIDED = 6.0  # m, distance within which the side is not changed any more
ALARM_ROOM = 0.4  # m, smallest lateral clearance, both sides together
BESIDE = 1.0  # m, bumper to bumper, within which another car counts as alongside


@kernel
def yield_to(
    car: Record,
    car_length: float,
    car_width: float,
    wanted: float,
    reach: float,
    others: np.ndarray,
    count: int,
    line: np.ndarray,
    circuit: Record,
    grip: float,
) -> tuple[float, float]:
    """Lateral target and speed limit that avoid collisions.

    Each of the others within the horizon blocks a strip of the road. The driver passes on the side that is closer to
    the wanted line, or on its present side at short distance. It follows vehicles that leave no room, and overtakes
    moving cars on straights only. Cars that pull away block nothing.

    Args:
        car: One record of ``parameters.CAR``.
        car_length: In metres.
        car_width: In metres.
        wanted: Offset (m to the left of the centre line) of the wanted line at the target point.
        reach: Distance to the target point, in metres.
        others: (K,) records of ``traffic.OTHER``.
        count: How many of them are in use.
        line: (n, 8) packed centre line.
        circuit: Its record of ``CIRCUIT``.
        grip: Of the road; 1 when dry.

    Returns:
        The target offset in metres, and the speed limit in m/s: infinity if there is no limit, negative to stop.
    """
    tx, ty = line[car.index, TX], line[car.index, TY]
    cosine = np.cos(car.heading) * tx + np.sin(car.heading) * ty
    sine = np.sin(car.heading) * tx - np.cos(car.heading) * ty
    along = car.speed * cosine - car.lateral_velocity * sine
    aside = car.speed * sine + car.lateral_velocity * cosine
    at = (car.index + int(reach / circuit.step)) % circuit.samples
    room = 0.5 * car_width + BORDER_ROOM
    lowest, highest = room - line[at, RIGHT], line[at, LEFT] - room
    low, high = lowest, highest
    moving_low, moving_high = lowest, highest  # free of moving cars
    firm_low, firm_high = lowest, highest  # free of vehicles that will be alongside
    aim = wanted
    alone = True
    limit = np.inf
    horizon = max(SHORTEST_LOOK, LOOK_AHEAD * along)
    last = -np.inf
    cleared = 0.0
    while True:
        k, distance = _next_ahead(car, car_length, car_width, others, count, circuit, last)
        if k < 0 or distance > horizon:
            return float(min(firm_high, max(firm_low, aim))), float(limit)
        last = distance
        other = others[k]
        if distance > 0.0 and _will_touch(car, car_length, car_width, other, line):
            limit = STOP
        gap = distance - 0.5 * (car_length + other.length)
        if distance > cleared:  # obstacles that will have been passed no longer block
            low, high = moving_low, moving_high
        cleared = max(cleared, distance + 0.5 * (car_length + other.length) + SPACING)
        if other.kind == CAR and gap >= BESIDE and other.speed > along + PULLING_AWAY:
            limit = min(limit, _following_speed(gap, other.speed, grip))
            continue
        side = _side_to_pass(car, car_width, other, distance, gap, aim, low, high, line, circuit)
        if side == 0:
            limit = min(limit, _following_speed(gap, other.speed, grip))
            continue
        # Edge of the blocked strip; and the distance by which the car, now and soon, is short of clearing it.
        edge = other.offset + side * (0.5 * (car_width + other.width) + PASSING_ROOM)
        edge += side * max(0.0, side * other.lateral_speed)
        missing = side * (edge - car.offset)
        if gap < BESIDE and other.kind == CAR and other.speed < WAITING:
            edge -= side * (PASSING_ROOM - WAITING_ROOM)
        late = side * (edge - car.offset - FORESIGHT * aside)
        correction = max(0.0, late) * min(1.0, max(0.0, 1.0 - gap / CORRECTED))
        firm = min(highest, max(lowest, edge + side * correction))
        if side > 0:
            low = max(low, edge)
            moving_low = low if other.kind == CAR else moving_low
            firm_low = max(firm_low, firm) if gap < reach else firm_low
        else:
            high = min(high, edge)
            moving_high = high if other.kind == CAR else moving_high
            firm_high = min(firm_high, firm) if gap < reach else firm_high
        required = side * max(side * aim, side * edge)
        share = min(1.0, reach / max(reach, 0.6 * gap))  # the further ahead, the wider the arc
        start = car.offset if alone and missing > 0.5 else aim
        aim = start + (required - start) * share + side * correction
        alone = False
        pace = other.speed + (PASSING_SPEED if other.kind == CAR else OBSTACLE_SPEED)
        if gap < BESIDE:
            ahead = missing > PASSING_ROOM  # not alongside
            squeezed = side * edge - (highest if side > 0 else -lowest)  # the road ahead is too narrow for two
            missing = max(missing, squeezed) if other.kind == CAR else missing
            if distance > 0.0 and ahead:
                pace = STOP
            elif missing > 0.5 and distance > -0.5 * (car_length + other.length):  # too close, and not behind
                pace = max(CREEPING, other.speed - FALLING_BACK * missing)
            limit = min(limit, pace)
            continue
        passing = _braking_speed(gap - 2.0, pace, grip)
        if missing > 0.5:
            in_time = other.speed + max(0.0, gap - 2.0) * SIDE_PACE / (missing - 0.5)
            slow = min(in_time, _braking_speed(gap - 2.0, other.speed, grip))
            passing = min(passing, max(slow, _following_speed(gap, other.speed, grip), CREEPING))
        limit = min(limit, passing)


@kernel
def _side_to_pass(
    car: Record,
    car_width: float,
    other: Record,
    distance: float,
    gap: float,
    aim: float,
    low: float,
    high: float,
    line: np.ndarray,
    circuit: Record,
) -> int:
    """1 to pass on the left, -1 on the right, 0 to stay behind."""
    if gap < BESIDE:
        return 1 if car.offset > other.offset else -1
    if other.kind == CAR:
        stretch = 10.0 + distance + other.speed * (distance + 10.0) / PASSING_SPEED
        if not _is_straight(car.index, min(stretch, 120.0), line, circuit):
            return 0
    room = 0.5 * car_width + BORDER_ROOM
    clearance = 0.5 * (car_width + other.width) + PASSING_ROOM
    right_edge = other.offset - clearance + min(0.0, other.lateral_speed)
    left_edge = other.offset + clearance + max(0.0, other.lateral_speed)
    to_left = left_edge <= min(high, line[other.index, LEFT] - room)
    to_right = right_edge >= max(low, room - line[other.index, RIGHT])
    if other.kind == CAR:
        to_left = to_left and other.lateral_speed < LANE_CHANGE
        to_right = to_right and other.lateral_speed > -LANE_CHANGE
    left_first = max(0.0, left_edge - aim) < max(0.0, aim - right_edge)
    if gap < DECIDED:
        left_first = car.offset > other.offset
    if to_left and (left_first or not to_right):
        return 1
    return -1 if to_right else 0


@kernel
def _braking_speed(gap: float, speed: float, grip: float) -> float:
    """Speed (m/s) from which braking over ``gap`` metres leads to ``speed``."""
    return float(np.sqrt(speed * speed + 2.0 * BRAKING * grip * max(0.0, gap)))


@kernel
def _following_speed(gap: float, speed: float, grip: float) -> float:
    """Speed (m/s) from which the car can brake to follow a vehicle at ``speed``, ``gap`` metres ahead."""
    room = gap - max(FOLLOWING_GAP, STANDING_GAP - speed) - FOLLOWING_TIME * speed
    if room < 0.0:  # too close
        return float(max(STOP, speed + 0.5 * room))
    return float(_braking_speed(room, speed, grip))


@kernel
def _will_touch(car: Record, car_length: float, car_width: float, other: Record, line: np.ndarray) -> bool:
    """Whether a car with constant speed and yaw rate touches another one before it could brake."""
    closing = max(0.0, car.speed - other.speed * np.cos(car.heading - other.heading))
    seconds = 0.3 + closing / (2.0 * BRAKING)
    room = ALARM_ROOM * min(1.0, car.speed / 4.0)  # less at low speed
    curvature = line[other.index, CURVATURE]
    other_turn = other.speed * curvature / max(0.2, 1.0 - curvature * other.offset)
    for k in range(1, 7):
        t = seconds * k / 6
        course = car.heading + 0.5 * t * car.yaw_rate
        other_course = other.heading + 0.5 * t * other_turn
        depth, _, _ = box_overlap(
            car.x + car.speed * t * np.cos(course) - other.speed * t * np.cos(other_course) - other.x,
            car.y + car.speed * t * np.sin(course) - other.speed * t * np.sin(other_course) - other.y,
            car.heading + t * car.yaw_rate,
            car_length,
            car_width + room,
            other.heading + t * other_turn,
            other.length,
            other.width,
        )
        if depth > 0.0:
            return True
    return False


@kernel
def _is_straight(index: int, distance: float, line: np.ndarray, circuit: Record) -> bool:
    """Whether the curvature is small over a distance from a sample on."""
    i = index
    for _ in range(int(distance / circuit.step) + 1):
        if abs(line[i, CURVATURE]) > STRAIGHT:
            return False
        i = i + 1 if i + 1 < circuit.samples else 0
    return True


@kernel
def _next_ahead(
    car: Record, car_length: float, car_width: float, others: np.ndarray, count: int, circuit: Record, last: float
) -> tuple[int, float]:
    """The nearest of the others further ahead than ``last`` metres, or coming alongside; -1 for none."""
    chosen, nearest = -1, np.inf
    for k in range(count):
        other = others[k]
        if other.active == 0:
            continue
        distance = other.station - car.station
        if distance > 0.5 * circuit.length:
            distance -= circuit.length
        elif distance < -0.5 * circuit.length:
            distance += circuit.length
        behind = -0.5 * (car_length + other.length) - BESIDE
        if abs(other.offset - car.offset) > 0.5 * (car_width + other.width):
            behind -= max(0.0, other.speed - car.speed) * OVERTAKEN
        if last < distance < nearest and distance > behind:
            chosen, nearest = k, distance
    return chosen, nearest
