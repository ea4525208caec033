"""`Facts`: what can be said of a moment of driving, slot by slot."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Self


class Manoeuvre(StrEnum):
    """What the car does."""

    STANDING = "standing"
    BRAKING = "braking"
    ACCELERATING = "accelerating"
    KEEPING_SPEED = "keeping-speed"
    TURNING_LEFT = "turning-left"  # with the road
    TURNING_RIGHT = "turning-right"
    MOVING_LEFT = "moving-left"  # to get past an object
    MOVING_RIGHT = "moving-right"
    PASSING = "passing"


class Cause(StrEnum):
    """Why it does so."""

    CLEAR_ROAD = "clear-road"
    ROAD = "road"  # goes to a side
    HIGH_SPEED = "high-speed"
    CAR = "car"
    CONE = "cone"


class ObjectKind(StrEnum):
    """The object that matters most."""

    NONE = "none"
    CAR = "car"  # that moves
    STANDING_CAR = "standing-car"
    CONE = "cone"


class Distance(StrEnum):
    """Band of the distance of the object: less than 8 m, 8 to 14, 14 to 25, 25 to 30."""

    NONE = "none"
    M5 = "5-m"
    M10 = "10-m"
    M20 = "20-m"
    M30 = "30-m"


class Side(StrEnum):
    """Where the object is."""

    NONE = "none"
    AHEAD = "ahead"  # in the path of the car
    LEFT = "left"
    RIGHT = "right"


class Room(StrEnum):
    """On which side an object in the path leaves no room to pass it."""

    ENOUGH = "enough"
    NONE_LEFT = "none-on-the-left"
    NONE_RIGHT = "none-on-the-right"
    NONE = "none"


class Weather(StrEnum):
    """What is worth saying of weather and light."""

    FAIR = "fair"
    RAIN = "rain"
    SNOW = "snow"
    FOG = "fog"
    NIGHT = "night"
    LOW_SUN = "low-sun"


class Road(StrEnum):
    """Where the road goes, seen from the car: the direction of its middle 25 m ahead."""

    AHEAD = "ahead"
    LEFT = "left"
    RIGHT = "right"
    SHARPLY_LEFT = "sharply-left"
    SHARPLY_RIGHT = "sharply-right"


OBJECT_CAUSES = {
    Cause.CAR: (ObjectKind.CAR, ObjectKind.STANDING_CAR),
    Cause.CONE: (ObjectKind.CONE,),
}
AROUND_OBJECTS = (Manoeuvre.MOVING_LEFT, Manoeuvre.MOVING_RIGHT, Manoeuvre.PASSING)
LEFT_ROADS, RIGHT_ROADS = (Road.LEFT, Road.SHARPLY_LEFT), (Road.RIGHT, Road.SHARPLY_RIGHT)
TURNING = (Manoeuvre.TURNING_LEFT, Manoeuvre.TURNING_RIGHT)


@dataclass(frozen=True)
class Facts:
    """What is true of a moment; the fields are the slots by which sentences are judged.

    Args:
        manoeuvre: What the car does.
        cause: Why.
        object: The object that is the cause, else the nearest one that is worth mentioning.
        distance: Of this object.
        side: Where this object is.
        room: Where there is no room to pass an object in the path that is the cause.
        weather: Weather and light.
        road: The road ahead.

    Raises:
        ValueError: These do not go together; see `contradiction`.
    """

    manoeuvre: Manoeuvre
    cause: Cause
    object: ObjectKind = ObjectKind.NONE
    distance: Distance = Distance.NONE
    side: Side = Side.NONE
    room: Room = Room.ENOUGH
    weather: Weather = Weather.FAIR
    road: Road = Road.AHEAD

    def __post_init__(self) -> None:
        problem = self.contradiction()
        if problem:
            raise ValueError(f"{self}: {problem}")

    def contradiction(self) -> str:
        """Why the slots do not go together; "" if they do."""
        kinds = OBJECT_CAUSES.get(self.cause)
        around, turning = self.manoeuvre in AROUND_OBJECTS, self.manoeuvre in TURNING
        ahead = self.side is Side.AHEAD
        checks = (
            (len({self.object is ObjectKind.NONE, self.distance is Distance.NONE, self.side is Side.NONE}) > 1,
             "an object has a distance and a side"),
            (kinds is not None and self.object not in kinds, f"the object should be a {self.cause}"),
            (around and kinds is None, "an object is the cause of moving aside and of passing"),
            (self.manoeuvre is Manoeuvre.PASSING and ahead, "what is passed is on one side"),
            (turning and self.cause is not Cause.ROAD, "the road is the cause of turning"),
            (self.cause is Cause.ROAD and self.road is Road.AHEAD, "the road goes to a side"),
            (self.manoeuvre is Manoeuvre.TURNING_LEFT and self.road not in LEFT_ROADS, "the road goes to the left"),
            (self.manoeuvre is Manoeuvre.TURNING_RIGHT and self.road not in RIGHT_ROADS, "the road goes to the right"),
            (self.cause is Cause.HIGH_SPEED and self.manoeuvre is not Manoeuvre.BRAKING, "cars brake at high speed"),
            (self.cause is Cause.CLEAR_ROAD and ahead, "with an object in the path, the road is not clear"),
            (self.room is not Room.ENOUGH and (kinds is None or around or not ahead),
             "room is told of an object in the path that is the cause"),
        )  # fmt: skip
        return next((problem for wrong, problem in checks if wrong), "")

    def slots(self) -> dict[str, str]:
        """Name of each slot to its value."""
        return {field.name: str(getattr(self, field.name)) for field in fields(self)}

    def mirrored(self) -> Self:
        """The facts of the mirror image, in which left is right."""
        return self.from_slots({name: _MIRRORED.get(value, value) for name, value in self.slots().items()})

    def told(self) -> dict[str, str]:
        """The slots without those of an object that there is none of, and without `room` where there is enough.

        Sentences are judged by these, so that what is mostly absent does not count as right.
        """
        return {name: value for name, value in self.slots().items() if value not in UNTOLD[name]}

    @classmethod
    def from_slots(cls, slots: Mapping[str, str]) -> Self:
        """Inverse of `slots`.

        Raises:
            ValueError: A slot is missing or unknown, has no such value, or the slots do not go together.
        """
        if set(slots) != set(SLOTS):
            raise ValueError(f"expected the slots {', '.join(SLOTS)}, not {', '.join(slots)}")
        return cls(**{name: kind(slots[name]) for name, kind in SLOTS.items()})  # type: ignore[arg-type]


_SIDES = {"left": "right", "sharply-left": "sharply-right"} | {
    f"{name}-left": f"{name}-right" for name in ("turning", "moving", "none-on-the")
}
_MIRRORED = _SIDES | {right: left for left, right in _SIDES.items()}
_NONE = ("none",)
UNTOLD: dict[str, tuple[str, ...]] = {
    "manoeuvre": (),
    "cause": (),
    "object": _NONE,
    "distance": _NONE,
    "side": _NONE,
    "room": ("enough",),
    "weather": (),
    "road": (),
}
"""Values of each slot that are no statement."""

SLOTS: dict[str, type[StrEnum]] = {
    "manoeuvre": Manoeuvre,
    "cause": Cause,
    "object": ObjectKind,
    "distance": Distance,
    "side": Side,
    "room": Room,
    "weather": Weather,
    "road": Road,
}
"""The slots and their values."""
