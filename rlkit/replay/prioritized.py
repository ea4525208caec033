"""Prioritized replay (Schaul et al. 2016): a sum tree, and the priorities of transitions in it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit.utils.jit import kernel

Places = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

SMALLEST_ERROR = 1e-6  # added to every error, so that none is never drawn again; Schaul et al. name no value


class SumTree:
    """A fixed number of non-negative values whose partial sums are kept in a binary tree.

    The tree lies in one array: node 1 is the root, node i has the children 2i and 2i + 1, and the values are the last
    `size` nodes. Every sum is always that of its two children, never corrected by differences: no rounding error
    builds up, and a tree made anew from the same values is the same bit for bit.

    Args:
        size: How many values; all are 0 at first.
    """

    def __init__(self, size: int):
        self._nodes = np.zeros(2 * size)
        self._size = size

    @staticmethod
    def memory_estimate(size: int) -> int:
        """Bytes that a tree of this size takes."""
        return 2 * size * 8

    @property
    def values(self) -> Values:
        """(size,), to be read only: `set` keeps the sums right."""
        return self._nodes[self._size :]

    @property
    def total(self) -> float:
        """The sum of all values."""
        return float(self._nodes[1])

    def set(self, places: Places, values: Values) -> None:
        """Replace the values at B places; of a place that is named twice the last value counts."""
        _set(self._nodes, places, values)

    def set_all(self, values: Values) -> None:
        """Replace all values at once."""
        self.values[:] = values
        _sum_up(self._nodes)

    def find(self, targets: Values) -> Places:
        """Where the running sum of the values exceeds each of B targets in [0, total).

        The running sum goes from left to right through the tree, which is the order of the places turned by some
        number of them. A value of 0 is never found, as long as any other is greater.
        """
        return _find(self._nodes, targets)


@kernel
def _set(nodes: Values, places: Places, values: Values) -> None:
    size = len(nodes) // 2
    for index in range(len(places)):
        node = size + places[index]
        nodes[node] = values[index]
        while node > 1:
            node //= 2
            nodes[node] = nodes[2 * node] + nodes[2 * node + 1]


@kernel
def _sum_up(nodes: Values) -> None:
    for node in range(len(nodes) // 2 - 1, 0, -1):
        nodes[node] = nodes[2 * node] + nodes[2 * node + 1]


@kernel
def _find(nodes: Values, targets: Values) -> Places:
    size = len(nodes) // 2
    places = np.empty(len(targets), dtype=np.int64)
    for index in range(len(targets)):
        target = targets[index]
        node = 1
        while node < size:
            node *= 2
            left, right = nodes[node], nodes[node + 1]
            # Rounding may leave a target at the far end of a sum: where there is nothing, it is not looked for.
            if right > 0 and (target >= left or left == 0):
                target -= left
                node += 1
        places[index] = node - size
    return places


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
