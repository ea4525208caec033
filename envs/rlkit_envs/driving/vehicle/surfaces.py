"""Surfaces under the wheels: road, grass or gravel, with their grip and drag."""

import numpy as np

from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.road.circuit import CURVATURE, KERB, LEFT, RIGHT, TX, TY, interpolate

ROAD, GRASS, GRAVEL = range(3)

# Grip of a wheel as a share of that on the dry road, and rolling resistance in m/s² with all wheels on it. Grip:
# between the tables of Noon (1994) and those of driving games. Drag: ours; gravel traps stop a car within some 80 m.
SURFACE_GRIP = (1.0, 0.45, 0.55)
SURFACE_DRAG = (0.0, 2.0, 5.0)

GRAVEL_WIDTH = 8.0  # m beyond the border; grass beyond that

WHEELS_OFF = 2  # from this number of wheels beyond the border on, the car is off the road

# m, more than the road deviates from its tangent over the car's length.
_REACH = 0.4


@kernel
def verge(line: np.ndarray, index: int, left_side: bool) -> int:
    """Surface beyond the border: gravel on the outside of curves with kerbs, else grass.

    Args:
        line: (n, 8) packed centre line.
        index: Sample of it.
        left_side: Whether the left border is meant.
    """
    if line[index, KERB] != 0.0 and (line[index, CURVATURE] < 0.0) == left_side:
        return GRAVEL
    return GRASS


@kernel
def find_surfaces(car: Record, vehicle: Record, line: np.ndarray, samples: int, fraction: float) -> None:
    """Determine the surfaces under the four wheels: ``wheels_off``, ``wheel_mask``, the grips and ``surface_drag``.

    Kerbs belong to the road. The grip of an axle is the mean of that of its wheels.

    Args:
        car: One record of ``CAR`` whose place (``index``, ``offset``) is known; changed in place.
        vehicle: Its record of ``VEHICLE``.
        line: (n, 8) packed centre line.
        samples: Number of samples in use.
        fraction: Fraction of a step that the car is beyond sample ``index``.
    """
    i = car.index
    left = interpolate(line, samples, i, fraction, LEFT)
    right = interpolate(line, samples, i, fraction, RIGHT)
    car.wheels_off = car.wheel_mask = 0
    car.front_grip = car.rear_grip = car.road_grip
    car.surface_drag = 0.0
    reach = max(vehicle.front_axle, vehicle.rear_axle) + 0.5 * vehicle.track + _REACH
    if car.offset + reach < left and car.offset - reach > -right:
        return
    tx = interpolate(line, samples, i, fraction, TX)
    ty = interpolate(line, samples, i, fraction, TY)
    curvature = interpolate(line, samples, i, fraction, CURVATURE)
    cosine = np.cos(car.heading) * tx + np.sin(car.heading) * ty
    sine = np.sin(car.heading) * tx - np.cos(car.heading) * ty
    for axle in range(2):
        forward = vehicle.front_axle if axle == 0 else -vehicle.rear_axle
        lost = 0.0
        for side in range(2):
            aside = 0.5 * vehicle.track if side == 0 else -0.5 * vehicle.track
            along = forward * cosine - aside * sine
            # The road bends away from its tangent by half the curvature times the distance squared.
            offset = car.offset + forward * sine + aside * cosine - 0.5 * curvature * along * along
            beyond = max(offset - left, -right - offset)
            if beyond > 0.0:
                surface = verge(line, i, offset > left)
                if beyond > GRAVEL_WIDTH:
                    surface = GRASS
                car.wheels_off += 1
                car.wheel_mask += 1 << (2 * axle + side)
                lost += 0.5 * (1.0 - SURFACE_GRIP[surface])
                car.surface_drag += 0.25 * SURFACE_DRAG[surface]
        # The grip of a wet verge is reduced by the same share as the road's.
        if axle == 0:
            car.front_grip *= 1.0 - lost
        else:
            car.rear_grip *= 1.0 - lost


@kernel
def border_distance(car: Record, vehicle: Record, line: np.ndarray) -> float:
    """Distance (m) from the outermost wheel to the nearer border of the road, negative beyond it.

    Args:
        car: One record of ``CAR`` whose place (``index``, ``offset``) is known.
        vehicle: Its record of ``VEHICLE``.
        line: (n, 8) packed centre line.
    """
    i = car.index
    cosine = np.cos(car.heading) * line[i, TX] + np.sin(car.heading) * line[i, TY]
    sine = np.sin(car.heading) * line[i, TX] - np.cos(car.heading) * line[i, TY]
    reach = 0.5 * vehicle.track * abs(cosine) + max(vehicle.front_axle, vehicle.rear_axle) * abs(sine)
    return float(min(line[i, LEFT] - car.offset, line[i, RIGHT] + car.offset) - reach)
