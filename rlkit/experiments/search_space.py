"""The space of a hyperparameter search: for each hyperparameter a range, or some values."""

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rlkit.errors import UserError
from rlkit.hyperparameters import Range, check_field, parse_value
from rlkit.utils.parsing import did_you_mean

if TYPE_CHECKING:
    from optuna.trial import Trial

LOG_FACTOR = 10  # a typed range with a larger ratio of its ends is sampled on a log scale
AROUND = 10  # a hyperparameter without a range of its own is sampled from a tenth to ten times its value


@dataclass(frozen=True)
class Choices:
    """Some values, as they are typed after --set.

    Args:
        texts: At least two of them.
    """

    texts: tuple[str, ...]


Space = Mapping[str, Range | Choices]


def read_space(config: Any, asked: Sequence[str]) -> dict[str, Range | Choices]:
    """The search space that was asked for, or else the one that the agent's hyperparameters declare.

    The agent's own ranges are widened, and its choices extended, to include the value of `config`, where the search
    starts; what was typed is searched as it is, its choices in one order however they were typed.

    Args:
        config: Hyperparameters to start from.
        asked: `learning_rate` (the agent's own range), `gamma=0.9..0.999` or `batch_size=32,64,128`; choices with
            commas in them are separated by `|`.

    Raises:
        UserError: A name is unknown or typed twice, a value is out of range, or there is nothing to search.
    """
    fields = {field.name: field for field in dataclasses.fields(config)}
    kinds = typing.get_type_hints(type(config))
    space: dict[str, Range | Choices] = {}
    for item in asked or [name for name, field in fields.items() if field.metadata.get("search") is not None]:
        name, sign, text = item.partition("=")
        if name not in fields:
            raise UserError(f"--search {item}: there is no hyperparameter {name!r}.{did_you_mean(name, fields)}")
        if name in space:
            raise UserError(f"--search {item}: {name} is given twice; name all of its values at once")
        value, kind = getattr(config, name), kinds[name]
        found = _typed(name, text, kind) if sign else _declared(fields[name], value, kind)
        for end in (found.low, found.high) if isinstance(found, Range) else found.texts:
            check_field(fields[name], parse_value(name, str(end), kind))
        space[name] = found if sign else _with_value(found, value)
    if not space:
        raise UserError("This agent declares no search space: give one, for instance --search learning_rate=1e-4..1e-2")
    return space


def suggest(trial: "Trial", space: Space, config: Any) -> dict[str, str]:
    """Sample a value for everything in the space.

    Args:
        trial: The trial of Optuna.
        space: The search space.
        config: Hyperparameters, whose types say which are whole numbers.

    Returns:
        Settings as they are typed after --set.
    """
    kinds = typing.get_type_hints(type(config))
    settings = {}
    for name, search in space.items():
        if isinstance(search, Choices):
            settings[name] = trial.suggest_categorical(name, search.texts)
        elif _is_whole(kinds[name]):
            settings[name] = str(trial.suggest_int(name, int(search.low), int(search.high), log=search.log))
        else:
            settings[name] = f"{trial.suggest_float(name, search.low, search.high, log=search.log):.6g}"
    return settings


def start_of(space: Space, config: Any) -> dict[str, Any]:
    """The values of `config` that are in the space, in the form that Optuna stores."""
    start = {}
    for name, search in space.items():
        value = getattr(config, name)
        if isinstance(search, Choices):
            value = as_text(value)
            contained = value in search.texts
        else:
            contained = isinstance(value, int | float) and search.low <= value <= search.high
        if contained:
            start[name] = value
    return start


def as_text(value: Any) -> str:
    """A value as it is typed after --set."""
    if isinstance(value, tuple | list):
        return ",".join(map(as_text, value)) + ("," if len(value) == 1 else "")
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)


def describe(space: Mapping[str, Any]) -> list[str]:
    """One line per hyperparameter, for the user.

    Args:
        space: The space, or what `to_json` made of it.
    """
    lines = []
    for name, search in space.items():
        search = Range(**search) if isinstance(search, dict) else search
        if isinstance(search, Range):
            lines.append(f"{name}: {search.low:g} to {search.high:g}{', log scale' if search.log else ''}")
        else:
            lines.append(f"{name}: {' | '.join(search.texts if isinstance(search, Choices) else search)}")
    return lines


def to_json(space: Space) -> dict[str, Any]:
    """The space as the study records it."""
    return {
        name: list(search.texts) if isinstance(search, Choices) else dataclasses.asdict(search)
        for name, search in space.items()
    }


def _typed(name: str, text: str, kind: Any) -> Range | Choices:
    low, dots, high = text.partition("..")
    if dots:
        least, most = _number(name, low, kind), _number(name, high, kind)
        if least >= most:
            raise UserError(f"--search {name}={text}: expected the smaller value first")
        return Range(least, most, log=least > 0 and most / least > LOG_FACTOR)
    parts = [part for part in text.split("|" if "|" in text else ",") if part]
    texts = {as_text(parse_value(name, part, kind)) for part in parts}
    if len(texts) < 2:
        raise UserError(f"--search {name}={text}: expected a range such as LOW..HIGH, or at least two values")
    return Choices(tuple(sorted(texts, key=_order)))


def _order(text: str) -> tuple[int, list[float], str]:
    """Key that sorts numbers and lists of numbers by size, before other texts."""
    try:
        return 0, [float(part) for part in text.split(",") if part], text
    except ValueError:
        return 1, [], text


def _number(name: str, text: str, kind: Any) -> float:
    value = parse_value(name, text, kind)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"--search {name}: {text!r} is no number; name values instead, such as {name}=A,B")
    return value


def _declared(field: "dataclasses.Field[Any]", value: Any, kind: Any) -> Range | Choices:
    notes = field.metadata
    search = notes.get("search")
    if isinstance(search, Range):
        return search
    if search is not None:
        return Choices(tuple(map(as_text, search)))
    if notes.get("choices"):
        return Choices(tuple(notes["choices"]))
    if kind is bool:
        return Choices(("true", "false"))
    if isinstance(value, int | float) and value > 0:
        low, high = value / AROUND, value * AROUND
        if notes.get("low") is not None:
            low = max(low, notes["low"])
        if notes.get("high") is not None:
            high = min(high, notes["high"])
        return Range(max(1, round(low)), round(high), log=True) if _is_whole(kind) else Range(low, high, log=True)
    raise UserError(
        f"--search {field.name}: give a range or values, such as {field.name}=LOW..HIGH or {field.name}=A,B"
    )


def _with_value(search: Range | Choices, value: Any) -> Range | Choices:
    if isinstance(search, Choices):
        text = as_text(value)
        return search if text in search.texts else Choices((text, *search.texts))
    if not isinstance(value, int | float) or (search.log and value <= 0):
        return search  # no range can include it: the search starts from another value
    return dataclasses.replace(search, low=min(search.low, value), high=max(search.high, value))


def _is_whole(kind: Any) -> bool:
    return kind is int or (isinstance(kind, types.UnionType) and int in kind.__args__ and float not in kind.__args__)
