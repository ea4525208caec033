"""The preview: the car's position on the road, and the road in the next seconds, as numbers.

As for agents that race in Gran Turismo: borders of the road ahead relative to the car (Wurman 2022), and curvature at
times rather than distances (Fuchs 2021), so that the same numbers call for the same action at any speed.
"""

import numpy as np

from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.road.circuit import CURVATURE, LEFT, RIGHT, TX, TY, X, Y

TIMES = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0)  # s ahead; a stop from 50 m/s takes 121 m
LEAST_SPEED = 8.0  # m/s, with which slower cars look ahead
NAMES = (
    "slip angle",
    "offset",
    "heading error",
    "road width",
    "more road on the left",
    *(
        f"{name} in {time:g} s"
        for time in TIMES
        for name in ("middle ahead", "middle to the left", "half width ahead", "half width to the left", "curve")
    ),
)
SIZE = len(NAMES)
PLACE = 5  # numbers about the car's place; after them, as many for each time
POINT = 5

# Factor of each number in the mirrored world.
MIRROR_SIGNS = (-1.0, -1.0, -1.0, 1.0, -1.0) + (1.0, -1.0, -1.0, 1.0, -1.0) * len(TIMES)

SLIP_SCALE = 0.5  # rad, slip angle that counts as 1
WIDTH_SCALE = 30.0  # m from border to border
NEAR = 10.0  # m, added to the distance of a point, as a share of which its position is given
CURVE_SCALE = 144.0  # m/s², lateral acceleration at the present speed that counts as 1


@kernel
def preview(numbers: np.ndarray, car: Record, slip_angle: float, line: np.ndarray, circuit: Record) -> None:
    """Write the preview of a car, in [-1, 1]; left is positive.

    Points lie where the car would be in ``TIMES`` at its present speed: the middle between the borders, and half of the
    road's width as a vector from there to the left border, both in the car's frame and as shares of the distance along
    the road plus ``NEAR``. A curve is the tightest between this point and the one before, as the square root of the
    lateral acceleration that it would take at the present speed, a share of that of ``CURVE_SCALE``.

    Args:
        numbers: (SIZE,) float32, written in the order of ``NAMES``: the slip angle as a share of ``SLIP_SCALE``; the
            offset as a share of the width on that side, 1 at the border; the angle to the left of the road as a share
            of π; the width of the road as a share of ``WIDTH_SCALE``; the width on the left less that on the right, as
            a share of both; and for each time, middle, half width and curve.
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
    speed = max(LEAST_SPEED, car.speed)
    passed = 0
    for k in range(len(TIMES)):
        distance = TIMES[k] * speed
        until = int(distance / circuit.step)
        tightest = 0.0
        while passed <= until:
            curvature = line[i, CURVATURE]
            if abs(curvature) > abs(tightest):
                tightest = curvature
            passed += 1
            i = i + 1 if i + 1 < circuit.samples else 0
        tx, ty = line[i, TX], line[i, TY]
        half = 0.5 * (line[i, LEFT] + line[i, RIGHT])
        aside = 0.5 * (line[i, LEFT] - line[i, RIGHT])
        dx = line[i, X] - ty * aside - car.x
        dy = line[i, Y] + tx * aside - car.y
        reach = distance + NEAR
        at = PLACE + POINT * k
        numbers[at] = _share(cosine * dx + sine * dy, reach)
        numbers[at + 1] = _share(cosine * dy - sine * dx, reach)
        numbers[at + 2] = _share((sine * tx - cosine * ty) * half, reach)
        numbers[at + 3] = _share((cosine * tx + sine * ty) * half, reach)
        curve = min(1.0, speed * np.sqrt(abs(tightest) / CURVE_SCALE))
        numbers[at + 4] = curve if tightest >= 0.0 else -curve


@kernel
def _share(value: float, scale: float) -> float:
    """A value as a share of a scale, within [-1, 1]."""
    return min(1.0, max(-1.0, value / max(1e-6, scale)))
