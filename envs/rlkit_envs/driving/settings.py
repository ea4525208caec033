"""What a user may ask of the driving environment, checked in one place."""

import math
import numbers
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rlkit_envs.driving.generator import SPLITS, Split
from rlkit_envs.driving.simulator import Rules

VIEW_SIZES = {"dict": 24, "picture": 64}
SCALES = {"dict": (2.0,), "picture": (1.0, 2.0)}


@dataclass(frozen=True)
class Settings:
    """The keyword arguments of ``rlkit/Driving-v0``, checked.

    Args:
        split: ``train`` or ``test``: two disjoint streams of procedural circuits.
        circuit: One circuit for all episodes: a number (that circuit of the split) or the path of a CSV file with the
            columns x_m, y_m, w_tr_right_m, w_tr_left_m. None: another procedural circuit in every episode.
        num_circuits: Number of procedural circuits of the train split; they stay in memory, about 0.3 MB each.
        start: ``line``: standing at the start line. ``anywhere``: at a random place of the circuit, up to 3 m off its
            middle, turned by up to 0.3 rad, at up to 15 m/s. None: anywhere on the train split, else at the line.
        observation: ``dict``: a picture and a vector. ``picture``: one picture whose last channel shows the vector as
            grey bands, for libraries without Dict spaces; nothing is painted over the road.
        view_size: Height and width of the bird's view in pixels; 24 in a dict, 64 as a picture.
        metres_per_pixel: Scale of the bird's view, one number or one per channel; 2 in a dict, (1, 2) as a picture.
        off_road: ``terminate``: the episode ends when two wheels have left the road. ``slow``: it goes on; grass costs
            grip and speed.
        off_road_penalty: Taken off the reward when the car leaves the road; a whole lap is worth 100.
        paid_speed: Progress is paid up to this speed, in m/s: a cap teaches reliability. None: all of it is paid.
        max_episode_steps: Decisions (of 0.1 s) after which an episode is cut; None: what a lap at 4 m/s takes.
            (``gymnasium.make`` keeps this argument for its TimeLimit wrapper, whose last info lacks the lap's figures.)

    Raises:
        ValueError: A value is out of range; the message names the range.
    """

    split: Split = "train"
    circuit: int | str | None = None
    num_circuits: int = 256
    start: Literal["anywhere", "line"] | None = None
    observation: Literal["dict", "picture"] = "dict"
    view_size: int | None = None
    metres_per_pixel: float | tuple[float, ...] | None = None
    off_road: Literal["terminate", "slow"] = "terminate"
    off_road_penalty: float = 5.0
    paid_speed: float | None = None
    max_episode_steps: int | None = None

    def __post_init__(self) -> None:
        check_choice("split", self.split, SPLITS)
        check_choice("start", self.start, ("anywhere", "line", None))
        check_choice("observation", self.observation, ("dict", "picture"))
        check_choice("off_road", self.off_road, ("terminate", "slow"))
        check_circuit(self.circuit)
        check_integer("num_circuits", self.num_circuits, 1, 100_000)
        if self.view_size is not None:
            check_integer("view_size", self.view_size, 8, 256)
        if self.max_episode_steps is not None:
            check_integer("max_episode_steps", self.max_episode_steps, 1, 1_000_000)
        if not 1 <= len(self.scales) <= 4:
            raise ValueError(f"metres_per_pixel={self.metres_per_pixel!r}: between 1 and 4 scales are expected")
        for scale in self.scales:
            check_number("metres_per_pixel", scale, 0.1, 8.0)
        check_number("off_road_penalty", self.off_road_penalty, 0.0, 1000.0)
        if self.paid_speed is not None:
            check_number("paid_speed", self.paid_speed, 1.0, 100.0)

    @property
    def scales(self) -> tuple[float, ...]:
        """Metres per pixel of each channel."""
        chosen = self.metres_per_pixel
        if chosen is None:
            return SCALES[self.observation]
        return tuple(chosen) if isinstance(chosen, Sequence) else (chosen,)

    @property
    def starts_anywhere(self) -> bool:
        """Whether episodes start at a random place rather than at the start line."""
        return self.start == "anywhere" or (self.start is None and self.split == "train")

    def rules(self) -> Rules:
        """The same, as the simulator takes it."""
        return Rules(
            view_size=int(self.view_size or VIEW_SIZES[self.observation]),
            metres_per_pixel=tuple(float(scale) for scale in self.scales),
            gauges_painted=self.observation == "picture",
            terminate_off_road=self.off_road == "terminate",
            paid_speed=math.inf if self.paid_speed is None else float(self.paid_speed),
            off_road_penalty=float(self.off_road_penalty),
        )


def check_choice(name: str, value: object, choices: Sequence[object]) -> None:
    """Raise ValueError unless the value is one of the choices."""
    if not (value is None or isinstance(value, str)) or value not in choices:
        raise ValueError(f"{name}={value!r}: expected one of {', '.join(map(repr, choices))}")


def check_integer(name: str, value: object, low: int, high: int) -> None:
    """Raise ValueError unless the value is a whole number within the range; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not low <= int(value) <= high:
        raise ValueError(f"{name}={value!r}: expected a whole number from {low:,} to {high:,}")


def check_number(name: str, value: object, low: float, high: float) -> None:
    """Raise ValueError unless the value is a number within the range; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not low <= float(value) <= high:
        raise ValueError(f"{name}={value!r}: expected a number from {low:g} to {high:g}")


def check_circuit(value: object) -> None:
    """Raise ValueError unless the value names a circuit: a number from 0, the path of a file, or None."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral | str | os.PathLike | None):
        raise ValueError(f"circuit={value!r}: expected a number from 0, the path of a CSV file, or None")
    if isinstance(value, numbers.Integral) and int(value) < 0:
        raise ValueError(f"circuit={value!r}: circuits are numbered from 0")
