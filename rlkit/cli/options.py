"""Options shared by several commands: KEY=VALUE pairs, lists of seeds, files of results."""

import dataclasses
import json
import sys
import types
import typing
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from rlkit.errors import DiskError, UserError
from rlkit.utils.terminal import printable

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Pairs = tyro.conf.UseAppendAction[tuple[tuple[str, ...], ...]]
"""KEY=VALUE ..., several after one flag or the flag several times."""

KeyValues = Annotated[
    Pairs, tyro.conf.arg(metavar="KEY=VALUE [KEY=VALUE ...]", help_behavior_hint="(may be given several times)")
]

PerceptionOption = Annotated[
    str | None,
    tyro.conf.arg(
        metavar="RUN|FILE|truth|none",
        help_behavior_hint="",
        help="Replace the camera image by the drivable area and, with a detector, the objects on it, as found by a "
        "perception run, a model file or pretrained:NAME, or from ground truth (truth); none for the camera image. As "
        "in training if not given.",
    ),
]
PerceptionOptions = Annotated[
    Pairs,
    tyro.conf.arg(
        metavar="KEY=VALUE [KEY=VALUE ...]",
        help_behavior_hint="(may be given several times)",
        help="Options of perception, such as view=camera, view_size=32, soft=true, objects=false, noise=0.1, "
        "latency=2, dropped=0.2, missed=0.1, ghosts=0.5.",
    ),
]

RayOption = Annotated[
    str | None,
    tyro.conf.arg(
        metavar="local|auto|HOST:PORT",
        help_behavior_hint="",
        help="A cluster of Ray, for as many runs at once as it has room for, or for the actors of one: local (this "
        "machine), auto (the cluster that this machine belongs to), or the address of its head node.",
    ),
]
RayWorkingDir = Annotated[
    Path | None,
    tyro.conf.arg(
        metavar="DIR",
        help_behavior_hint="",
        help="Ship this folder to the nodes, where an environment's file or module lies in it.",
    ),
]

EVALUATION = frozenset({"env", "agent", "episodes"})  # keys of the JSON of `rlkit evaluate`


def unset(metavar: str, *aliases: str) -> Any:
    """An optional argument whose help shows no default.

    Args:
        metavar: Placeholder of its value in the help.
        *aliases: Other names of the option.
    """
    return tyro.conf.arg(metavar=metavar, help_behavior_hint="", aliases=aliases or None)


def given_options(command: "DataclassInstance", names: Collection[str]) -> Iterator[str]:
    """Yield the options, such as --batch-size, that differ from their defaults.

    Args:
        command: The parsed command line.
        names: Fields of it that are looked at.
    """
    for field in dataclasses.fields(command):
        if field.name in names and getattr(command, field.name) != field.default:
            yield f"--{field.name.replace('_', '-')}"


def refuse(command: "DataclassInstance", names: Collection[str], what: str) -> None:
    """Refuse options that do not apply.

    Args:
        command: The parsed command line.
        names: Fields of it that do not apply.
        what: To what they do not apply, such as "a detector".

    Raises:
        UserError: One of them was given.
    """
    for option in given_options(command, names):
        raise UserError(f"{option} has no meaning for {what}: leave it out")


def _read_whole(texts: list[str]) -> int:
    """Parse a whole number, also one such as 1e6."""
    try:
        number = float(texts[0]) if "e" in texts[0].lower() else int(texts[0])
        if number == int(number):
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"expected a whole number such as 200000 or 2e5, not {texts[0]}")


def _read_number(texts: list[str]) -> float:
    try:
        return float(texts[0])
    except ValueError:
        raise ValueError(f"expected a number such as 0.5, not {texts[0]}") from None


