"""Checks of a checkpoint's state before it is loaded: the same keys, types and shapes as that of the same learner."""

import copy
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

LARGEST = 2**128  # of a whole number; the state of a random generator has 128 bits
MOST_STEPS = 10**15  # of a counter


def check_state(state: Any, like: Any, where: str = "state") -> None:
    """Compare a state that was read from a file with one of the learner that is to continue from it.

    Args:
        state: Nested dicts and lists of tensors, numbers, strings, booleans and None.
        like: A state of the same learner. Where it is an empty dict or list or None, only finite numbers are required;
            where the first axis of an array is 0, that axis is free.
        where: Name of the state, for errors.

    Raises:
        ValueError: An entry is missing, unknown, of another type, dtype or shape, or a number is not finite.
    """
    if isinstance(like, Mapping) and like:
        if not isinstance(state, Mapping):
            raise ValueError(f"{where} is {_shown(state)}, expected an object")
        for key in sorted(like.keys() ^ state.keys(), key=str):
            raise ValueError(f"{where} {'lacks' if key in like else 'has an unknown entry'} {str(key)[:80]!r}")
        for key, branch in like.items():
            check_state(state[key], branch, f"{where}/{key}")
    elif isinstance(like, list | tuple) and like:
        if not isinstance(state, list) or len(state) != len(like):
            raise ValueError(f"{where} is {_shown(state)}, expected a list of {len(like)}")
        for number, branch in enumerate(like):
            check_state(state[number], branch, f"{where}/{number}")
    elif isinstance(like, torch.Tensor | np.ndarray):
        _check_array(state, torch.as_tensor(like), where)
    elif like is None or isinstance(like, Mapping | list | tuple):
        if like is not None and not isinstance(state, Mapping if isinstance(like, Mapping) else list):
            raise ValueError(
                f"{where} is {_shown(state)}, expected {'an object' if isinstance(like, Mapping) else 'a list'}"
            )
        _check_finite(state, where)
    else:
        number = isinstance(like, float | np.floating)
        kinds = (int, float) if number else (int,) if type(like) is int else (type(like),)
        if type(state) not in kinds:
            raise ValueError(f"{where} is {_shown(state)}, expected {'a number' if number else kinds[0].__name__}")
        _check_finite(state, where)


def check_counts(state: Mapping[str, Any], *names: str, most: int = MOST_STEPS) -> None:
    """Check that some entries of a state are whole numbers from 0 to `most`.

    Raises:
        ValueError: One is missing or is not.
    """
    for name in names:
        value = state.get(name)
        if type(value) is not int or not 0 <= value <= most:
            raise ValueError(f"{name} is {_shown(value)}, expected a whole number from 0 to {most:,}")


def check_moments(saved: Any, optimizer: torch.optim.Optimizer) -> None:
    """Check the saved state of an optimizer by parameter: names, dtypes and shapes of its moments.

    Args:
        saved: By the number of the parameter, as text; parameters that have had no gradient are missing.
        optimizer: The optimizer, before its first step or later.

    Raises:
        ValueError: It is not the state of such an optimizer, or a number in it is not finite.
    """
    probe = copy.deepcopy(optimizer)
    probe.state.clear()
    for group in probe.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    probe.step()
    like = {str(number): values for number, values in probe.state_dict()["state"].items()}
    if not isinstance(saved, Mapping) or saved.keys() - like.keys():
        raise ValueError(f"the optimizer's state should be an object with the numbers of {len(like)} parameters")
    for number, values in saved.items():
        check_state(values, like[number], f"optimizer/{number}")


def _check_array(state: Any, like: torch.Tensor, where: str) -> None:
    if not isinstance(state, torch.Tensor | np.ndarray):
        raise ValueError(f"{where} is {_shown(state)}, expected an array")
    state = torch.as_tensor(state)
    free = 1 if like.ndim and like.shape[0] == 0 else 0
    if state.dtype != like.dtype or state.ndim != like.ndim or state.shape[free:] != like.shape[free:]:
        expected = f"{'×'.join(['any', *map(str, like.shape[1:])] if free else map(str, like.shape)) or 'one number'}"
        raise ValueError(
            f"{where} has shape {tuple(state.shape)} and type {state.dtype}, expected {expected} of {like.dtype}"
        )
    _check_finite(state, where)


def _check_finite(tree: Any, where: str) -> None:
    """Check that all numbers in a plain tree are finite."""
    if isinstance(tree, Mapping):
        for key, branch in tree.items():
            _check_finite(branch, f"{where}/{key}")
    elif isinstance(tree, list):
        for branch in tree:
            _check_finite(branch, where)
    elif isinstance(tree, torch.Tensor | np.ndarray):
        tree = torch.as_tensor(tree)
        if tree.is_floating_point() and not torch.isfinite(tree).all():
            raise ValueError(f"{where} holds numbers that are not finite")
    elif isinstance(tree, float) and not math.isfinite(tree):
        raise ValueError(f"{where} is {tree}, expected a finite number")
    elif type(tree) is int and abs(tree) >= LARGEST:
        raise ValueError(f"{where} is a number of {len(str(tree))} digits")


def _shown(value: Any) -> str:
    """A value in at most some 60 characters."""
    if isinstance(value, torch.Tensor):
        return f"an array of shape {tuple(value.shape)}"
    if isinstance(value, Mapping | list):
        return f"{'an object' if isinstance(value, Mapping) else 'a list'} of {len(value)}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
