"""Whether the driver's car touches another road user, and what becomes of both.

Boxes are compared by a circle around each and then by the separating axis theorem (Gottschalk, Lin, Manocha 1996). The
test belongs after every physics step: within one of 0.02 s, two cars that meet at 50 m/s each come 2 m closer, less
than half a car's length, so that nothing can pass through anything unseen.
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
    """How deep a box stands in another one.

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
        The depth in metres, 0 where they do not touch, and the unit vector x, y along which this box has to be moved by
        that depth to be free.
    """
    reach = 0.5 * (
        np.sqrt(length * length + width * width) + np.sqrt(other_length * other_length + other_width * other_width)
    )
    if dx * dx + dy * dy >= reach * reach:
        return 0.0, 0.0, 0.0
    cosine, sine = np.cos(heading), np.sin(heading)
    other_cosine, other_sine = np.cos(other_heading), np.sin(other_heading)
    # Cosine and sine of the angle between the boxes: how far each reaches along the other's axes.
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
    """How deep a car stands in one of the others: ``box_overlap`` of the two.

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
    """Number of the first of the others that a car touches, or -1.

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
def part(car: Record, car_length: float, car_width: float, other: Record) -> float:
    """Let a car that touches another road user bounce off, as soft as cars are: they leave with the same speed.

    A cone is knocked over and no longer there. Cars are moved apart; what they had of speed towards each other is
    gone, shared evenly between two moving cars, while a parked one does not budge.

    Args:
        car: One record of ``parameters.CAR``; position and velocity are changed in place.
        car_length: In metres.
        car_width: In metres.
        other: One record of ``traffic.OTHER``, changed in place.

    Returns:
        The speed in m/s at which they met.
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
