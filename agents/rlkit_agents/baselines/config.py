"""What can be set about agents that learn nothing: nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rlkit.spaces import Spaces


@dataclass(frozen=True)
class NoConfig:
    """No hyperparameters."""


def plain(spaces: Spaces, steps: int) -> NoConfig:
    """The only way there is."""
    return NoConfig()


PRESETS: Mapping[str, Callable[[Spaces, int], NoConfig]] = {"plain": plain}
