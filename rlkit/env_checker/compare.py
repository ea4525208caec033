"""Compare a value with its space, and two trajectories with each other."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

Mismatch = tuple[str, str]
"""Name of an issue in the catalogue, and its message."""

RELATIVE, ABSOLUTE = 1e-5, 1e-6  # tolerances for float32 sums in another order


def find_mismatch(space: spaces.Space[Any], value: Any, where: str = "the observation") -> Mismatch | None:
    """Find the first mismatch between an observation and its space.

    Args:
        space: The space.
        value: The observation.
        where: Its name in messages.

    Returns:
        None if it belongs to the space.
    """
    if isinstance(space, spaces.Dict):
        return _dict_mismatch(space, value, where)
    if isinstance(space, spaces.Tuple):
        if not isinstance(value, tuple) or len(value) != len(space.spaces):
            return "observation-type", f"{where} is {_kind(value)}, not a tuple of {len(space.spaces)}"
        parts = (find_mismatch(part, value[i], f"{where}[{i}]") for i, part in enumerate(space.spaces))
        return next((found for found in parts if found is not None), None)
    if isinstance(space, spaces.Box):
        return _box_mismatch(space, value, where)
    if not space.contains(value):
        return "observation-out-of-bounds", f"{where} is {_short(value)}, which is not in {space}"
    return None


def reward_mismatch(reward: Any) -> Mismatch | None:
    """Report a reward that is not a finite number; None if it is one."""
    if isinstance(reward, bool | np.bool_) or not isinstance(reward, int | float | np.integer | np.floating):
        return "reward-type", f"the reward is {_kind(reward)}, not a number"
    with np.errstate(over="ignore"):
        if not np.isfinite(np.float32(reward)):
            return "reward-not-finite", f"the reward is {float(reward):g}"
    return None


def flag_mismatch(name: str, flag: Any) -> Mismatch | None:
    """Report a `terminated` or `truncated` that is not True or False; None if it is."""
    return None if isinstance(flag, bool | np.bool_) else ("flag-type", f"{name} is {_kind(flag)}, not True or False")


def _dict_mismatch(space: spaces.Dict, value: Any, where: str) -> Mismatch | None:
    if not isinstance(value, dict):
        return "observation-type", f"{where} is {_kind(value)}, not a dict with {', '.join(map(repr, space))}"
    missing, unknown = sorted(set(space) - set(value)), sorted(set(value) - set(space))
    if missing or unknown:
        what = f"lacks {missing[0]!r}" if missing else f"has {unknown[0]!r}, which its space does not have"
        return "observation-type", f"{where} {what}"
    parts = (find_mismatch(part, value[key], f"{where}[{key!r}]") for key, part in space.items())
    return next((found for found in parts if found is not None), None)


def _box_mismatch(space: spaces.Box, value: Any, where: str) -> Mismatch | None:
    if not isinstance(value, np.ndarray | np.generic):
        return "observation-type", f"{where} is {_kind(value)}, not an array"
    if value.shape != space.shape:
        return "observation-shape", f"{where} has shape {value.shape}; its space has {space.shape}"
    if not np.can_cast(value.dtype, space.dtype):
        return "observation-dtype", f"{where} is of {value.dtype}; its space has {space.dtype}"
    array: Any = value
    with np.errstate(invalid="ignore"):
        outside = ~((array >= space.low) & (array <= space.high))
        infinite = ~np.isfinite(value)
    if infinite.any():
        place, number = _first(infinite, value)
        return "observation-not-finite", f"{where}{place} is {number:g}"
    if outside.any():
        place, number = _first(outside, value)
        low, high = _first(outside, space.low)[1], _first(outside, space.high)[1]
        return "observation-out-of-bounds", f"{where}{place} is {number:g}, beyond [{low:g}, {high:g}]"
    return None


def _first(mask: Any, value: Any) -> tuple[str, float]:
    """The first index at which a mask holds, such as "[1, 2]", and the value there."""
    index = tuple(int(i) for i in np.argwhere(mask)[0])
    return f"[{', '.join(map(str, index))}]" if index else "", float(np.asarray(value)[index])


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


@dataclass(frozen=True)
class StepResult:
    """Result of `step`, or of `reset` with reward 0 and both flags False."""

    observation: Any
    reward: float
    terminated: bool
    truncated: bool
    info: Mapping[str, Any]

    @property
    def ended(self) -> bool:
        """Whether the episode is over."""
        return self.terminated or self.truncated

    def copy(self) -> "StepResult":
        """The same with a copy of the observation."""
        return StepResult(copy.deepcopy(self.observation), self.reward, self.terminated, self.truncated, self.info)


def first_difference(expected: Sequence[StepResult], came: Sequence[StepResult], exact: bool = True) -> str | None:
    """Describe the first difference of two trajectories; None if they are equal.

    Args:
        expected: One of them, beginning with the reset.
        came: The other.
        exact: Whether to compare bit for bit, else within rounding errors.
    """
    for step, (one, other) in enumerate(zip(expected, came, strict=False)):
        where = "the first observation" if step == 0 else f"step {step}"
        found = difference(one.observation, other.observation, exact)
        if found is not None:
            return f"{where}: observation{found}"
        if not _same_number(one.reward, other.reward, exact):
            return f"{where}: the reward is {other.reward:g} instead of {one.reward:g}"
        for flag in ("terminated", "truncated"):
            if getattr(one, flag) != getattr(other, flag):
                return f"{where}: {flag} is {getattr(other, flag)} instead of {getattr(one, flag)}"
    if len(expected) != len(came):
        return f"one trajectory has {len(expected) - 1} steps, the other {len(came) - 1}"
    return None


def difference(expected: Any, came: Any, exact: bool = True, path: str = "") -> str | None:
    """Describe where two observations differ, as `['state'][3] is 0.1 instead of 0.2`; None if they are equal."""
    if isinstance(expected, Mapping) and isinstance(came, Mapping):
        if set(expected) != set(came):
            return f"{path} has other keys"
        pairs = [(f"{path}[{key!r}]", expected[key], came[key]) for key in expected]
    elif isinstance(expected, tuple | list) and isinstance(came, tuple | list):
        if len(expected) != len(came):
            return f"{path} has another length"
        pairs = [(f"{path}[{i}]", *pair) for i, pair in enumerate(zip(expected, came, strict=True))]
    else:
        return _difference_of_arrays(np.asarray(expected), np.asarray(came), exact, path)
    found = (difference(one, other, exact, place) for place, one, other in pairs)
    return next((text for text in found if text is not None), None)


def _difference_of_arrays(expected: Any, came: Any, exact: bool, path: str) -> str | None:
    if expected.shape != came.shape:
        return f"{path} has shape {came.shape} instead of {expected.shape}"
    if expected.dtype.kind in "fc" and came.dtype.kind in "fc":
        same = (expected == came) | (np.isnan(expected) & np.isnan(came))
        if not exact:
            same |= np.isclose(expected, came, RELATIVE, ABSOLUTE)
    else:
        same = np.asarray(expected == came)
    if same.all():
        return None
    index = tuple(int(i) for i in np.argwhere(~same)[0])
    place = f"[{', '.join(map(str, index))}]" if index else ""
    return f"{path}{place} is {came[index]} instead of {expected[index]}"


def _same_number(one: float, other: float, exact: bool) -> bool:
    if one == other or (np.isnan(one) and np.isnan(other)):
        return True
    return not exact and bool(np.isclose(one, other, RELATIVE, ABSOLUTE))
