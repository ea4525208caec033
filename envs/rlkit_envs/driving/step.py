"""One decision of one car: physics, position on the circuit, surfaces, reward and end; and the loop over cars."""

import numpy as np

from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.reward import TERMS, WEIGHTS, sum_rewards
from rlkit_envs.driving.road.circuit import TX, TY, X, Y, interpolate, locate
from rlkit_envs.driving.traffic.behaviour import CONE, decide_others, move_others
from rlkit_envs.driving.traffic.collisions import bounce, collides
from rlkit_envs.driving.vehicle.dynamics import PHYSICS_STEP, advance
from rlkit_envs.driving.vehicle.four_wheels import advance_four_wheels
from rlkit_envs.driving.vehicle.limits import steering_angle
from rlkit_envs.driving.vehicle.surfaces import WHEELS_OFF, border_distance, find_surfaces

STUCK_AFTER = 10.0  # s without progress
STUCK_MARGIN = 1.0  # m that count as progress
WRONG_WAY = 1.0  # m/s against the direction of the circuit, above which a car drives the wrong way
# m that may be gained by cutting across with all wheels off the road; a lap with more is not finished.
SHORTCUT_ALLOWED = 5.0

# What ends an episode and what is rewarded: one record for all cars.
RULES = np.dtype(
    [
        ("substeps", "i8"),  # physics steps per decision
        ("direct_steering", "?"),  # whether a steering command is the angle in rad, not a share of what the tyres hold
        ("terminate_off_road", "?"),  # whether leaving the road ends the episode
        ("terminate_collision", "?"),  # whether hitting another car ends the episode; cones never do
        *WEIGHTS,
    ],
    align=True,
)

# What a step reports per car.
OUTCOME = np.dtype(
    [("terms", TERMS), ("reward", "f4"), ("terminated", "?"), ("truncated", "?"), ("finished", "?")], align=True
)


@kernel
def _place(car: Record, vehicle: Record, line: np.ndarray, circuit: Record) -> float:
    """Update a car's station, offset and wheels after it moved; returns the metres of progress."""
    samples = circuit.samples
    index, fraction = locate(line, samples, car.x, car.y, car.index)
    car.index = index
    cx = interpolate(line, samples, index, fraction, X)
    cy = interpolate(line, samples, index, fraction, Y)
    tx = interpolate(line, samples, index, fraction, TX)
    ty = interpolate(line, samples, index, fraction, TY)
    norm = np.sqrt(tx * tx + ty * ty)
    car.offset = ((car.y - cy) * tx - (car.x - cx) * ty) / norm
    station = (index + fraction) * circuit.step
    moved = station - car.station
    if moved > 0.5 * circuit.length:
        moved -= circuit.length
    elif moved < -0.5 * circuit.length:
        moved += circuit.length
    car.station = station
    find_surfaces(car, vehicle, line, samples, fraction)
    return float(moved)


@kernel
def _crossed(car: Record, mark: float, moved: float, before: float) -> float:
    """Time (s) at which a mark (m of progress) was first passed, by interpolation; ``before`` if that is known."""
    if before == 0.0 and moved > 0.0 and car.progress + moved >= mark:
        return float(car.time + PHYSICS_STEP * max(0.0, mark - car.progress) / moved)
    return before


@kernel
def _count(car: Record, moved: float) -> float:
    """Update progress and times after a physics step; returns the metres gained by cutting across.

    The gain is the progress made with all four wheels off the road less the distance driven there.
    """
    cut = 0.0
    if car.wheels_off == 4:
        driven = PHYSICS_STEP * np.sqrt(car.speed**2 + car.lateral_velocity**2)
        cut = max(0.0, moved - driven)
        car.gained += cut
    if car.wheels_off >= WHEELS_OFF:
        car.off_road_time += PHYSICS_STEP
    if moved < -WRONG_WAY * PHYSICS_STEP:
        car.wrong_way_time += PHYSICS_STEP
    car.progress += moved
    car.time += PHYSICS_STEP
    return cut


@kernel
def _jerk(car: Record, along: float, across: float, seconds: float) -> float:
    """Change of the mean acceleration from one decision to the next, in m/s³; none in the first decision."""
    jerk = 0.0
    if car.step > 0:
        jerk = np.sqrt((along - car.mean_longitudinal) ** 2 + (across - car.mean_lateral) ** 2) / seconds
    car.mean_longitudinal = along
    car.mean_lateral = across
    car.jerk_squared += jerk * jerk
    return float(jerk)


@kernel
def _collide(car: Record, vehicle: Record, others: np.ndarray) -> bool:
    """Resolve a collision and count it once per contact; True if the car has hit another car, not a cone."""
    hit = collides(car, vehicle.length, vehicle.width, others, len(others))
    if hit < 0:
        car.crashed = 0
        return False
    bounce(car, vehicle.length, vehicle.width, others[hit])
    if car.crashed == 0:
        car.collisions += 1
    car.crashed = 1
    return bool(others[hit].kind != CONE)


