"""What may have been meant by a command line that was refused."""

import dataclasses
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rlkit.utils.parsing import did_you_mean

TAKES_HYPERPARAMETERS = ("train", "tune")


def hints(arguments: Sequence[str], verbs: Mapping[str, Any]) -> Iterator[str]:
    """Sentences about a command that is not known, an option that is an argument, and hyperparameters.

    Args:
        arguments: As typed.
        verbs: The commands: dataclasses, or dicts for groups of commands.
    """
    name = arguments[0] if arguments else ""
    if not name or name.startswith("-"):
        return
    verb = verbs.get(name)
    if verb is None:
        if meant := did_you_mean(name, verbs):
            yield f"there is no command {name!r}.{meant}"
        return
    if isinstance(verb, dict):
        yield from hints(arguments[1:], verb)
        return
    types = typing.get_type_hints(verb, include_extras=True)
    # A positional argument is typed without its name.
    positional = {key for key, kind in types.items() if "Positional" in repr(getattr(kind, "__metadata__", ()))}
    known = {field.name for field in dataclasses.fields(verb)} - positional | {"help"}
    for argument in arguments[1:]:
        option = argument.removeprefix("--").partition("=")[0].replace("-", "_")
        if not argument.startswith("--") or option in known:
            continue
        if option in positional:
            example = f"rlkit {name} {option.upper()}"
            yield f"--{option} is no option of rlkit {name}: its value follows the command, {example}"
        elif name in TAKES_HYPERPARAMETERS:
            yield f"if {option} is a hyperparameter: --set {option}=VALUE; rlkit agents NAME lists them"
