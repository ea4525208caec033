"""Circuits side by side in a few large arrays, so that one kernel call can drive cars on many circuits."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.circuit import Circuit
from rlkit_envs.driving.ground import LEVELS, build_ground, level_start

# What kernels need to know about one circuit of the pool.
CIRCUIT = np.dtype(
    [
        ("samples", "i8"),  # of the centre line
        ("length", "f8"),  # m
        ("step", "f8"),  # m between samples
        ("origin_x", "f8"),  # m, corner of the ground
        ("origin_y", "f8"),  # m
        ("cell", "f8"),  # m, side of the ground's finest cells
        ("rows", "i8"),  # of the finest level
        ("columns", "i8"),
    ],
    align=True,
)


class CircuitPool:
    """A shelf with a limited number of circuits; the one that has not been asked for longest makes room for a new one.

    Args:
        capacity: Circuits kept at most, those in use not counted: they are never thrown out.
    """

    def __init__(self, capacity: int):
        self.capacity = capacity
        self.circuits = np.zeros(0, dtype=CIRCUIT)
        self.lines = np.zeros((0, 0, 8))
        self.cells = np.zeros((0, 0), dtype=np.uint8)
        self._contents: list[Circuit] = []
        self._slots: OrderedDict[Hashable, int] = OrderedDict()

    def __getitem__(self, slot: int) -> Circuit:
        """The circuit that stands in a slot."""
        return self._contents[slot]

    def slot(self, key: Hashable, make: Callable[[], Circuit], in_use: npt.NDArray[np.int64]) -> int:
        """Find a circuit's slot, making the circuit first where it is not on the shelf.

        Args:
            key: What tells circuits apart.
            make: Called where the circuit is not there.
            in_use: Slots that cars drive in.
        """
        if key in self._slots:
            self._slots.move_to_end(key)
            return self._slots[key]
        circuit = make()
        slot = self._free_slot(set(in_use.tolist()))
        self._put(slot, circuit)
        self._slots[key] = slot
        return slot

    def _free_slot(self, in_use: set[int]) -> int:
        if len(self._contents) >= self.capacity:
            for key, slot in self._slots.items():
                if slot not in in_use:
                    del self._slots[key]
                    return slot
        return len(self._contents)

    def _put(self, slot: int, circuit: Circuit) -> None:
        ground = build_ground(circuit)
        samples, size = len(circuit.line), len(ground.cells)
        if slot >= len(self.circuits) or samples > self.lines.shape[1] or size > self.cells.shape[1]:
            self._grow(slot + 1, samples, size)
        self.circuits[slot] = (
            samples,
            circuit.length,
            circuit.step,
            *ground.origin,
            ground.cell,
            ground.rows,
            ground.columns,
        )
        self.lines[slot, :samples] = circuit.line
        self.cells[slot, :size] = ground.cells
        self._contents[slot : slot + 1] = [circuit]

    def _grow(self, slots: int, samples: int, size: int) -> None:
        """Make room, by half as many slots again so that filling the pool copies each circuit but a few times."""
        kept = len(self._contents)
        if slots > len(self.circuits):
            slots = max(slots, min(self.capacity, 2 + 3 * len(self.circuits) // 2))
        slots = max(slots, len(self.circuits))
        samples = max(samples, self.lines.shape[1])
        size = max(size, self.cells.shape[1])
        circuits, lines, cells = self.circuits, self.lines, self.cells
        self.circuits = np.zeros(slots, dtype=CIRCUIT)
        self.lines = np.zeros((slots, samples, 8))
        # Untouched pages of np.zeros cost no memory: copy only what is used, and a wide pool weighs what it holds.
        self.cells = np.zeros((slots, size), dtype=np.uint8)
        for slot in range(kept):
            circuit = self.circuits[slot] = circuits[slot]
            self.lines[slot, : circuit["samples"]] = lines[slot, : circuit["samples"]]
            used = level_start(int(circuit["rows"]), int(circuit["columns"]), LEVELS)
            self.cells[slot, :used] = cells[slot, :used]
