"""The toy car: a rigid body on four wheels that spin and slide, without any driver aid.

It moves like the car of Gymnasium's CarRacing-v3 (``car_dynamics.py``, after Campbell 2014), whose numbers these are,
without a physics engine: the joints of that car are stiff, so body and wheels are one rigid body here. Each wheel
pushes against the slip of its tread in proportion to it, up to a limit that is the same in all directions. Engine and
brakes act on the spin of the wheels only: full throttle makes the rear wheels spin, brakes lock all four, and what then
slides no longer steers. There is no air drag and no load transfer.
"""

import numpy as np

from rlkit_envs.driving.jit import Record, kernel

WHEEL_INERTIA = 1.6  # kg m²
ENGINE_POWER = 40_000.0  # W at each of the two rear wheels
ENGINE_EASE = 5.0  # rad/s, added to the spin that power is divided by
THROTTLE_RATE = 0.1  # most by which the throttle opens per step; it closes at once
BRAKE = 15.0  # rad/s of spin that full brakes take away per step
LOCKING = 0.9  # brakes from here on stop the wheels at once
PUSH = 82.0  # N per m/s of slip
TYRE_LIMIT = 400.0  # N
GRASS = 0.6  # of the limit beyond the border
STEERING_RATE = 3.0  # rad/s
STEERING_GAIN = 50.0  # 1/s, rate per error
STEERING_STOP = 0.4  # rad, from where the wheels turn no further; they arrive in steps of 0.06 rad


@kernel
def steer(angle: float, target: float, seconds: float) -> float:
    """Angle of the front wheels (rad) after a step towards a target."""
    error = target - angle
    rate = min(STEERING_GAIN * abs(error), STEERING_RATE)
    if error < 0.0:
        rate = -rate
    if (angle >= STEERING_STOP and rate > 0.0) or (angle <= -STEERING_STOP and rate < 0.0):
        return angle
    return angle + rate * seconds


@kernel
def _spun(spin: float, throttle: float, brake: float, seconds: float) -> float:
    """Spin of a wheel (rad/s) after engine and brakes."""
    spin += seconds * ENGINE_POWER * throttle / WHEEL_INERTIA / (abs(spin) + ENGINE_EASE)
    if brake >= LOCKING:
        return 0.0
    taken = min(BRAKE * brake, abs(spin))
    return spin - taken if spin > 0.0 else spin + taken


@kernel
def advance_four_wheels(car: Record, vehicle: Record, target: float, pedal: float, seconds: float) -> None:
    """Integrate one car over one physics step, by the semi-implicit Euler method.

    Args:
        car: One record of ``CAR``; changed in place. Its ``road_grip`` and ``wheel_mask`` describe the surface.
        vehicle: Its record of ``VEHICLE``.
        target: Target angle of the front wheels, in rad.
        pedal: 1 full throttle, 0 coasting, -1 full brakes, or anything between.
        seconds: Length of the step.
    """
    throttle = max(0.0, pedal)
    brake = max(0.0, -pedal)
    car.throttle = min(throttle, car.throttle + THROTTLE_RATE)
    force_along = force_aside = moment = worst = 0.0
    for wheel in range(4):
        front, left = wheel < 2, wheel % 2 == 0
        spin = car.spin_front_left
        if wheel == 1:
            spin = car.spin_front_right
        elif wheel == 2:
            spin = car.spin_rear_left
        elif wheel == 3:
            spin = car.spin_rear_right
        spin = _spun(spin, 0.0 if front else car.throttle, brake, seconds)
        ahead = vehicle.front_axle if front else -vehicle.rear_axle
        aside = 0.5 * vehicle.track if left else -0.5 * vehicle.track
        angle = car.steering if front else 0.0
        cosine, sine = np.cos(angle), np.sin(angle)
        along = car.speed - car.yaw_rate * aside
        across = car.lateral_velocity + car.yaw_rate * ahead
        push = PUSH * (spin * vehicle.wheel_radius - (along * cosine + across * sine))
        side = -PUSH * (across * cosine - along * sine)
        limit = TYRE_LIMIT * car.road_grip * (GRASS if (car.wheel_mask >> wheel) & 1 else 1.0)
        force = np.sqrt(push * push + side * side)
        worst = max(worst, force / limit)
        if force > limit:
            push *= limit / force
            side *= limit / force
        spin -= seconds * push * vehicle.wheel_radius / WHEEL_INERTIA
        if wheel == 0:
            car.spin_front_left = spin
        elif wheel == 1:
            car.spin_front_right = spin
        elif wheel == 2:
            car.spin_rear_left = spin
        else:
            car.spin_rear_right = spin
        fx, fy = push * cosine - side * sine, push * sine + side * cosine
        force_along += fx
        force_aside += fy
        moment += ahead * fy - aside * fx
    car.steering = steer(car.steering, target, seconds)
    car.longitudinal_acceleration = force_along / vehicle.mass
    car.lateral_acceleration = force_aside / vehicle.mass
    along = car.speed + seconds * car.longitudinal_acceleration
    across = car.lateral_velocity + seconds * car.lateral_acceleration
    cosine, sine = np.cos(car.heading), np.sin(car.heading)
    car.x += seconds * (along * cosine - across * sine)
    car.y += seconds * (along * sine + across * cosine)
    car.yaw_rate += seconds * moment / vehicle.yaw_inertia
    turn = seconds * car.yaw_rate
    car.heading += turn
    cosine, sine = np.cos(turn), np.sin(turn)  # the velocity keeps its direction while the body turns
    car.speed = along * cosine + across * sine
    car.lateral_velocity = across * cosine - along * sine
    car.settled_acceleration = car.longitudinal_acceleration
    car.sliding = max(0.0, worst - 1.0)
    car.pedal = pedal
