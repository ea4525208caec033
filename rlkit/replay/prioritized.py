"""Prioritized replay (Schaul et al. 2016): priorities of transitions in a sum tree."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit.utils.jit import kernel
from rlkit.utils.state_check import check_state

Indices = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

EPSILON = 1e-6  # added to every error so that none has probability 0; Schaul et al. give no value


class SumTree:
    """A fixed number of non-negative values with their partial sums in a binary tree.

    One array holds the tree: node 1 is the root, node i has the children 2i and 2i + 1, the last `size` nodes are the
    values. Each node is computed as the sum of its children, not updated by differences: rounding errors do not
    accumulate, and a tree rebuilt from the same values is bit-equal.

    Args:
        size: Number of values, all 0 at first.
    """

    def __init__(self, size: int):
        self._nodes = np.zeros(2 * size)
        self._size = size

    @staticmethod
    def memory_estimate(size: int) -> int:
        """Bytes of a tree of this size."""
        return 2 * size * 8

    @property
    def values(self) -> Values:
        """(size,), read-only: `set` updates the sums."""
        return self._nodes[self._size :]

    @property
    def total(self) -> float:
        """The sum of all values."""
        return float(self._nodes[1])

    def set(self, indices: Indices, values: Values) -> None:
        """Replace the values at B indices; for a repeated index the last value counts."""
        _set(self._nodes, indices, values)

    def set_all(self, values: Values) -> None:
        """Replace all values at once."""
        self.values[:] = values
        _sum_up(self._nodes)

    def find(self, targets: Values) -> Indices:
        """The indices at which the cumulative sum of the values exceeds each of B targets in [0, total).

        The sum runs over the leaves of the tree from left to right, which is a rotation of the order of the indices.
        A value of 0 is never found as long as another is greater.
        """
        return _find(self._nodes, targets)


@kernel
def _set(nodes: Values, indices: Indices, values: Values) -> None:
    size = len(nodes) // 2
    for index in range(len(indices)):
        node = size + indices[index]
        nodes[node] = values[index]
        while node > 1:
            node //= 2
            nodes[node] = nodes[2 * node] + nodes[2 * node + 1]


@kernel
def _sum_up(nodes: Values) -> None:
    for node in range(len(nodes) // 2 - 1, 0, -1):
        nodes[node] = nodes[2 * node] + nodes[2 * node + 1]


@kernel
def _find(nodes: Values, targets: Values) -> Indices:
    size = len(nodes) // 2
    indices = np.empty(len(targets), dtype=np.int64)
    for index in range(len(targets)):
        target = targets[index]
        node = 1
        while node < size:
            node *= 2
            left, right = nodes[node], nodes[node + 1]
            # Rounding may put a target beyond the end of a sum: never descend into a subtree of sum 0.
            if right > 0 and (target >= left or left == 0):
                target -= left
                node += 1
        indices[index] = node - size
    return indices


class Priorities:
    """Priorities of the rows of a replay buffer: (|TD error| + epsilon) ** alpha; 0 for rows that cannot be sampled.

    Args:
        capacity: Number of rows.
        alpha: 0 would be uniform, 1 proportional to the error.
    """

    def __init__(self, capacity: int, alpha: float):
        self._tree = SumTree(capacity)
        self._alpha = alpha
        self._largest = 1.0

    def clear(self, indices: Indices) -> None:
        """Exclude these indices from sampling."""
        self._tree.set(indices, np.zeros(len(indices)))

    def insert(self, indices: Indices) -> None:
        """Give new transitions the largest priority so far, so that they are sampled soon."""
        self._tree.set(indices, np.full(len(indices), self._largest))

    def any(self) -> bool:
        """Whether any priority is positive."""
        return self._tree.total > 0

    def draw(self, batch_size: int, generator: np.random.Generator) -> Indices:
        """Sample (B,) indices in proportion to the priorities, one from each of B equal parts of the sum."""
        parts = (np.arange(batch_size) + generator.random(batch_size)) / batch_size
        return self._tree.find(parts * self._tree.total)

    def weights(self, indices: Indices, beta: float) -> npt.NDArray[np.float32]:
        """(B,) importance weights (N P(i)) ** -beta, divided by the largest of them; N and the sum in P(i) cancel."""
        drawn = self._tree.values[indices]
        weights: npt.NDArray[np.float64] = (drawn / drawn.min()) ** -beta
        return weights.astype(np.float32)

    def probability(self, indices: Indices) -> float:
        """Probability of the least likely of these indices."""
        return float(self._tree.values[indices].min()) / self._tree.total

    def update(self, indices: Indices, errors: npt.NDArray[np.floating]) -> None:
        """Set priorities from TD errors of either sign; excluded indices stay excluded."""
        included = self._tree.values[indices] > 0
        priorities = (np.abs(errors[included].astype(np.float64)) + EPSILON) ** self._alpha
        self._tree.set(indices[included], priorities)
        self._largest = max(self._largest, float(priorities.max(initial=0.0)))

    def state(self) -> dict[str, Any]:
        """Everything that exact resumption needs; trailing zeros of the values are left out."""
        return {"values": np.trim_zeros(self._tree.values, "b").copy(), "largest": self._largest}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`.

        Raises:
            ValueError: There are more priorities than rows, or one is negative or not finite.
        """
        check_state(state, {"values": np.zeros(0), "largest": 1.0}, "priorities")
        saved = np.asarray(state["values"], dtype=np.float64)
        values = np.zeros_like(self._tree.values)
        if len(saved) > len(values) or saved.min(initial=0.0) < 0.0 or state["largest"] < 0.0:
            raise ValueError(f"there should be at most {len(values)} priorities of at least 0")
        values[: len(saved)] = saved
        self._tree.set_all(values)
        self._largest = float(state["largest"])

    def positive(self) -> Indices:
        """Indices whose priority is positive."""
        return np.flatnonzero(self._tree.values > 0)
