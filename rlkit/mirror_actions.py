"""What a person knows of an environment that does not say it itself: that it is the same task in a mirror.

Typed among the environment's own arguments, as the action that does the same to the other side, for each in turn:
`--env-kwargs mirror_actions=0,2,1,3,4` exchanges the second and the third. It stands for `metadata["mirror"]` of an
environment that shows pictures only; what becomes of a vector's entries, only the environment itself can say there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rlkit.errors import UserError
from rlkit.typed_lists import read_list

NAME = "mirror_actions"


def read_mirror_actions(value: Any) -> tuple[int, ...]:
    """Read what was typed, a list or as 0,2,1.

    Raises:
        UserError: It is no list of numbers that exchanges actions in pairs.
    """
    value = read_list(value)
    numbers = value if isinstance(value, list | tuple) else [value]
    whole = numbers and all(type(number) is int for number in numbers)
    if not whole or sorted(numbers) != list(range(len(numbers))) or any(numbers[n] != i for i, n in enumerate(numbers)):
        raise UserError(
            f"{NAME} gives for each action, from number 0 on, the number of the one that does the same to the other "
            f"side (its own, if it is alike on both), as in {NAME}=0,2,1,3,4; not {value!r}."
        )
    return tuple(numbers)


def with_typed(
    metadata: Mapping[str, Any], typed: Sequence[int], vectors: Mapping[str, int], names: Sequence[str]
) -> dict[str, Any]:
    """What the environment would say of its mirror image if it knew what was typed.

    Args:
        metadata: Of the environment.
        typed: As `read_mirror_actions` gives it.
        vectors: Length of each vector that it shows.
        names: Of its actions.

    Raises:
        UserError: What was typed does not fit these actions, or one of the vectors has no signs in the metadata.
    """
    if len(typed) != len(names):
        numbered = [name if name == str(number) else f"{number} {name}" for number, name in enumerate(names)]
        raise UserError(f"{NAME} has {len(typed)} numbers, and there are {len(names)} actions: {', '.join(numbered)}.")
    said = metadata.get("mirror") or {}
    unknown = [repr(name) for name in vectors if name not in said]
    if unknown:
        raise UserError(
            f"{NAME}: the environment shows vectors ({', '.join(unknown)}), and what becomes of those in a mirror only "
            'its own metadata["mirror"] can say, with a sign for each entry.'
        )
    return {**metadata, "mirror": {**said, "actions": tuple(typed)}}
