"""Seeds of episodes, and digests that tell whether two processes show the same."""

import hashlib
import random
from typing import Any, Literal

import numpy as np

from rlkit.errors import UserError
from rlkit.spaces import Observations

Stream = Literal["training", "evaluation", "selection"]
_STREAMS: tuple[Stream, ...] = ("training", "evaluation", "selection")
_STREAM_BITS = 2
_SEED_BITS = 31  # what the narrowest of the random generators in use takes


def digest(observations: Observations, index: int) -> str:
    """SHA-256 of what one environment shows, to tell whether it shows the same elsewhere."""
    content = hashlib.sha256()
    for name in sorted(observations):
        content.update(np.ascontiguousarray(observations[name][index]).tobytes())
    return content.hexdigest()


def episode_seed(run_seed: int, env_index: int, episode: int, stream: Stream = "training") -> int:
    """Derive the seed of one episode from the run's seed, independent of all other episodes.

    The two highest bits encode the stream: episodes of training, selection and evaluation are disjoint for all run
    seeds.

    Args:
        run_seed: From `--seed`, at least 0.
        env_index: Of the environment; 0 in evaluation, where the number of environments is free.
        episode: Number of the episode in that environment, from 0.
        stream: Purpose of the episode.

    Returns:
        A number of 31 bits.

    Raises:
        UserError: The seed is negative.
    """
    if run_seed < 0:
        raise UserError(f"A seed is a whole number from 0 up, not {run_seed}.")
    number = _STREAMS.index(stream)
    sequence = np.random.SeedSequence(run_seed, spawn_key=(number, env_index, episode))
    drawn = int(sequence.generate_state(1, np.uint32)[0]) >> (32 - _SEED_BITS + _STREAM_BITS)
    return drawn | number << (_SEED_BITS - _STREAM_BITS)


def seed_global_generators(seed: int) -> None:
    """Seed `random` and `numpy.random`, from which some environments draw instead of their own generator."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - for environments that draw from it


def global_generator_positions() -> tuple[Any, ...]:
    """Return what changes when a number is drawn from `random` or `numpy.random`."""
    _, words, gauss = random.getstate()
    _, keys, position, _, normal = np.random.get_state()  # noqa: NPY002
    return words[0], words[-1], gauss, keys[0], position, normal
