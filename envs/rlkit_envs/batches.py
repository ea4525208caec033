"""What every batch of environments is asked for: how it resets, which of them, and from which seeds; checked."""

import numbers
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode


def checked_autoreset_mode(mode: str | AutoresetMode) -> AutoresetMode:
    """The mode that was asked for, by name or as it is; ValueError for modes that are not supported."""
    known = {"disabled": AutoresetMode.DISABLED, "next_step": AutoresetMode.NEXT_STEP}
    if isinstance(mode, AutoresetMode) and mode in known.values():
        return mode
    if isinstance(mode, str) and mode.lower() in known:
        return known[mode.lower()]
    raise ValueError(f"autoreset_mode={mode!r}: expected 'disabled' or 'next_step'")


def checked_mask(mask: Any, count: int) -> npt.NDArray[np.bool_]:
    """(N,) bool mask of the environments to reset, all of them for None; ValueError where it does not fit."""
    if mask is None:
        return np.ones(count, dtype=np.bool_)
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (count,) or not mask.any():
        raise ValueError(f"options['reset_mask']: a bool array of shape ({count},) with at least one True is expected")
    return mask


def checked_seeds(seed: Any, count: int) -> list[int | None]:
    """One seed or None per environment; ValueError where they are not N."""
    if seed is None:
        return [None] * count
    if isinstance(seed, numbers.Integral):
        return [int(seed) + i for i in range(count)]
    if len(seed) != count:
        raise ValueError(f"{len(seed)} seeds are given; {count} are expected")
    return [None if one is None else int(one) for one in seed]


def checked_numbers(actions: Any, count: int, choices: int) -> npt.NDArray[np.int64]:
    """(N,) int64 numbers of discrete actions; ValueError where they are not those of N environments."""
    array = np.asarray(actions)
    if array.shape != (count,) or array.dtype.kind not in "iu":
        raise ValueError(
            f"actions of shape {array.shape} and type {array.dtype}: ({count},) whole numbers are expected"
        )
    if array.min() < 0 or array.max() >= choices:
        raise ValueError(f"actions from {array.min()} to {array.max()}: 0 to {choices - 1} are expected")
    return np.ascontiguousarray(array, dtype=np.int64)
