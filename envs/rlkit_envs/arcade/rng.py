"""Random numbers in kernels, named as in numpy; each game's record holds the state of its own generator."""

import numpy as np

from rlkit_envs.arcade.jit import Record, kernel

# Increment and multipliers of SplitMix64.
_INCREMENT = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


@kernel
def random_bits(game: Record) -> np.uint64:
    """64 random bits: SplitMix64 (Steele, Lea & Flood 2014), whose state is one 64-bit integer."""
    game.random = game.random + _INCREMENT
    bits = np.uint64(game.random)
    bits = (bits ^ (bits >> np.uint64(30))) * _FIRST
    bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
    return bits ^ (bits >> np.uint64(31))


@kernel
def random(game: Record) -> float:
    """A random number in [0, 1)."""
    return float(random_bits(game) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@kernel
def uniform(game: Record, low: float, high: float) -> float:
    """A random number in [low, high)."""
    return float(low + (high - low) * random(game))


@kernel
def integers(game: Record, high: int) -> int:
    """A random integer in [0, high)."""
    return int(random(game) * high)


@kernel
def sticky_action(game: Record, action: int, repeat: float) -> int:
    """The action to carry out: with probability ``repeat`` the previous one (Machado et al. 2018)."""
    if repeat > 0.0 and random(game) < repeat:
        return int(game.last_action)
    game.last_action = action
    return action
