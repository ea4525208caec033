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

# Limits. What a picture hardly shows, such as the direction of a car within its lane, decides nothing here. One
# decision of full throttle or full brakes of the simulator's road car changes its speed by about 1 m/s.
STANDING = 0.5  # m/s
ACCELERATION, BRAKING = 1.1, -0.9  # m/s² over the interval
YAW_RATE = 0.25  # rad/s, mean over the interval, from which a car is turning
AROUND = 0.12  # rad/s more than it takes to stay on the road, from which a car moves aside
PATH = 2.0  # m from the predicted path, below which an object is in it
NEAR_PATH = 4.0  # m, below which a car moves aside for an object
REACH = {"car": 30.0, "cone": 17.0}  # m, where they are 4 pixels high in a camera of 96 x 128
OCCLUDED = 0.6  # share of an object that is hidden, from which it is not seen
PASSED = 12.0  # m, below which an object beside is being passed
SLOW = 2.0  # m/s, below which a car is standing; the simulator's others drive at 4 m/s or more
LOOK_AHEAD = 25.0  # m, along the road, to the place whose direction from the car tells where the road goes
ASIDE, SHARPLY_ASIDE = 0.2, 0.45  # rad, of this direction
STEERED_BY = 16.0  # m, place of the road that a car would steer for
SLOWEST = 1.0  # m/s, below which the path is predicted as straight
CAR_ROOM = 2.4  # m, that a car needs to pass
ALONG = 12.0  # m, along the road, between two objects that block the road together
HALF_WIDTH = {"car": 0.9, "cone": 0.2}  # m
HALF_LENGTH = {"car": 2.2, "cone": 0.2}  # m
BANDS = ((8.0, Distance.M5), (14.0, Distance.M10), (25.0, Distance.M20), (math.inf, Distance.M30))

