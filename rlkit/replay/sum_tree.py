"""Drawing numbers in proportion to their size, and changing them, in logarithmic time (Schaul et al. 2016)."""

import numpy as np
import numpy.typing as npt

from rlkit.compiled import kernel

Places = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


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
