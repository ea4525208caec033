"""The preview: the car's position on the road, and the curvature ahead, as numbers."""

import numpy as np

from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.road.circuit import CURVATURE, LEFT, RIGHT, TX, TY

DISTANCES = (
    5.0,
    10.0,
    20.0,
    30.0,
    40.0,
    60.0,
    80.0,
    100.0,
    120.0,
    150.0,
    180.0,
)  # m ahead; a stop takes 121 m from 50 m/s
NAMES = (
    "slip angle",
    "offset",
    "heading error",
    "road width",
    "more road on the left",
    *(f"curve within {distance:.0f} m" for distance in DISTANCES),
)
SIZE = len(NAMES)
MIRROR_SIGNS = (-1.0, -1.0, -1.0, 1.0, -1.0) + (-1.0,) * len(DISTANCES)  # factor of each in the mirrored world

SLIP_SCALE = 0.5  # rad, slip angle that counts as 1
WIDTH_SCALE = 30.0  # m from border to border
TIGHT = 8.0  # m, radius of a curve that counts as 1


@kernel
def preview(numbers: np.ndarray, car: Record, slip_angle: float, line: np.ndarray, circuit: Record) -> None:
    """Write the preview of a car, in [-1, 1]; left is positive.

    Each stretch of road is described by its tightest curve, as the square root of curvature times ``TIGHT``, which is
    inversely proportional to the speed that the curve allows.

    Args:
        numbers: (SIZE,) float32, written in the order of ``NAMES``: the slip angle as a share of ``SLIP_SCALE``; the
            offset as a share of the width on that side, 1 at the border; the angle to the left of the road as a share
            of π; the width of the road as a share of ``WIDTH_SCALE``; the width on the left less that on the right, as
            a share of both; and the curves of the stretches that end at ``DISTANCES`` and begin where the last ended.
        car: One record of ``parameters.CAR``.
        slip_angle: Angle from the heading to the velocity, in radians.
        line: (n, 8) packed centre line.
        circuit: Its record of ``CIRCUIT``.
    """
    i = car.index
    left, right = line[i, LEFT], line[i, RIGHT]
    tx, ty = line[i, TX], line[i, TY]
    cosine, sine = np.cos(car.heading), np.sin(car.heading)
    numbers[0] = _share(slip_angle, SLIP_SCALE)
    numbers[1] = _share(car.offset, left if car.offset > 0.0 else right)
    numbers[2] = np.arctan2(sine * tx - cosine * ty, cosine * tx + sine * ty) / np.pi
    numbers[3] = _share(left + right, WIDTH_SCALE)
    numbers[4] = _share(left - right, left + right)
    passed = 0
    for k in range(len(DISTANCES)):
        until = int(DISTANCES[k] / circuit.step)
        tightest = 0.0
        while passed <= until:
            curvature = line[i, CURVATURE]
            if abs(curvature) > abs(tightest):
                tightest = curvature
            passed += 1
            i = i + 1 if i + 1 < circuit.samples else 0
        root = min(1.0, np.sqrt(abs(tightest) * TIGHT))
        numbers[5 + k] = root if tightest >= 0.0 else -root


@kernel
def _share(value: float, scale: float) -> float:
    """A value as a share of a scale, within [-1, 1]."""
    return min(1.0, max(-1.0, value / max(1e-6, scale)))
