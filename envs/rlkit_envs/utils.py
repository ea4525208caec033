"""What environments share: checks of arguments, visible keyword arguments, key codes, threads."""

import dataclasses
import inspect
import numbers
import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from reprlib import repr as shown
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

T = TypeVar("T")

Keys: TypeAlias = tuple[int, ...] | str
"""A combination of keys as ``gymnasium.utils.play`` takes it: their codes in ascending order, or ``NO_KEY``."""

NO_KEY = ""  # ``play`` refuses the empty tuple, and reads a text as a combination of its letters: here, of none

# Key codes of SDL, which pygame and ``gymnasium.utils.play`` use.
KEYS = {"up": 1073741906, "down": 1073741905, "left": 1073741904, "right": 1073741903, "fire": 32}


def check_count(name: str, value: Any, low: int, high: int) -> None:
    """Raise ValueError unless a value is an integer from ``low`` to ``high``."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(
            f"{name} should be a whole number of at least {low:,} and at most {high:,}, not {shown(value)}"
        )


def check_probability(name: str, value: Any) -> None:
    """Raise ValueError unless a value is a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{name} should be from 0 to 1, not {shown(value)}")


def check_bool(name: str, value: Any) -> None:
    """Raise ValueError unless a value is True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} should be true or false, not {shown(value)}")


def checked_autoreset_mode(mode: str | AutoresetMode) -> AutoresetMode:
    """The autoreset mode, given by name or as it is; ValueError for modes that are not supported."""
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
    """One seed or None per environment; ValueError for another number of seeds."""
    if seed is None:
        return [None] * count
    if isinstance(seed, numbers.Integral):
        return [int(seed) + i for i in range(count)]
    if len(seed) != count:
        raise ValueError(f"{len(seed)} seeds are given; {count} are expected")
    return [None if one is None else int(one) for one in seed]


def checked_numbers(actions: Any, count: int, choices: int) -> npt.NDArray[np.int64]:
    """(N,) int64 discrete actions; ValueError for other shapes, types or values."""
    array = np.asarray(actions)
    if array.shape != (count,) or array.dtype.kind not in "iu":
        raise ValueError(
            f"actions of shape {array.shape} and type {array.dtype}: ({count},) whole numbers are expected"
        )
    if array.min() < 0 or array.max() >= choices:
        raise ValueError(f"actions from {array.min()} to {array.max()}: 0 to {choices - 1} are expected")
    return np.ascontiguousarray(array, dtype=np.int64)


def key_combination(codes: Iterable[int]) -> Keys:
    """The combination of some keys, of none perhaps, for ``get_keys_to_action``."""
    return tuple(sorted(codes)) or NO_KEY


def shows_fields(settings: type[Any]) -> Callable[[type[T]], type[T]]:
    """Class decorator: show the fields of a dataclass in the signature of a class that takes them as ``**kwargs``."""

    def shown_class(environment: type[T]) -> type[T]:
        # Parameters of every class that the keyword arguments pass through; the most derived class wins.
        parameters: dict[str, inspect.Parameter] = {}
        for ancestor in environment.__mro__:
            if "__init__" not in vars(ancestor) or ancestor is object:
                continue
            shown_here = list(inspect.signature(vars(ancestor)["__init__"]).parameters.values())[1:]
            for parameter in shown_here:
                if parameter.kind is not parameter.VAR_KEYWORD:
                    parameters.setdefault(parameter.name, parameter)
            if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in shown_here):
                break
        own = list(parameters.values())
        fields = [
            inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
            for field in dataclasses.fields(settings)
        ]
        environment.__signature__ = inspect.Signature(own + fields)  # type: ignore[attr-defined]
        return environment

    return shown_class


def available_cores() -> int:
    """Number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Threads:
    """Splits a batch of environments into ranges and runs a kernel over them in threads.

    Args:
        count: Threads, the calling one included.
        per_task: Smallest number of environments per thread.
    """

    def __init__(self, count: int, per_task: int):
        self.count = count
        self._per_task = per_task
        self._others: ThreadPoolExecutor | None = None
        self._process = 0

    def share(self, work: Callable[..., None], environments: int, *arguments: object) -> None:
        """Call ``work(low, high, *arguments)`` over ranges that cover all environments; returns when all are done."""
        parts = min(self.count, environments // self._per_task)
        if parts < 2:
            work(0, environments, *arguments)
            return
        if self._others is None or self._process != os.getpid():  # threads do not survive a fork
            self._others = ThreadPoolExecutor(self.count - 1, thread_name_prefix="environments")
            self._process = os.getpid()
        bounds = [environments * part // parts for part in range(parts + 1)]
        waiting: list[Future[None]] = [
            self._others.submit(work, low, high, *arguments) for low, high in pairwise(bounds[1:])
        ]
        work(bounds[0], bounds[1], *arguments)
        for one in waiting:
            one.result()

    def close(self) -> None:
        """Stop the threads."""
        if self._others is not None and self._process == os.getpid():
            self._others.shutdown()
        self._others = None
