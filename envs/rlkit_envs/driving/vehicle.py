"""The car: a kinematic bicycle whose tyres can only hold so much, with the masses and limits of a road car.

Equations: the kinematic single-track model about the centre of gravity (Althoff, Koschi, Manzinger 2017, CommonRoad),
with a friction circle on top. What the driver asks of the tyres, along and across, is shortened to the circle as one
vector, because a sliding tyre's force points against its slip: a car that is steered too hard for its speed runs wide,
and brakes worse while it turns.
"""

import numpy as np

from rlkit_envs.driving.compiled import Record, kernel

GRAVITY = 9.81  # m/s²

# BMW 320i, vehicle 2 of CommonRoad's "Vehicle Models 2020a".
FRONT_AXLE = 1.1561957  # m from the centre of gravity
REAR_AXLE = 1.4227171  # m from the centre of gravity
WHEELBASE = FRONT_AXLE + REAR_AXLE  # m
LENGTH = 4.508  # m
WIDTH = 1.610  # m
TRACK = 1.40  # m between the middles of the left and the right wheels; ours, to fit the width
MASS = 1093.2952  # kg
GRIP = 1.0489  # peak friction coefficient on dry asphalt (p_dy1 of CommonRoad's tyre)
MAX_ACCELERATION = 11.5  # m/s², more than the tyres hold: driving and braking end at the grip limit
POWER_SPEED = 7.319  # m/s up to which the engine can give it; beyond, power is constant (v_switch)
SPECIFIC_POWER = MAX_ACCELERATION * POWER_SPEED  # W/kg
# 0.75 kg/m = ½ρ·c_w·A of TUM's racecar.ini (global_racetrajectory_optimization), over our mass.
DRAG = 0.75 / MASS  # 1/m
ROLLING = 0.015 * GRAVITY  # m/s², a usual coefficient for road tyres on asphalt

# CommonRoad plans with 0.4 rad/s; an able driver turns the wheel at about 900 degrees a second, geared 16 to 1.
STEERING_RATE = 1.0  # rad/s at the front wheels
MAX_STEERING = 0.45  # rad at the front wheels: a radius of 5.5 m, tighter than any circuit's curve

# A full command asks for a little more curvature than the tyres hold at this speed, so that the limit can be reached.
STEERING_RESERVE = 1.1

GRASS_GRIP = 0.45  # grip of a wheel on grass as a share of that on asphalt
GRASS_DRAG = 2.0  # m/s², rolling resistance with all wheels on grass

PHYSICS_STEP = 0.02  # s
SPEED_SCALE = 50.0  # m/s, just above the speed at which power and drag balance
YAW_RATE_SCALE = 1.5  # rad/s, just above grip divided by speed where the steering limit begins to narrow

# One car. Kernels take arrays of it; the simulator adds nothing but what is here.
CAR = np.dtype(
    [
        ("x", "f8"),  # m, centre of gravity
        ("y", "f8"),  # m
        ("heading", "f8"),  # rad, counter-clockwise from x
        ("speed", "f8"),  # m/s
        ("steering", "f8"),  # rad, at the front wheels, left positive
        ("yaw_rate", "f8"),  # rad/s
        ("lateral_acceleration", "f8"),  # m/s², left positive
        ("longitudinal_acceleration", "f8"),  # m/s², from the tyres
        ("sliding", "f8"),  # what the driver asks of the tyres over what they hold, less 1, not below 0
        ("pedal", "f8"),  # 1 accelerating, 0 coasting, -1 braking
        ("station", "f8"),  # m along the centre line
        ("offset", "f8"),  # m to the left of the centre line
        ("progress", "f8"),  # m along the centre line since the start, backward driving subtracted
        ("best_progress", "f8"),  # m, the most of it so far
        ("time", "f8"),  # s since the start
        ("stuck_time", "f8"),  # s since the progress last grew
        ("off_road_time", "f8"),  # s spent off the road
        ("lap_time", "f8"),  # s, once the lap is finished, else 0
        ("index", "i8"),  # sample of the centre line at or before the car
        ("slot", "i8"),  # which circuit of the pool
        ("step", "i8"),  # decisions taken
        ("max_steps", "i8"),  # decisions after which the episode is cut
        ("wheels_off", "i8"),  # wheels beyond the border
        ("off_road", "i8"),  # 1 while off the road, by the rule of two wheels
        ("ended", "i8"),  # 1 once the episode is over
    ],
    align=True,
)


@kernel
def steering_range(speed: float) -> float:
    """Steering angle (rad) of a full command at this speed: what the tyres can use, and a little more."""
    curvature = STEERING_RESERVE * GRIP * GRAVITY / max(1.0, speed * speed)
    return float(min(MAX_STEERING, np.arctan(WHEELBASE * curvature)))


@kernel
def drive_limit(speed: float) -> float:
    """Acceleration (m/s²) that the engine can give at this speed, before the tyres have their say."""
    return min(MAX_ACCELERATION, SPECIFIC_POWER / max(1e-3, speed))


@kernel
def path_curvature(steering: float) -> float:
    """Curvature (1/m) of the path of the centre of gravity while the tyres hold."""
    slip = np.arctan(REAR_AXLE / WHEELBASE * np.tan(steering))
    return float(np.sin(slip) / REAR_AXLE)


@kernel
def advance(car: Record, command: float, pedal: float, seconds: float) -> None:
    """Move one car on by one physics step.

    Args:
        car: One record of ``CAR``; changed in place. ``wheels_off`` says how much of it stands on grass.
        command: Steering asked for, -1 (full right) to 1 (full left) of what grip can use at this speed.
        pedal: 1 full throttle, 0 coasting, -1 full brakes, or anything between.
        seconds: Length of the step.
    """
    target = command * steering_range(car.speed)
    most = STEERING_RATE * seconds
    car.steering += min(most, max(-most, target - car.steering))
    speed = car.speed
    on_grass = 0.25 * car.wheels_off
    held = GRIP * GRAVITY * (1.0 - (1.0 - GRASS_GRIP) * on_grass)

    curvature = path_curvature(car.steering)
    across = speed * speed * curvature
    along = pedal * (drive_limit(speed) if pedal > 0.0 else MAX_ACCELERATION)
    asked = np.sqrt(across * across + along * along)
    share = 1.0
    if asked > held:
        share = held / asked
    across *= share
    along *= share
    curvature *= share

    resistance = DRAG * speed * speed + ROLLING + GRASS_DRAG * on_grass
    # The front tyres' force stands across the wheels, not across the car: steering itself costs speed.
    scrub = REAR_AXLE / WHEELBASE * abs(across * np.sin(car.steering))
    new_speed = max(0.0, speed + (along - resistance - scrub) * seconds)
    distance = 0.5 * (speed + new_speed) * seconds
    turn = curvature * distance
    course = car.heading + 0.5 * turn + np.arcsin(REAR_AXLE * curvature)
    car.x += distance * np.cos(course)
    car.y += distance * np.sin(course)
    car.heading += turn
    car.speed = new_speed
    car.yaw_rate = curvature * new_speed
    car.lateral_acceleration = across
    car.longitudinal_acceleration = along
    car.sliding = max(0.0, asked / held - 1.0)
    car.pedal = pedal
