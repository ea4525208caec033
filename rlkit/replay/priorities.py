"""Which transitions to replay more often: those whose value was predicted worst (Schaul et al. 2016)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit.replay.sum_tree import Places, SumTree

SMALLEST_ERROR = 1e-6  # added to every error, so that none is never drawn again; Schaul et al. name no value


class Priorities:
    """How likely each place of a replay buffer is drawn: (|TD error| + a little) ** exponent; 0 where nothing can be.

    Args:
        capacity: How many places there are.
        exponent: alpha; 0 would be uniform, 1 in proportion to the error.
    """

    def __init__(self, capacity: int, exponent: float):
        self._tree = SumTree(capacity)
        self._exponent = exponent
        self._largest = 1.0  # priority so far

    def clear(self, places: Places) -> None:
        """Nothing that can be drawn is at these places any more."""
        self._tree.set(places, np.zeros(len(places)))

    def welcome(self, places: Places) -> None:
        """Something new can be drawn at these places: it gets the largest priority so far, to be seen soon."""
        self._tree.set(places, np.full(len(places), self._largest))

    def any(self) -> bool:
        """Whether there is something that can be drawn."""
        return self._tree.total > 0

    def draw(self, batch_size: int, generator: np.random.Generator) -> Places:
        """Draw (B,) places in proportion to their priorities, one from each of B equal parts of their sum."""
        parts = (np.arange(batch_size) + generator.random(batch_size)) / batch_size
        return self._tree.find(parts * self._tree.total)

    def weights(self, places: Places, exponent: float) -> npt.NDArray[np.float32]:
        """(B,) importance weights (N P(i)) ** -exponent of what was drawn, divided by the largest of them.

        They make up for drawing some transitions too often: fully with an exponent of 1. That the priorities have to
        be divided by their sum to be probabilities, and the number N, cancel.
        """
        drawn = self._tree.values[places]
        weights: npt.NDArray[np.float64] = (drawn / drawn.min()) ** -exponent
        return weights.astype(np.float32)

    def update(self, places: Places, errors: npt.NDArray[np.floating]) -> None:
        """Give places new priorities by their absolute TD errors; those where nothing can be drawn keep none."""
        alive = self._tree.values[places] > 0
        priorities = (np.abs(errors[alive].astype(np.float64)) + SMALLEST_ERROR) ** self._exponent
        self._tree.set(places[alive], priorities)
        self._largest = max(self._largest, float(priorities.max(initial=0.0)))

    def state(self) -> dict[str, Any]:
        """What is needed to continue exactly: a number for each place up to the last that has one."""
        return {"values": np.trim_zeros(self._tree.values, "b").copy(), "largest": self._largest}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` gave."""
        saved = np.asarray(state["values"], dtype=np.float64)
        values = np.zeros_like(self._tree.values)
        values[: len(saved)] = saved
        self._tree.set_all(values)
        self._largest = float(state["largest"])
