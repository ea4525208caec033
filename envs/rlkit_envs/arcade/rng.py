"""Random numbers inside kernels: each game carries its own stream in its record, so that no two games share one."""

import numpy as np

from rlkit_envs.arcade.jit import Record, kernel

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


@kernel
def random_bits(game: Record) -> np.uint64:
    """64 random bits: SplitMix64 (Steele, Lea & Flood 2014), whose whole state is one number."""
    game.random = game.random + _STEP
    bits = np.uint64(game.random)
    bits = (bits ^ (bits >> np.uint64(30))) * _FIRST
    bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
    return bits ^ (bits >> np.uint64(31))


@kernel
def share(game: Record) -> float:
    """A random number from 0 up to 1, without 1."""
    return float(random_bits(game) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@kernel
def between(game: Record, low: float, high: float) -> float:
    """A random number from ``low`` up to ``high``."""
    return float(low + (high - low) * share(game))


@kernel
def pick(game: Record, count: int) -> int:
    """A random whole number from 0 up to ``count``, without it."""
    return int(share(game) * count)


@kernel
def heard_action(game: Record, action: int, repeat: float) -> int:
    """The action that the game takes: the one before is repeated with probability ``repeat`` (Machado et al. 2018)."""
    if repeat > 0.0 and share(game) < repeat:
        return int(game.last_action)
    game.last_action = action
    return action
