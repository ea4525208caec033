"""Finds the first place where two courses of an episode part."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rlkit.checking.subject import Answer

RELATIVE, ABSOLUTE = 1e-5, 1e-6  # float32's rounding, summed in another order


def first_difference(expected: Sequence[Answer], came: Sequence[Answer], exact: bool = True) -> str | None:
    """Say where two courses part, or None where they do not.

    Args:
        expected: One of them, the reset first.
        came: The other.
        exact: Whether every bit counts; else what rounding may do is passed over.
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
        return f"one course has {len(expected) - 1} steps, the other {len(came) - 1}"
    return None


def difference(expected: Any, came: Any, exact: bool = True, path: str = "") -> str | None:
    """Say where two observations differ, as `['state'][3] is 0.1 instead of 0.2`; None where they do not."""
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