SIGNALS = (
    "speed",
    "acceleration",
    "yaw rate",
    "mean yaw rate",
    "curvature",
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
_SIDED = np.isin(SIGNALS, ["yaw rate", "mean yaw rate", "curvature", "steering"])  # left positive
_SCALES = np.array([15.0, 3.0, 0.4, 0.4, 0.05, 0.2, 1.0], dtype=np.float32)


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
    half_width: float  # m
    ahead: float  # m, distance to its nearest point
    along: float  # m, of its middle, along the road
    offset: float  # m to the left of the middle of the road
    aside: float  # m to the left of the car's predicted path
    closing: float  # m/s
    half_road: float  # m, half of the road's width there

    @property
    def in_path(self) -> bool:
        return abs(self.aside) < PATH

    @property
    def side(self) -> Side:
        return Side.AHEAD if self.in_path else Side.LEFT if self.aside > 0.0 else Side.RIGHT

    @property
    def cause(self) -> Cause:
        return Cause.CONE if self.kind is ObjectKind.CONE else Cause.CAR


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
    motion = [now.speed, _acceleration(window), now.yaw_rate, _yaw_rate(window), _curvature(now)]
    known = np.array([*motion, now.steering, now.pedal], dtype=np.float32) / _SCALES
    return np.concatenate([known, window[-1].values]).astype(np.float32)


def mirrored_signals(signals: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The numbers (S,) of `SIGNALS` of the mirror image, in which left is right."""
    mirrored = signals * np.where(_SIDED, np.float32(-1.0), np.float32(1.0))
    left, right = SIGNALS.index("left value"), SIGNALS.index("right value")
    mirrored[left], mirrored[right] = signals[right], signals[left]
    return mirrored


def facts_of(window: Sequence[Moment]) -> Facts:
    """What is true at the end of an interval.

    Args:
        window: The moments of one interval, the oldest first; at least one.

    Raises:
        UserError: The weather or the class of an object is not known.
    """
    now = window[-1].situation
    seen = sorted(_objects(window[-1]), key=lambda one: one.ahead)
    path = next((one for one in seen if one.in_path), None)
    beside = next((one for one in seen if not one.in_path), None)
    manoeuvre, target = _manoeuvre(window, path, beside)
    road = _road(now)
    shown = target or path or beside
    room = Room.ENOUGH
    if target is not None:
        cause = target.cause
    elif manoeuvre in TURNING:
        cause = Cause.ROAD
    elif path is not None:
        cause, room = path.cause, _room(path, seen, window[-1].values)
    elif road is not Road.AHEAD:
        cause = Cause.ROAD
    else:
        cause = Cause.HIGH_SPEED if manoeuvre is Manoeuvre.BRAKING else Cause.CLEAR_ROAD
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


def _manoeuvre(window: Sequence[Moment], path: _Seen | None, beside: _Seen | None) -> tuple[Manoeuvre, _Seen | None]:
    """What the car does, and the object that it passes or moves aside for."""
    now = window[-1].situation
    acceleration = _acceleration(window)
    if now.speed < STANDING and acceleration < ACCELERATION:
        return Manoeuvre.STANDING, None
    excess = now.yaw_rate - _needed_yaw_rate(now)
    for one in (path, beside):
        if one is not None and _moves_aside(one, excess):
            return (Manoeuvre.MOVING_LEFT if excess > 0.0 else Manoeuvre.MOVING_RIGHT), one
    if acceleration < BRAKING:
        return Manoeuvre.BRAKING, None
    if beside is not None and beside.ahead < PASSED and beside.closing > 0.0:
        return Manoeuvre.PASSING, beside
    if acceleration > ACCELERATION:
        return Manoeuvre.ACCELERATING, None
    turn = _yaw_rate(window)
    bearing = _bearing(now, LOOK_AHEAD)
    if abs(turn) > YAW_RATE and abs(bearing) > ASIDE and turn * bearing > 0.0:
        return (Manoeuvre.TURNING_LEFT if turn > 0.0 else Manoeuvre.TURNING_RIGHT), None
    return Manoeuvre.KEEPING_SPEED, None


def _moves_aside(one: _Seen, excess: float) -> bool:
    """Whether a car comes nearer to an object in its path, or far ahead beside it, and steers away from it.

    Args:
        one: The object.
        excess: rad/s to the left, more than it takes to stay on the road.
    """
    near = one.in_path or (abs(one.aside) < NEAR_PATH and one.ahead >= PASSED)
    return near and one.closing > 0.0 and abs(excess) > AROUND and excess * one.aside <= 0.0


def _acceleration(window: Sequence[Moment]) -> float:
    return (window[-1].situation.speed - window[0].situation.speed) / INTERVAL


def _yaw_rate(window: Sequence[Moment]) -> float:
    return float(np.mean([moment.situation.yaw_rate for moment in window]))


def _curvature(situation: Situation) -> float:
    """Of the predicted path, in 1/m."""
    return situation.yaw_rate / situation.speed if situation.speed > SLOWEST else 0.0


def _bearing(situation: Situation, reach: float) -> float:
    """Direction from the car of the middle of the road at a distance along it, in rad to the left."""
    road = situation.road
    x, y = (float(np.interp(reach, road[:, 0], road[:, column])) for column in (1, 2))
    return math.atan2(y, x)


def _needed_yaw_rate(situation: Situation) -> float:
    """Yaw rate of an arc to the middle of the road (pure pursuit, Coulter 1992), in rad/s."""
    return 2.0 * situation.speed * math.sin(_bearing(situation, STEERED_BY)) / STEERED_BY


def _objects(moment: Moment) -> list[_Seen]:
    """The objects ahead of the car within reach.

    The path is predicted by a constant turn rate, as adaptive cruise control does to select the car that it follows.
    """
    now, boxes = moment.situation, moment.boxes
    road = now.road
    curvature = _curvature(now)
    seen = []
    for index in range(len(boxes)):
        name = moment.classes[int(boxes.labels[index])]
        if name not in REACH:
            raise UserError(f"A commentary knows no {name!r}: known are {', '.join(REACH)}.", exit_code=1)
        distance, bearing, relative, speed = (
            float(boxes.attributes[field][index]) for field in ("distance", "bearing", "relative_speed", "speed")
        )
        if distance > REACH[name] or float(boxes.attributes["occlusion"][index]) > OCCLUDED:
            continue
        stands = name == "car" and speed < SLOW
        kind = ObjectKind.STANDING_CAR if stands else ObjectKind(name)
        reach = distance + HALF_LENGTH[name]
        x, y = reach * math.cos(bearing), reach * math.sin(bearing)
        nearest = int(np.hypot(road[:, 1] - x, road[:, 2] - y).argmin())
        first = min(nearest, len(road) - 2)
        dx, dy = road[first + 1, 1:3] - road[first, 1:3]
        offset = ((y - road[nearest, 2]) * dx - (x - road[nearest, 1]) * dy) / math.hypot(dx, dy)
        aside = y - 0.5 * curvature * x * x
        along, half = float(road[nearest, 0]), float(road[nearest, 3])
        seen.append(_Seen(kind, HALF_WIDTH[name], distance, along, float(offset), aside, -relative, half))
    return seen


def _road(situation: Situation) -> Road:
    angle = _bearing(situation, LOOK_AHEAD)
    if abs(angle) < ASIDE:
        return Road.AHEAD
    if abs(angle) < SHARPLY_ASIDE:
        return Road.LEFT if angle > 0.0 else Road.RIGHT
    return Road.SHARPLY_LEFT if angle > 0.0 else Road.SHARPLY_RIGHT


def _room(one: _Seen, seen: Sequence[_Seen], values: npt.NDArray[np.float32]) -> Room:
    """Where there is no room to pass an object: by the road and other objects, unless the driver values that side most.

    Args:
        one: The object.
        seen: All of them.
        values: As in `Moment`.
    """
    room = {}
    for side, sign, value in ((Side.LEFT, 1.0, values[3]), (Side.RIGHT, -1.0, values[5])):
        end = one.half_road
        for other in seen:
            if other is not one and sign * (other.offset - one.offset) > 0.0 and abs(other.along - one.along) < ALONG:
                end = min(end, sign * other.offset - other.half_width)
        preferred = bool(values.any()) and value == 0.0
        room[side] = preferred or end - sign * one.offset - one.half_width > CAR_ROOM
    if room[Side.LEFT] and room[Side.RIGHT]:
        return Room.ENOUGH
    if room[Side.RIGHT]:
        return Room.NONE_LEFT
    return Room.NONE_RIGHT if room[Side.LEFT] else Room.NONE


def _band(distance: float) -> Distance:
    return next(band for limit, band in BANDS if distance < limit)
