"""Collisions of the driver's car with other road users.

Boxes are compared by a circle around each and then by the separating axis theorem (Gottschalk, Lin, Manocha 1996). The
test has to follow every physics step of 0.02 s, in which two cars at 50 m/s each come 2 m closer, less than half a
car's length, so that no collision is missed.
"""

import numpy as np

from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.traffic.behaviour import CONE, STOPPED_CAR


@kernel
def box_overlap(
    dx: float,
    dy: float,
    heading: float,
    length: float,
    width: float,
    other_heading: float,
    other_length: float,
    other_width: float,
) -> tuple[float, float, float]:
    """Penetration depth of two boxes.

    Args:
        dx: From the middle of the other box to the middle of this one, in metres.
        dy: Likewise.
        heading: Direction of this box's length, in radians.
        length: In metres.
        width: In metres.
        other_heading: In radians.
        other_length: In metres.
        other_width: In metres.

    Returns:
        The depth in metres, 0 if they do not touch, and the unit vector x, y along which to move this box by that depth
        to separate them.
    """
    reach = 0.5 * (
        np.sqrt(length * length + width * width) + np.sqrt(other_length * other_length + other_width * other_width)
    )
    if dx * dx + dy * dy >= reach * reach:
        return 0.0, 0.0, 0.0
    cosine, sine = np.cos(heading), np.sin(heading)
    other_cosine, other_sine = np.cos(other_heading), np.sin(other_heading)
    # Cosine and sine of the angle between the boxes, for the projections on the other's axes.
    along = abs(cosine * other_cosine + sine * other_sine)
    across = abs(cosine * other_sine - sine * other_cosine)
    depth = np.inf
    normal_x = normal_y = 0.0
    for axis in range(4):
        if axis == 0:
            ux, uy, reach = cosine, sine, length + other_length * along + other_width * across
        elif axis == 1:
            ux, uy, reach = -sine, cosine, width + other_length * across + other_width * along
        elif axis == 2:
            ux, uy, reach = other_cosine, other_sine, other_length + length * along + width * across
        else:
            ux, uy, reach = -other_sine, other_cosine, other_width + length * across + width * along
        distance = dx * ux + dy * uy
        overlap = 0.5 * reach - abs(distance)
        if overlap <= 0.0:
            return 0.0, 0.0, 0.0
        if overlap < depth:
            depth = overlap
            side = 1.0 if distance >= 0.0 else -1.0
            normal_x, normal_y = side * ux, side * uy
    return float(depth), float(normal_x), float(normal_y)


@kernel
def penetration(car: Record, car_length: float, car_width: float, other: Record) -> tuple[float, float, float]:
    """``box_overlap`` of a car and one of the others.

    Args:
        car: One record of ``parameters.CAR``.
        car_length: In metres.
        car_width: In metres.
        other: One record of ``traffic.OTHER``.
    """
    overlap: tuple[float, float, float] = box_overlap(
        car.x - other.x,
        car.y - other.y,
        car.heading,
        car_length,
        car_width,
        other.heading,
        other.length,
        other.width,
    )
    return overlap


@kernel
def collides(car: Record, car_length: float, car_width: float, others: np.ndarray, count: int) -> int:
    """Index of the first of the others that a car touches, or -1.

    Args:
        car: One record of ``parameters.CAR``.
        car_length: In metres.
        car_width: In metres.
        others: (K,) records of ``traffic.OTHER``.
        count: How many of them are in use.
    """
    for i in range(count):
        other = others[i]
        if other.active == 0:
            continue
        depth, _, _ = penetration(car, car_length, car_width, other)
        if depth > 0.0:
            return i
    return -1


@kernel
def bounce(car: Record, car_length: float, car_width: float, other: Record) -> float:
    """Inelastic collision of a car with another road user.

    A cone is removed. Cars are separated, and their closing speed is lost, in equal parts for two moving cars, by the
    car alone against a stopped one.

    Args:
        car: One record of ``parameters.CAR``; position and velocity are changed in place.
        car_length: In metres.
        car_width: In metres.
        other: One record of ``traffic.OTHER``, changed in place.

    Returns:
        The closing speed in m/s.
    """
    depth, normal_x, normal_y = penetration(car, car_length, car_width, other)
    if depth <= 0.0:
        return 0.0
    forward = np.cos(car.heading) * normal_x + np.sin(car.heading) * normal_y
    aside = np.cos(car.heading) * normal_y - np.sin(car.heading) * normal_x
    other_forward = np.cos(other.heading) * normal_x + np.sin(other.heading) * normal_y
    apart = car.speed * forward + car.lateral_velocity * aside - other.speed * other_forward
    closing = max(0.0, -apart)
    if other.kind == CONE:
        other.active = 0
        return float(closing)
    share = 1.0 if other.kind == STOPPED_CAR else 0.5
    car.x += depth * normal_x
    car.y += depth * normal_y
    car.speed += share * closing * forward
    car.lateral_velocity += share * closing * aside
    other.speed = max(0.0, other.speed - (1.0 - share) * closing * other_forward)
    return float(closing)
