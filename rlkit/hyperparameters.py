"""Hyperparameters: fields of frozen dataclasses with help text, bounds and source."""

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from rlkit.errors import UserError
from rlkit.utils.parsing import did_you_mean, read_value

C = TypeVar("C")

_NAMES = {types.NoneType: "none", int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


@dataclass(frozen=True)
class Range:
    """The search range of a hyperparameter.

    Args:
        low: Smallest value tried.
        high: Largest value tried.
        log: Whether to sample uniformly in the logarithm.
    """

    low: float
    high: float
    log: bool = False


def hyperparameter(
    default: Any,
    meaning: str,
    source: str = "",
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = (),
    search: Range | Sequence[Any] | None = None,
) -> Any:
    """A dataclass field that can be set from the command line.

    Args:
        default: Its default value.
        meaning: One sentence for `rlkit agents NAME`.
        source: The paper that introduced it, or the evidence for the default.
        low: Smallest value allowed.
        high: Largest value allowed.
        choices: The only values allowed.
        search: What `rlkit tune` tries, a `Range` or values; None excludes it unless it is asked for.
    """
    notes = {"meaning": meaning, "source": source, "low": low, "high": high, "choices": tuple(choices)}
    return dataclasses.field(default=default, metadata={**notes, "search": search})


def with_settings(config: C, settings: Mapping[str, Any]) -> C:
    """Apply hyperparameters, as typed on the command line (`"0.98"`) or as values (`0.98`).

    Raises:
        UserError: A key is unknown, or a value has the wrong type or is out of bounds.
    """
    kinds = typing.get_type_hints(type(config))
    names = [field.name for field in dataclasses.fields(config)]  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for key, text in settings.items():
        if key not in names:
            raise UserError(f"There is no hyperparameter {key!r}.{did_you_mean(key, names)}")
        values[key] = (
            parse_value(key, text, kinds[key])
            if isinstance(text, str)
            else _checked(key, tuple(text) if isinstance(text, list) else text, kinds[key])
        )
    return validated(dataclasses.replace(config, **values))  # type: ignore[type-var]


def from_plain(kind: type[C], plain: Mapping[str, Any]) -> C:
    """Build a configuration from a JSON object, the inverse of `dataclasses.asdict`.

    Raises:
        UserError: A key is unknown, or a value has the wrong type or is out of bounds.
    """
    kinds = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    values = {}
    for key, value in plain.items():
        if key not in names:
            raise UserError(f"There is no hyperparameter {key!r}.{did_you_mean(key, names)}")
        values[key] = _checked(key, tuple(value) if isinstance(value, list) else value, kinds[key])
    return validated(kind(**values))


def check_complete(kind: type[Any], plain: Any) -> None:
    """Check that a JSON object holds all hyperparameters, each in its range.

    Raises:
        UserError: It is no object, one is missing or unknown, or a value has the wrong type or is out of bounds.
    """
    if not isinstance(plain, Mapping):
        raise UserError(f"hyperparameters = {plain!r}: expected an object")
    from_plain(kind, plain)
    missing = [field.name for field in dataclasses.fields(kind) if field.name not in plain]
    if missing:
        raise UserError(f"the hyperparameters lack {', '.join(missing[:4])}: all have to be written out")


def validated(config: C) -> C:
    """Check the bounds of every field, then the configuration's own `check` of several fields together.

    Raises:
        UserError: Names the field, its value and what is allowed.
    """
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        check_field(field, getattr(config, field.name))
    check = getattr(config, "check", None)
    if check is not None:
        check()
    return config


def check_field(field: "dataclasses.Field[Any]", value: Any) -> None:
    """Check a value against the bounds or choices of one hyperparameter.

    Raises:
        UserError: Names it, its value and what is allowed.
    """
    notes = field.metadata
    choices = notes.get("choices")
    if choices and value not in choices:
        raise UserError(f"{field.name} = {value!r} is not one of {', '.join(choices)}")
    for number in value if isinstance(value, tuple) else (value,):
        _check_bounds(field.name, number, notes.get("low"), notes.get("high"))


def _check_bounds(name: str, value: Any, low: float | None, high: float | None) -> None:
    if not isinstance(value, int | float):
        return
    # Negated comparisons, so that NaN is out of bounds.
    if (low is not None and not value >= low) or (high is not None and not value <= high) or value != value:
        bounds = f"at least {low}" if high is None else f"at most {high}" if low is None else f"from {low} to {high}"
        raise UserError(f"{name} = {value} is out of range: expected a value {bounds}")


def parse_value(key: str, text: str, kind: Any) -> Any:
    """Parse one value as typed on the command line: as JSON if valid, else as text."""
    value = text if kind is str else read_value(text)
    if text.lower() == "none" and type(None) in typing.get_args(kind):
        value = None
    if isinstance(value, list):
        value = tuple(value)
    elif _wants_tuple(kind) and isinstance(value, int | float):
        value = (value,)
    elif _wants_tuple(kind) and isinstance(value, str):  # 256,256
        value = tuple(parse_value(key, part, int) for part in text.split(",") if part)
    return _checked(key, value, kind)


def _as_float(key: str, value: float) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise UserError(f"{key} = a number of {len(str(value))} digits is out of range") from error


def _wants_tuple(kind: Any) -> bool:
    return typing.get_origin(kind) is tuple


def _checked(key: str, value: Any, kind: Any) -> Any:
    """The value, converted where it is exact: an int to a float, and a float such as 1e6 to an int."""
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    for option in options:
        if option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return _as_float(key, value)
        if option is int and isinstance(value, float) and value.is_integer():
            return int(value)
        if _wants_tuple(option) and isinstance(value, tuple):
            return tuple(_checked(key, part, typing.get_args(option)[0]) for part in value)
        if isinstance(option, type) and isinstance(value, option) and not (option is int and isinstance(value, bool)):
            return value
        if option is None and value is None:
            return value
    expected = " or ".join(_NAMES.get(option, getattr(option, "__name__", str(option))) for option in options)
    raise UserError(f"{key} = {value!r} has the wrong type: expected {expected}")
