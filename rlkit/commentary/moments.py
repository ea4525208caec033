"""What a commentary is made from: `Moment`, a car's motion, objects and values, and the `Facts` of two of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rlkit.boxes import Boxes
from rlkit.capabilities import Situation
from rlkit.commentary.facts import TURNING, Cause, Distance, Facts, Manoeuvre, ObjectKind, Road, Room, Side, Weather
from rlkit.errors import UserError

INTERVAL = 0.5  # s between the two pictures, over which changes are measured

# Limits. One decision of full throttle or full brakes of the simulator's road car changes the speed by about 1 m/s.
STANDING = 0.5  # m/s
ACCELERATION, BRAKING = 1.1, -0.9  # m/s² over the interval
YAW_RATE = 0.25  # rad/s, mean over the interval, from which a car is turning
DRIFT = 0.6  # m/s to the side, along the road, from which a car moves aside
PATH = 2.0  # m between the middles of two cars, below which one is in the path of the other
REACH = 40.0  # m, objects further away are not mentioned
BESIDE = 25.0  # m, those beside the path
PASSED = 12.0  # m, below which an object beside is being passed
CLOSING = 1.0  # m/s
SLOW = 0.5  # m/s, below which a car is standing
BEND_REACH, HERE = 30.0, 8.0  # m, of the road ahead and of the place where the car is
BEND, SHARP_BEND = 0.25, 0.7  # rad, change of direction over BEND_REACH
IN_BEND = 0.016  # 1/m, mean curvature over HERE
CAR_ROOM = 2.4  # m, that a car needs to pass
ALONG = 12.0  # m, along the road, between two objects that block the road together
HALF_WIDTH = {ObjectKind.CAR: 0.9, ObjectKind.CONE: 0.2}  # m
HALF_LENGTH = {ObjectKind.CAR: 2.2, ObjectKind.CONE: 0.2}  # m
BANDS = ((8.0, Distance.M5), (14.0, Distance.M10), (25.0, Distance.M20), (math.inf, Distance.M30))

SIGNALS = (
    "speed",
    "acceleration",
    "yaw rate",
    "mean yaw rate",
    "steering",
    "pedal",
    "brake value",
    "coast value",
    "accelerate value",
    "left value",
    "straight value",
    "right value",
)
"""Numbers that the driver itself knows: motion, controls, and of each group of actions the best Q-value."""
_SCALES = np.array([15.0, 3.0, 0.4, 0.4, 0.2, 1.0], dtype=np.float32)


@dataclass(frozen=True)
class Moment:
    """One decision of a car.

    Args:
        situation: Motion, road and weather.
        boxes: The objects in the camera's picture, with `distance`, `bearing`, `relative_speed` and `speed`.
        classes: Names of their classes.
        values: (6,) of each group of actions (brake, coast, accelerate, left, straight, right) the best Q-value less
            the best of all, as a share of the range of the Q-values; zeros for a driver without.
    """

    situation: Situation
    boxes: Boxes
    classes: tuple[str, ...]
    values: npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Seen:
    """An object on the road, relative to the car."""

    kind: ObjectKind
    ahead: float  # m, distance to its nearest point
    along: float  # m, of its middle, along the road
    offset: float  # m to the left of the middle of the road
    aside: float  # m to the left of the car
    closing: float  # m/s
    speed: float  # m/s
    half_road: float  # m, half of the road's width there

    @property
    def in_path(self) -> bool:
        return abs(self.aside) < PATH

    @property
    def side(self) -> Side:
        return Side.AHEAD if self.in_path else Side.LEFT if self.aside > 0.0 else Side.RIGHT

    @property
    def cause(self) -> Cause:
        if self.kind is ObjectKind.CONE:
            return Cause.CONE
        if self.speed < SLOW:
            return Cause.STANDING_CAR
        return Cause.SLOWER_CAR if self.closing > CLOSING else Cause.CAR_AHEAD


def group_values(
    q: npt.NDArray[np.float32] | None, controls: npt.NDArray[np.float64] | None
) -> npt.NDArray[np.float32]:
    """The `values` of a `Moment`.

    Args:
        q: (A,) Q-values; None for a driver without.
        controls: (A, 2) steering and pedal of each action; None if unknown.
    """
    values = np.zeros(6, dtype=np.float32)
    if q is None or controls is None or not np.ptp(q) > 0.0:
        return values
    steering, pedal = np.sign(controls[:, 0]), np.sign(controls[:, 1])
    share = (q - q.max()) / np.ptp(q)
    groups = [pedal == -1.0, pedal == 0.0, pedal == 1.0, steering == 1.0, steering == 0.0, steering == -1.0]
    for index, group in enumerate(groups):
        values[index] = share[group].max() if group.any() else -1.0
    return values


def signals_of(window: Sequence[Moment]) -> npt.NDArray[np.float32]:
    """The numbers (S,) of `SIGNALS`, of the order of 1.

    Args:
        window: The moments of one interval, the oldest first; at least one.
    """
    now = window[-1].situation
    numbers = [now.speed, _acceleration(window), now.yaw_rate, _yaw_rate(window), now.steering, now.pedal]
    motion = np.array(numbers, dtype=np.float32) / _SCALES
    return np.concatenate([motion, window[-1].values]).astype(np.float32)


def facts_of(window: Sequence[Moment]) -> Facts:
    """What is true at the end of an interval.

    Args:
        window: The moments of one interval, the oldest first; at least one.

    Raises:
        UserError: The weather or the class of an object is not known.
    """
    now = window[-1].situation
    offset, _ = _place(now)
    seen = sorted(_objects(window[-1], offset), key=lambda one: one.ahead)
    path = next((one for one in seen if one.in_path), None)
    beside = next((one for one in seen if not one.in_path and one.ahead < BESIDE), None)
    manoeuvre, target = _manoeuvre(window, offset, path, beside)
    road, here = _road(now), _bend_here(now)
    shown = target or path or beside
    if target is not None:
        cause = target.cause
    elif manoeuvre in TURNING:
        cause = Cause.BEND
    elif path is not None and (path.cause is not Cause.CAR_AHEAD or path.ahead < BESIDE):
        cause = path.cause
    elif here:
        cause = Cause.BEND_ENDS if road is Road.STRAIGHT else Cause.BEND
    elif road is not Road.STRAIGHT and manoeuvre is not Manoeuvre.ACCELERATING:
        cause = Cause.BEND_AHEAD
    elif manoeuvre is Manoeuvre.BRAKING:
        cause = beside.cause if beside is not None and beside.closing > CLOSING else Cause.HIGH_SPEED
    elif path is not None:
        cause = path.cause
    else:
        cause = Cause.CLEAR_ROAD
    is_cause = shown is not None and cause is shown.cause and manoeuvre not in TURNING
    room = Room.ENOUGH
    if shown is not None and is_cause and target is None and shown.in_path:
        room = _room(shown, seen, window[-1].values)
    if now.weather not in _WEATHERS:
        raise UserError(f"situation() has the weather {now.weather!r}; known are {', '.join(_WEATHERS)}.", exit_code=1)
    return Facts(
        manoeuvre,
        cause,
        ObjectKind.NONE if shown is None else shown.kind,
        Distance.NONE if shown is None else _band(shown.ahead),
        Side.NONE if shown is None else shown.side,
        room,
        _WEATHERS[now.weather],
        road,
    )


_WEATHERS = {str(weather).replace("-", " "): weather for weather in Weather}


def _manoeuvre(
    window: Sequence[Moment], offset: float, path: _Seen | None, beside: _Seen | None
) -> tuple[Manoeuvre, _Seen | None]:
    """What the car does, and the object that it passes or moves aside for."""
    now = window[-1].situation
    acceleration, drift = _acceleration(window), _drift(window, offset)
    if now.speed < STANDING and acceleration < ACCELERATION:
        return Manoeuvre.STANDING, None
    for one in (path, beside):
        if one is not None and _moves_aside(one, drift):
            return (Manoeuvre.MOVING_LEFT if drift > 0.0 else Manoeuvre.MOVING_RIGHT), one
    if acceleration < BRAKING:
        return Manoeuvre.BRAKING, None
    if beside is not None and beside.ahead < PASSED and beside.closing > CLOSING:
        return Manoeuvre.PASSING, beside
    if acceleration > ACCELERATION:
        return Manoeuvre.ACCELERATING, None
    turn = _yaw_rate(window)
    if abs(turn) > YAW_RATE and _bend_here(now) * turn > 0.0:
        return (Manoeuvre.TURNING_LEFT if turn > 0.0 else Manoeuvre.TURNING_RIGHT), None
    return Manoeuvre.KEEPING_SPEED, None


def _moves_aside(one: _Seen, drift: float) -> bool:
    """Whether a drift (m/s to the left) leads out of the way of an object that the car comes nearer to."""
    away = drift * one.aside < 0.0 or abs(one.aside) < 0.5 * PATH
    return one.closing > CLOSING and abs(drift) > DRIFT and away and abs(one.aside) < 1.5 * PATH


def _acceleration(window: Sequence[Moment]) -> float:
    return (window[-1].situation.speed - window[0].situation.speed) / INTERVAL


def _yaw_rate(window: Sequence[Moment]) -> float:
    return float(np.mean([moment.situation.yaw_rate for moment in window]))


def _drift(window: Sequence[Moment], offset: float) -> float:
    """Motion to the left relative to the road, in m/s."""
    return (offset - _place(window[0].situation)[0]) / INTERVAL


def _place(situation: Situation) -> tuple[float, float]:
    """Metres to the left of the middle of the road, and the direction of the road relative to the car, in radians."""
    (_, x, y, *_), (_, next_x, next_y, *_) = situation.road[:2].tolist()
    direction = math.atan2(next_y - y, next_x - x)
    return x * math.sin(direction) - y * math.cos(direction), direction


def _objects(moment: Moment, offset: float) -> list[_Seen]:
    """The objects ahead of the car within reach."""
    road, boxes = moment.situation.road, moment.boxes
    seen = []
    for index in range(len(boxes)):
        name = moment.classes[int(boxes.labels[index])]
        if name not in HALF_LENGTH:
            raise UserError(f"A commentary knows no {name!r}: known are {', '.join(HALF_LENGTH)}.", exit_code=1)
        kind = ObjectKind(name)
        distance, bearing, relative, speed = (
            float(boxes.attributes[field][index]) for field in ("distance", "bearing", "relative_speed", "speed")
        )
        if distance > REACH:
            continue
        reach = distance + HALF_LENGTH[kind]
        x, y = reach * math.cos(bearing), reach * math.sin(bearing)
        nearest = int(np.hypot(road[:, 1] - x, road[:, 2] - y).argmin())
        first = min(nearest, len(road) - 2)
        dx, dy = road[first + 1, 1:3] - road[first, 1:3]
        aside = ((y - road[nearest, 2]) * dx - (x - road[nearest, 1]) * dy) / math.hypot(dx, dy)
        along, half = float(road[nearest, 0]), float(road[nearest, 3])
        seen.append(_Seen(kind, distance, along, float(aside), float(aside) - offset, -relative, speed, half))
    return seen


def _heading_change(situation: Situation, reach: float) -> float:
    """Change of direction of the road over a distance, in radians."""
    road = situation.road
    within = road[:, 0] < reach
    steps = np.diff(road[:, 0], append=road[-1, 0])
    return float((road[within, 4] * steps[within]).sum())


def _road(situation: Situation) -> Road:
    angle = _heading_change(situation, BEND_REACH)
    if abs(angle) < BEND:
        return Road.STRAIGHT
    if abs(angle) < SHARP_BEND:
        return Road.LEFT_BEND if angle > 0.0 else Road.RIGHT_BEND
    return Road.SHARP_LEFT_BEND if angle > 0.0 else Road.SHARP_RIGHT_BEND


def _bend_here(situation: Situation) -> int:
    """1 in a bend to the left, -1 to the right, 0 elsewhere."""
    curvature = _heading_change(situation, HERE) / HERE
    return 0 if abs(curvature) < IN_BEND else 1 if curvature > 0.0 else -1


def _room(one: _Seen, seen: Sequence[_Seen], values: npt.NDArray[np.float32]) -> Room:
    """Where there is no room to pass an object: by the road and other objects, unless the driver values that side most.

    Args:
        one: The object.
        seen: All of them.
        values: As in `Moment`.
    """
    half = HALF_WIDTH[one.kind]
    room = {}
    for side, sign, value in ((Side.LEFT, 1.0, values[3]), (Side.RIGHT, -1.0, values[5])):
        end = one.half_road
        for other in seen:
            if other is not one and sign * (other.offset - one.offset) > 0.0 and abs(other.along - one.along) < ALONG:
                end = min(end, sign * other.offset - HALF_WIDTH[other.kind])
        preferred = bool(values.any()) and value == 0.0
        room[side] = preferred or end - sign * one.offset - half > CAR_ROOM
    if room[Side.LEFT] and room[Side.RIGHT]:
        return Room.ENOUGH
    if room[Side.RIGHT]:
        return Room.NONE_LEFT
    return Room.NONE_RIGHT if room[Side.LEFT] else Room.NONE


def _band(distance: float) -> Distance:
    return next(band for limit, band in BANDS if distance < limit)
