"""Car following and lane changes: the Intelligent Driver Model, MOBIL, and zipper merging at obstacles.

The functions work on copies of the vehicles' states, one row each, in the order of ``order`` along the circuit.
"""

import numpy as np

from rlkit_envs.driving.jit import kernel

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

# Zipper merging at obstacles.
MERGING = 20.0  # m to an obstacle within which a vehicle is let into the free lane
MERGING_ACCELERATION = 0.5  # m/s², below which the obstacle is what holds the vehicle back
MERGING_SPEED = 3.0  # m/s, below which the driver's car is let in
YIELDING = 2.0  # m/s², braking to let a vehicle in
CREEPING = 0.5  # m/s, speed down to which it brakes

EMERGENCY_GRIP = 0.9  # share of the grip to use for braking
GRIP = 9.5  # m/s² that tyres hold on a dry road
HORIZON = 120.0  # m within which cars react to each other
SIDE_MARGIN = 0.3  # m between two cars that pass each other
LATERAL_SPEED = 1.5  # m/s at most
LATERAL_SHARE = 0.5  # of the speed along the road, at low speed
CRAWL = 0.3  # m/s sideways even at rest, so that a queue behind an obstacle gets past it
OBSTACLE_GAP = 1.0  # m in addition to the gap, behind obstacles
LEAVING_GAP = 1.0  # m to the leader that a car keeps while it moves out of its way

# Columns of the working copy that a decision is based on; its last row is the driver's car.
STATION, OFFSET, TARGET, SPEED, LENGTH, WIDTH, FREE, MERGER, MERGER_GAP = range(9)


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
def _in_the_way(vehicles: np.ndarray, i: int, j: int, offset: float) -> bool:
    """Whether vehicle i at an offset would touch j at its present or its target offset."""
    clearance = 0.5 * (vehicles[i, WIDTH] + vehicles[j, WIDTH]) + SIDE_MARGIN
    return bool(abs(vehicles[j, OFFSET] - offset) < clearance or abs(vehicles[j, TARGET] - offset) < clearance)


