"""Tells the arguments that rlkit understands from those of the environment that they are typed among."""

from collections.abc import Callable, Collection, Mapping
from typing import Any


def split_arguments(
    kwargs: Mapping[str, Any], names: Collection[str], accepted: Callable[[], Collection[str]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take rlkit's arguments out of those that were typed; an environment that takes one of that name gets it itself.

    Args:
        kwargs: As they were typed.
        names: Of rlkit's arguments.
        accepted: Gives the names of arguments that the environment takes itself; asked only where it matters.

    Returns:
        The environment's arguments, and ours.
    """
    ours = {name: value for name, value in kwargs.items() if name in names}
    if ours:
        own = accepted()
        ours = {name: value for name, value in ours.items() if name not in own}
    return {name: value for name, value in kwargs.items() if name not in ours}, ours