@kernel
def _step_car(
    car: Record,
    outcome: Record,
    command: float,
    pedal: float,
    others: np.ndarray | None,
    line: np.ndarray,
    circuit: Record,
    vehicle: Record,
    rules: Record,
) -> None:
    """Carry out one decision: ``substeps`` physics steps, or fewer at the end of an episode."""
    length = circuit.length
    before = car.progress
    collisions = car.collisions
    steering_change = abs(command - car.command)
    car.command = command
    target = command if rules.direct_steering else steering_angle(vehicle, car.road_grip, car.speed, command)
    seconds = along = across = cut = 0.0
    terminated = False
    finished = False
    over_line = False
    left_road = False
    crashed = False
    for _ in range(rules.substeps):
        if vehicle.wheel_radius > 0.0:
            advance_four_wheels(car, vehicle, target, pedal, PHYSICS_STEP)
        else:
            advance(car, vehicle, target, pedal, PHYSICS_STEP)
        if others is not None:
            move_others(others, len(others), line, circuit, PHYSICS_STEP)
            crashed = _collide(car, vehicle, others) or crashed
        moved = _place(car, vehicle, line, circuit)
        seconds += PHYSICS_STEP
        along += PHYSICS_STEP * car.longitudinal_acceleration
        across += PHYSICS_STEP * car.lateral_acceleration
        car.sector_1 = _crossed(car, length / 3.0, moved, car.sector_1)
        car.sector_2 = _crossed(car, length * 2.0 / 3.0, moved, car.sector_2)
        crossing = _crossed(car, length, moved, 0.0)
        cut += _count(car, moved)
        over_line = car.progress >= length
        finished = over_line and car.gained <= SHORTCUT_ALLOWED
        if finished:
            car.lap_time = crossing
        if car.wheels_off >= WHEELS_OFF:
            left_road = left_road or car.off_road == 0
            car.off_road = 1
            terminated = rules.terminate_off_road and not finished
        else:
            car.off_road = 0
        terminated = terminated or (crashed and rules.terminate_collision and not finished)
        if terminated or over_line:
            break
    jerk = _jerk(car, along / seconds, across / seconds, seconds)
    car.step += 1
    if car.progress > car.best_progress + STUCK_MARGIN:
        car.best_progress = car.progress
        car.stuck_time = 0.0
    else:
        car.stuck_time += seconds
    outcome.reward = sum_rewards(
        outcome.terms,
        rules,
        length,
        seconds,
        min(car.progress, length) - before - cut,
        left_road,
        border_distance(car, vehicle, line),
        car.collisions - collisions,
        jerk,
        steering_change,
    )
    truncated = not terminated and (
        over_line or car.step >= car.max_steps or car.stuck_time > STUCK_AFTER - 0.5 * PHYSICS_STEP
    )
    car.ended = 1 if terminated or truncated else 0
    outcome.terminated = terminated
    outcome.truncated = truncated
    outcome.finished = finished


@kernel
def decide_range(
    low: int,
    high: int,
    cars: np.ndarray,
    others: np.ndarray,
    circuits: np.ndarray,
    lines: np.ndarray,
    vehicle: np.ndarray,
    rules: np.ndarray,
) -> None:
    """Decisions of the other road users of the cars from ``low`` up to ``high``; to be called before ``step_range``.

    Args:
        low: First car.
        high: One past the last car.
        cars: (N,) records of ``CAR``.
        others: (N, K) records of ``OTHER``, the other road users of each car; changed in place.
        circuits: (S,) records of ``CIRCUIT``.
        lines: (S, n, 8) packed centre lines.
        vehicle: (1,) record of ``VEHICLE``.
        rules: (1,) record of ``RULES``.
    """
    size = vehicle[0]
    seconds = rules[0].substeps * PHYSICS_STEP
    for i in range(low, high):
        car = cars[i]
        slot = car.slot
        decide_others(
            others[i],
            others.shape[1],
            car,
            size.length,
            size.width,
            lines[slot],
            circuits[slot],
            car.road_grip,
            seconds,
        )


@kernel
def step_range(
    low: int,
    high: int,
    cars: np.ndarray,
    outcomes: np.ndarray,
    commands: np.ndarray,
    others: np.ndarray | None,
    circuits: np.ndarray,
    lines: np.ndarray,
    vehicle: np.ndarray,
    rules: np.ndarray,
) -> None:
    """Carry out one decision of the cars from ``low`` up to ``high``.

    Args:
        low: First car.
        high: One past the last car.
        cars: (N,) records of ``CAR``, changed in place.
        outcomes: (N,) records of ``OUTCOME``, written.
        commands: (N, 2) steering and pedal of each car, both in [-1, 1].
        others: (N, K) records of ``OTHER``, the other road users of each car, changed in place; None for none.
        circuits: (S,) records of ``CIRCUIT``.
        lines: (S, n, 8) packed centre lines.
        vehicle: (1,) record of ``VEHICLE``.
        rules: (1,) record of ``RULES``.
    """
    for i in range(low, high):
        slot = cars[i].slot
        # Numba compiles only the branch that fits the type of ``others``: compiling traffic takes long.
        if others is None:
            _step_car(
                cars[i],
                outcomes[i],
                commands[i, 0],
                commands[i, 1],
                None,
                lines[slot],
                circuits[slot],
                vehicle[0],
                rules[0],
            )
        else:
            _step_car(
                cars[i],
                outcomes[i],
                commands[i, 0],
                commands[i, 1],
                others[i],
                lines[slot],
                circuits[slot],
                vehicle[0],
                rules[0],
            )