@kernel
def neighbour(
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
        distance = vehicles[j, STATION] - vehicles[i, STATION]
        if not ahead:
            distance = -distance
        if distance < 0.0:
            distance += length
        if distance > HORIZON:
            break
        if _in_the_way(vehicles, i, j, offset):
            gap = distance - 0.5 * (vehicles[i, LENGTH] + vehicles[j, LENGTH])
            aside = abs(vehicles[j, OFFSET] - vehicles[i, OFFSET])
            if free_beside and gap < 0.0 and aside > 0.5 * (vehicles[i, WIDTH] + vehicles[j, WIDTH]) + 0.1:
                continue
            return int(j), float(gap)
    return -1, np.inf


@kernel
def is_blocked(vehicles: np.ndarray, order: np.ndarray, rank: int, length: float) -> int:
    """1 if a car would touch a vehicle alongside on its way to the middle of its lane, else 0."""
    count = len(order)
    i = order[rank]
    way = vehicles[i, TARGET] - vehicles[i, OFFSET]
    for step in (1, -1):
        for k in range(1, count):
            at = rank + step * k
            j = order[at - count if at >= count else at]
            distance = step * (vehicles[j, STATION] - vehicles[i, STATION])
            if distance < 0.0:
                distance += length
            if distance > 0.5 * (vehicles[i, LENGTH] + vehicles[j, LENGTH]) + 1.0:
                break
            aside = vehicles[j, OFFSET] - vehicles[i, OFFSET]
            clearance = 0.5 * (vehicles[i, WIDTH] + vehicles[j, WIDTH]) + SIDE_MARGIN
            if aside * way > 0.0 and abs(aside) < clearance + abs(way):
                return 1
    return 0


@kernel
def following(vehicles: np.ndarray, i: int, j: int, gap: float, grip: float) -> float:
    """Acceleration (m/s²) of vehicle i behind vehicle j, which may be -1."""
    leader_speed = vehicles[j, SPEED] if j >= 0 else 0.0
    return float(idm_acceleration(vehicles[i, SPEED], vehicles[i, FREE], gap, leader_speed, grip))


@kernel
def approaching(vehicles: np.ndarray, i: int, j: int, gap: float, grip: float) -> float:
    """As ``following``, but with a larger gap to obstacles, so that there is room to steer around them."""
    if j >= 0 and vehicles[j, FREE] == 0.0:
        gap -= OBSTACLE_GAP
    return float(following(vehicles, i, j, gap, grip))


@kernel
def leaving_speed(vehicles: np.ndarray, i: int, j: int, gap: float) -> float:
    """Speed (m/s) at which vehicle i is out of j's way, on its way to its target, before it reaches j; 0 for never."""
    clearance = 0.5 * (vehicles[i, WIDTH] + vehicles[j, WIDTH]) + SIDE_MARGIN
    target = vehicles[i, TARGET]
    then = abs(target - vehicles[j, OFFSET])
    now = abs(vehicles[i, OFFSET] - vehicles[j, OFFSET])
    if then < max(now, clearance) or abs(target - vehicles[j, TARGET]) < clearance:
        return 0.0
    missing = clearance - now
    space = max(0.0, gap - LEAVING_GAP)
    speed = LATERAL_SPEED * space / max(0.1, missing)
    if missing > LATERAL_SHARE * space:
        speed = min(speed, CRAWL * space / max(0.01, missing - LATERAL_SHARE * space))
    return float(vehicles[j, SPEED] + speed)


@kernel
def ask_to_yield(vehicles: np.ndarray, i: int, leader: int, gap: float, follower: int, behind: float) -> None:
    """Note that a follower is to let vehicle i into its lane, if i is behind an obstacle and it can brake in time.

    Args:
        vehicles: Working copy, changed in place.
        i: The vehicle that is to change lanes.
        leader: What it follows; -1 for nothing.
        gap: Metres to the leader.
        follower: Next vehicle behind i in the other lane; -1 for none.
        behind: Metres between that one and i.
    """
    if leader < 0 or follower < 0 or vehicles[leader, FREE] > 0.0 or gap > MERGING:
        return
    braking = max(0.0, vehicles[follower, SPEED] ** 2 - vehicles[i, SPEED] ** 2) / (2.0 * YIELDING)
    if behind > STANDING_GAP + braking:
        vehicles[follower, MERGER], vehicles[follower, MERGER_GAP] = i, behind


@kernel
def accepts_lane_change(
    vehicles: np.ndarray, order: np.ndarray, rank: int, there: float, politeness: float, length: float, grip: float
) -> bool:
    """Whether MOBIL accepts a change to the lane whose middle is at the offset ``there``.

    Behind an obstacle, the new follower is asked to let the vehicle in.
    """
    i = order[rank]
    leader, gap = neighbour(vehicles, order, rank, True, vehicles[i, TARGET], length, False)
    if leader < 0:
        return False  # no gain
    new_leader, new_gap = neighbour(vehicles, order, rank, True, there, length, False)
    new_follower, behind = neighbour(vehicles, order, rank, False, there, length, False)
    now = approaching(vehicles, i, leader, gap, grip)
    if now < MERGING_ACCELERATION:
        ask_to_yield(vehicles, i, leader, gap, new_follower, behind)
    passed = new_follower >= 0 and vehicles[new_follower, FREE] == 0.0  # an obstacle
    if new_gap < STANDING_GAP or behind < (SIDE_MARGIN if passed else STANDING_GAP):
        return False
    gain = following(vehicles, i, new_leader, new_gap, grip) - now
    if new_follower >= 0:
        after = following(vehicles, new_follower, i, behind, grip)
        if after < -SAFE_BRAKING:
            return False
        opening = behind + new_gap + vehicles[i, LENGTH]
        gain += politeness * (after - following(vehicles, new_follower, new_leader, opening, grip))
    follower, behind = neighbour(vehicles, order, rank, False, vehicles[i, TARGET], length, False)
    if follower >= 0:
        opening = behind + gap + vehicles[i, LENGTH]
        before = following(vehicles, follower, i, behind, grip)
        gain += politeness * (following(vehicles, follower, leader, opening, grip) - before)
    return bool(gain > THRESHOLD)
