"""Limits of the car: what engine, brakes and tyres allow at a speed, and the steering angle of a curve.

Steady-state solutions of the model of ``dynamics``. Accelerations are in m/s², curvatures in 1/m, angles in
radians; ``grip`` is the share of dry asphalt's grip.
"""

import numpy as np

from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.vehicle.parameters import GRAVITY
from rlkit_envs.driving.vehicle.tyres import ANTI_LOCK, brush, slip_for

# A full command asks for a little more curvature than the tyres hold, so that the limit can be reached.
STEERING_RESERVE = 1.1
FULLEST = 0.97  # largest share of the cornering limit for which slip is computed
_ENGINE_CREEP = 1.0  # m/s, smallest speed by which power is divided


@kernel
def drive_limit(vehicle: Record, speed: float) -> float:
    """Force (N) of the engine at this speed, without the limit of the tyres."""
    return float(min(vehicle.drive_force, vehicle.power / max(_ENGINE_CREEP, speed)))


@kernel
def _friction(vehicle: Record, grip: float, acceleration: float, speed: float) -> tuple[float, float, float, float]:
    """Friction of the front and the rear tyres, and load of the axles over the car's mass in m/s², when settled."""
    base = vehicle.wheelbase
    shifted = acceleration * vehicle.gravity_height / base
    downforce = speed * speed / vehicle.mass
    front = GRAVITY * vehicle.rear_axle / base
    rear = GRAVITY * vehicle.front_axle / base
    front_friction = grip * vehicle.front_friction * (1.0 + vehicle.friction_yield * shifted / front)
    rear_friction = grip * vehicle.rear_friction * (1.0 - vehicle.friction_yield * shifted / rear)
    return (
        front_friction,
        rear_friction,
        front - shifted + vehicle.front_downforce * downforce,
        rear + shifted + vehicle.rear_downforce * downforce,
    )


@kernel
def cornering_limit(vehicle: Record, grip: float, speed: float) -> float:
    """Lateral acceleration (m/s²) at which one of the axles saturates, without braking or driving."""
    front_friction, rear_friction, front, rear = _friction(vehicle, grip, 0.0, speed)
    base = vehicle.wheelbase
    return float(
        min(front_friction * front * base / vehicle.rear_axle, rear_friction * rear * base / vehicle.front_axle)
    )


@kernel
def braking_limit(vehicle: Record, grip: float, speed: float) -> float:
    """Deceleration (m/s²) of full brakes on a straight, by the tyres alone, after load transfer."""
    brakes = vehicle.brake_force / vehicle.mass
    limit = grip * GRAVITY
    for _ in range(4):  # fixed point: the error shrinks by 5 each time
        front_friction, rear_friction, front, rear = _friction(vehicle, grip, -limit, speed)
        limit = min(brush(ANTI_LOCK) * front_friction * front, brakes * vehicle.front_brake)
        limit += min(rear_friction * rear, brakes * (1.0 - vehicle.front_brake))
    return float(limit)


@kernel
def traction_limit(vehicle: Record, grip: float, speed: float, across: float) -> float:
    """Acceleration (m/s²) by engine and driven tyres in a curve, before resistance.

    Args:
        vehicle: One record of ``VEHICLE``.
        grip: Share of dry asphalt's grip.
        speed: In m/s.
        across: Lateral acceleration, in m/s².
    """
    engine = drive_limit(vehicle, speed) / vehicle.mass
    limit = min(engine, 0.5 * GRAVITY)
    base = vehicle.wheelbase
    for _ in range(4):  # fixed point: the error shrinks by 4 each time
        front_friction, rear_friction, front, rear = _friction(vehicle, grip, limit, speed)
        front_held = (front_friction * front) ** 2 - (across * vehicle.rear_axle / base) ** 2
        rear_held = (rear_friction * rear) ** 2 - (across * vehicle.front_axle / base) ** 2
        limit = min(engine * vehicle.front_drive, np.sqrt(max(0.0, front_held)))
        limit += min(engine * (1.0 - vehicle.front_drive), np.sqrt(max(0.0, rear_held)))
    return float(limit)


@kernel
def slip_angles(vehicle: Record, grip: float, speed: float, across: float) -> tuple[float, float]:
    """Slip (rad) of the front and the rear tyres that hold a lateral acceleration (m/s², not below 0)."""
    front_friction, rear_friction, front, rear = _friction(vehicle, grip, 0.0, speed)
    base = vehicle.wheelbase
    held = min(across, FULLEST * cornering_limit(vehicle, grip, speed))
    front_share = held * vehicle.rear_axle / (base * front_friction * front)
    rear_share = held * vehicle.front_axle / (base * rear_friction * rear)
    return (
        slip_for(front_share) * 3.0 * front_friction / vehicle.front_stiffness,
        slip_for(rear_share) * 3.0 * rear_friction / vehicle.rear_stiffness,
    )


@kernel
def resistance(vehicle: Record, grip: float, speed: float, across: float) -> float:
    """Deceleration (m/s²) by drag, rolling and slipping tyres."""
    front, rear = slip_angles(vehicle, grip, speed, across)
    slipping = across * (vehicle.rear_axle * front + vehicle.front_axle * rear) / vehicle.wheelbase
    return float(vehicle.drag / vehicle.mass * speed * speed + vehicle.rolling * GRAVITY + slipping)


@kernel
def corner_speed(vehicle: Record, grip: float, curvature: float) -> float:
    """Highest speed (m/s) at which the tyres hold a curve (1/m), up to the car's top speed."""
    speed = vehicle.top_speed
    base = vehicle.wheelbase
    for axle in range(2):
        friction = grip * (vehicle.front_friction if axle == 0 else vehicle.rear_friction)
        downforce = vehicle.front_downforce if axle == 0 else vehicle.rear_downforce
        share = (vehicle.rear_axle if axle == 0 else vehicle.front_axle) / base
        # v² κ share = friction (g share + downforce v² / mass)
        needed = abs(curvature) - friction * downforce / (vehicle.mass * share)
        if needed * speed * speed > friction * GRAVITY:
            speed = np.sqrt(friction * GRAVITY / needed)
    return float(speed)


@kernel
def full_curvature(vehicle: Record, grip: float, speed: float) -> float:
    """Curvature (1/m) of a full steering command: a little more than the tyres hold at this speed."""
    useful = STEERING_RESERVE * cornering_limit(vehicle, grip, speed) / max(1.0, speed * speed)
    return float(min(np.tan(vehicle.max_steering) / vehicle.wheelbase, useful))


@kernel
def steering_angle(vehicle: Record, grip: float, speed: float, command: float) -> float:
    """Angle of the front wheels (rad) for the curve that a command asks for, in steady state.

    Args:
        vehicle: One record of ``VEHICLE``.
        grip: Share of dry asphalt's grip.
        speed: In m/s.
        command: -1 (full right) to 1 (full left) of ``full_curvature``.
    """
    curvature = abs(command) * full_curvature(vehicle, grip, speed)
    front, rear = slip_angles(vehicle, grip, speed, curvature * speed * speed)
    angle = min(vehicle.max_steering, np.arctan(vehicle.wheelbase * curvature) + front - rear)
    return float(angle if command > 0.0 else -angle)