def registry() -> ConstructorRegistry:
    """How numbers and choices are read from the command line: one sentence for a wrong one, and 2e5 for 200000.

    tyro's own rule for `int | None` lists the errors of both types, and `None` among the choices.
    """
    made = ConstructorRegistry()

    @made.primitive_rule
    def rule(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
        is_union = typing.get_origin(info.type) in (types.UnionType, typing.Union)
        options = typing.get_args(info.type) if is_union else (info.type,)
        kinds = [option for option in options if option is not type(None)]
        if len(kinds) != 1:
            return None
        (kind,) = kinds
        shared: Any = {"nargs": 1, "str_from_instance": lambda value: [str(value)]}
        if kind in (int, float):
            accepted: Any = (int, type(None)) if kind is int else (int, float, type(None))
            return PrimitiveConstructorSpec(
                metavar=kind.__name__.upper(),
                instance_from_str=_read_whole if kind is int else _read_number,
                is_instance=lambda value: isinstance(value, accepted),
                **shared,
            )
        if typing.get_origin(kind) is Literal and len(options) > 1:
            words = typing.get_args(kind)
            return PrimitiveConstructorSpec(
                metavar=f"{{{','.join(words)}}}",
                instance_from_str=lambda texts: texts[0],
                is_instance=lambda value: value is None or value in words,
                choices=words,
                **shared,
            )
        return None

    return made


def read_pairs(option: str, pairs: Sequence[Sequence[str]]) -> dict[str, str]:
    """Parse KEY=VALUE pairs into a dict of strings.

    Raises:
        UserError: If one has no `=`.
    """
    read = {}
    for pair in (pair for group in pairs for pair in group):
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise UserError(f"{option} {pair}: expected KEY=VALUE, for instance {option} {key or 'key'}=1")
        read[key.strip()] = value.strip()
    return read


def read_kwargs(option: str, pairs: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Parse KEY=VALUE pairs, the values as JSON (0.5, true, [1, 2]) if possible, else as strings."""
    from rlkit.utils.parsing import read_value

    return {key: read_value(text) for key, text in read_pairs(option, pairs).items()}


def check_ray(address: str | None, working_dir: Path | None) -> None:
    """Refuse a folder to ship where there is no cluster to ship it to.

    Raises:
        UserError: It is given without --ray.
    """
    if working_dir is not None and address is None:
        raise UserError("--ray-working-dir ships a folder to the nodes of a cluster: it needs --ray")


def read_size(option: str, text: str) -> tuple[int, int]:
    """Parse height and width in pixels, written as 96x128.

    Raises:
        UserError: The format is another.
    """
    height, _, width = text.lower().replace("×", "x").partition("x")
    if not (height.strip().isdecimal() and width.strip().isdecimal()) or 0 in (int(height), int(width)):
        raise UserError(f"{option} {text}: expected HEIGHTxWIDTH in pixels, for instance {option} 96x128")
    return int(height), int(width)


def read_seeds(text: str) -> list[int]:
    """Parse seeds written as 0..4 or 0,3,7.

    Raises:
        UserError: The format is another.
    """
    first, dots, last = text.partition("..")
    try:
        seeds = list(range(int(first), int(last) + 1)) if dots else [int(part) for part in text.split(",")]
    except ValueError:
        seeds = []
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise UserError(f"--seeds {text}: expected a range such as 0..4 or a list such as 0,3,7")
    return seeds


def write_result(target: str, result: Any, known_by: Collection[str] = EVALUATION) -> None:
    """Write a result as JSON to a file, or to standard output for `-`.

    Only an earlier result of the same kind is overwritten.

    Args:
        target: The file, or `-`.
        result: The metrics.
        known_by: Keys that identify a result of the same kind.

    Raises:
        UserError: The file is something else, or cannot be written.
    """
    from rlkit.utils.io import disk_errors, write_json

    if target == "-":
        print(json.dumps(result, indent=2))  # ASCII only: no control characters
        return
    check_result_target(target, known_by)
    with disk_errors(target):
        write_json(Path(target), result)


def check_result_target(target: str | None, known_by: Collection[str] = EVALUATION) -> None:
    """Check before the work whether its result can be written; arguments as in `write_result`.

    Raises:
        UserError: The folder does not exist, or the file is not an earlier result.
    """
    if target is None or target == "-":
        return
    path = Path(target)
    if not path.absolute().parent.is_dir():
        raise UserError(f"--json {target}: the folder {path.absolute().parent} does not exist", exit_code=1)
    if path.is_dir():
        raise UserError(f"--json {target}: this is a folder; name a file in it", exit_code=1)
    if path.exists() and path.stat().st_size > 0 and not _is_result(path, known_by):
        raise UserError(
            f"--json {target}: the file exists and is not an earlier result; choose another name", exit_code=1
        )


def _is_result(path: Path, known_by: Collection[str]) -> bool:
    from rlkit.utils.io import read_json

    try:
        content = read_json(path)
    except DiskError:
        raise
    except UserError:
        return False
    return isinstance(content, dict) and set(known_by) <= content.keys()


def print_lines(lines: Iterable[object]) -> None:
    """Print lines at once, with control characters escaped."""
    sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))
    sys.stdout.flush()


def print_line(line: object) -> None:
    """Print one line; see `print_lines`."""
    print_lines([line])
