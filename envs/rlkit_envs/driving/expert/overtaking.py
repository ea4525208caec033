"""How the scripted driver minds other road users: which side it passes them on, and how fast it may go meanwhile."""

import numpy as np

from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.road.circuit import CURVATURE, LEFT, RIGHT, TX, TY
from rlkit_envs.driving.traffic.behaviour import CAR
from rlkit_envs.driving.traffic.collisions import box_overlap

BRAKING = 4.0  # m/s² that the driver counts on when it comes up behind somebody, on a dry road
FOLLOWING_GAP = 4.0  # m that it keeps, bumper to bumper
STANDING_GAP = 8.0  # m to who stands, enough to swerve around it
FOLLOWING_TIME = 0.6  # s of the other's speed that it keeps on top
PASSING_ROOM = 1.1  # m of air to the side while it passes
BORDER_ROOM = 0.5  # m to the border
PASSING_SPEED = 5.0  # m/s by which it overtakes at most
OBSTACLE_SPEED = 16.0  # m/s at which it passes what stands still
CREEPING = 1.5  # m/s at which it works its way around something that it has stopped behind
STOP = -1.0  # m/s, a limit for stopping: so far below any speed that the brakes are used to the end
SIDE_PACE = 1.0  # m/s sideways that it counts on
LOOK_AHEAD = 4.0  # s
SHORTEST_LOOK = 25.0  # m
STRAIGHT = 1.0 / 60.0  # 1/m; a moving car is overtaken only where the road bends less than this
SPACING = 4.0  # m between two others from which on the car can change sides between them
OVERTAKEN = 1.5  # s before a faster car comes up beside it, from which on it leaves that one its side of the road
FALLING_BACK = 4.0  # 1/s, how fast it falls back from somebody beside it who is too near, per metre of that
FORESIGHT = 0.4  # s of its own sideways motion that it reckons with
CORRECTED = 15.0  # m from somebody within which it steers against an error of its path
DECIDED = 6.0  # m from somebody within which it stays on its side
ALARM_ROOM = 0.4  # m of air, both sides together, that it never gives up
BESIDE = 1.0  # m ahead or behind, bumper to bumper, within which somebody counts as beside the car


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
    """Where on the road to aim, and how fast to go at most, so that nobody is hit.

    Each of the others that will be met within some seconds closes a strip of the road. The driver keeps to the side of
    it that is nearer to the wanted line, or to where the car is already when they are close, and gets there in time. It
    follows whoever leaves no room, and overtakes moving cars on straights only.

    Args:
        car: One record of ``parameters.CAR``.
        car_length: In metres.
        car_width: In metres.
        wanted: Offset (m to the left of the centre line) of the line that the driver wants, at the point aimed at.
        reach: Metres ahead of the car to that point.
        others: (K,) records of ``traffic.OTHER``.
        count: How many of them are in use.
        line: (n, 8) packed centre line.
        circuit: Its record of ``CIRCUIT``.
        grip: Of the road; 1 when dry.

    Returns:
        The offset to aim at, in metres, and the speed not to exceed, in m/s: infinity where nobody is near,
        negative where the car has to stop.
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
    moving_low, moving_high = lowest, highest  # What cars that drive along leave of the road
    firm_low, firm_high = lowest, highest  # What those who are beside the car by then leave of the road
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
        if distance > cleared:  # An obstacle that the car has passed by then closes nothing
            low, high = moving_low, moving_high
        cleared = max(cleared, distance + 0.5 * (car_length + other.length) + SPACING)
        side = _side_to_pass(car, car_width, other, distance, gap, aim, low, high, line, circuit)
        if side == 0:
            limit = min(limit, _following_speed(gap, other.speed, grip))
            continue
        # The strip that is closed ends here; and how far the car is, and soon will be, from being clear of it.
        edge = other.offset + side * (0.5 * (car_width + other.width) + PASSING_ROOM)
        edge += side * max(0.0, side * other.lateral_speed)
        missing = side * (edge - car.offset)
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
        share = min(1.0, reach / max(reach, 0.6 * gap))  # Who is far ahead is passed in a wide arc
        start = car.offset if alone and missing > 0.5 else aim
        aim = start + (required - start) * share + side * correction
        alone = False
        pace = other.speed + (PASSING_SPEED if other.kind == CAR else OBSTACLE_SPEED)
        if gap < BESIDE:
            ahead = missing > PASSING_ROOM  # after all, not beside the car
            squeezed = side * edge - (highest if side > 0 else -lowest)  # Where the road ahead is too narrow for two
            missing = max(missing, squeezed) if other.kind == CAR else missing
            if distance > 0.0 and ahead:
                pace = STOP
            elif missing > 0.5:  # Too near
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
    """1 to pass somebody on the left, -1 on the right, 0 to stay behind."""
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
    left_first = max(0.0, left_edge - aim) < max(0.0, aim - right_edge)
    if gap < DECIDED:
        left_first = car.offset > other.offset
    if to_left and (left_first or not to_right):
        return 1
    return -1 if to_right else 0


@kernel
def _braking_speed(gap: float, speed: float, grip: float) -> float:
    """Speed (m/s) from which braking for ``gap`` metres leads to ``speed``."""
    return float(np.sqrt(speed * speed + 2.0 * BRAKING * grip * max(0.0, gap)))


@kernel
def _following_speed(gap: float, speed: float, grip: float) -> float:
    """Speed (m/s) from which braking leads to following somebody who drives at ``speed``, ``gap`` metres ahead."""
    room = gap - max(FOLLOWING_GAP, STANDING_GAP - speed) - FOLLOWING_TIME * speed
    if room < 0.0:  # Too near: fall back
        return float(max(STOP, speed + 0.5 * room))
    return float(_braking_speed(room, speed, grip))


@kernel
def _will_touch(car: Record, car_length: float, car_width: float, other: Record, line: np.ndarray) -> bool:
    """Whether a car that goes on as it does touches another one before it could brake."""
    closing = max(0.0, car.speed - other.speed * np.cos(car.heading - other.heading))
    seconds = 0.3 + closing / (2.0 * BRAKING)
    room = ALARM_ROOM * min(1.0, car.speed / 4.0)  # Less for who creeps by
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
    """Whether the road bends but little for some metres from a sample on."""
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
    """The nearest of the others that is further ahead than ``last`` metres, or comes up beside the car; -1 for none."""
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
