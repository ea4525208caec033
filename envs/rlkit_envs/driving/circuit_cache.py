"""LRU cache of circuits in a few large arrays, so that one kernel call can step cars on many circuits."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.road.circuit import Circuit
from rlkit_envs.driving.terrain.buildings import PANEL
from rlkit_envs.driving.terrain.layers import Needs, build_ground, style_of
from rlkit_envs.driving.terrain.roadside import STANDING, place_roadside
from rlkit_envs.driving.terrain.street import PARKED, dress_street
from rlkit_envs.driving.terrain.tiles import LAYER

MOST_BYTES = 4 * 2**30  # 2,500 circuits of the usual length for a camera, 30,000 for a bird's view

# One circuit, as kernels take it.
CIRCUIT = np.dtype(
    [
        ("samples", "i8"),  # of the centre line
        ("length", "f8"),  # m
        ("step", "f8"),  # m between samples
        ("reach", "f8"),  # m, the largest coordinate
        ("standing", "i8"),  # objects beside the road
        ("panels", "i8"),  # panels of buildings
        ("parked", "i8"),  # parked vehicles
        ("sun", "f8"),  # rad, direction of the sun
        ("flipped", "?"),  # whether the skyline is flipped, see ``terrain.layers.Style``
        ("mirrored", "?"),  # whether it is the mirror image of another circuit
    ],
    align=True,
)


class CircuitCache:
    """LRU cache of circuits and their rasters.

    Args:
        capacity: Most circuits to keep; circuits in use are kept in any case.
        needs: Rasters of the ground to draw for each.
        most_bytes: Most memory to use, likewise.

    Attributes:
        circuits: (S,) records of ``CIRCUIT``, one per slot.
        lines: (S, n, 8) centre lines.
        layers: (S, L) records of ``LAYER``.
        tiles: (S, T) uint32 tables of tiles.
        cells: (S, B) uint8 grounds.
        standing: (S, M) records of ``STANDING``.
        panels: (S, P) records of ``PANEL``.
        parked: (S, Q) records of ``PARKED``.
    """

    def __init__(self, capacity: int, needs: Needs, most_bytes: int = MOST_BYTES):
        self.capacity = capacity
        self.needs = needs
        self.most_bytes = most_bytes
        self.circuits = np.zeros(0, dtype=CIRCUIT)
        self.lines = np.zeros((0, 0, 8))
        self.layers = np.zeros((0, 0), dtype=LAYER)
        self.tiles = np.zeros((0, 0), dtype=np.uint32)
        self.cells = np.zeros((0, 0), dtype=np.uint8)
        self.standing = np.zeros((0, 0), dtype=STANDING)
        self.panels = np.zeros((0, 0), dtype=PANEL)
        self.parked = np.zeros((0, 0), dtype=PARKED)
        self._contents: list[Circuit] = []
        self._used: list[dict[str, int]] = []
        self._bytes: list[int] = []
        self._slots: OrderedDict[Hashable, int] = OrderedDict()

    def __getitem__(self, slot: int) -> Circuit:
        """The circuit in a slot."""
        return self._contents[slot]

    def slot(self, key: Hashable, make: Callable[[], Circuit], in_use: npt.NDArray[np.int64]) -> int:
        """Slot of a circuit, which is made if it is not in the cache.

        Args:
            key: Identifies the circuit.
            make: Makes it.
            in_use: Slots of circuits that cars drive on; they are not replaced.
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
        if len(self._contents) >= self.capacity or sum(self._bytes) >= self.most_bytes:
            for key, slot in self._slots.items():
                if slot not in in_use:
                    del self._slots[key]
                    return slot
        return len(self._contents)

    def _put(self, slot: int, circuit: Circuit) -> None:
        style = style_of(circuit)
        roadside, street = None, None
        standing, panels, parked = np.zeros(0, dtype=STANDING), np.zeros(0, dtype=PANEL), np.zeros(0, dtype=PARKED)
        if self.needs.material_cell is not None and circuit.is_street:
            street = dress_street(circuit, style.seed, style.sun)
            standing, panels, parked = street.standing, street.panels, street.parked
        elif self.needs.material_cell is not None:
            roadside = place_roadside(circuit, style.seed, style.sun, style.flipped)
            standing = roadside.standing
        ground = build_ground(circuit, self.needs, roadside, street)
        parts = {
            "lines": circuit.line,
            "layers": ground.layers,
            "tiles": ground.tiles,
            "cells": ground.cells,
            "standing": standing,
            "panels": panels,
            "parked": parked,
        }
        if slot >= len(self.circuits) or any(len(part) > getattr(self, name).shape[1] for name, part in parts.items()):
            self._grow(slot + 1, {name: len(part) for name, part in parts.items()})
        self.circuits[slot] = (
            len(circuit.line),
            circuit.length,
            circuit.step,
            np.abs(circuit.points).max(),
            len(standing),
            len(panels),
            len(parked),
            style.sun + np.pi,
            style.flipped,
            circuit.is_mirrored,
        )
        for name, part in parts.items():
            getattr(self, name)[slot, : len(part)] = part
        self._used[slot : slot + 1] = [{name: len(part) for name, part in parts.items()}]
        self._bytes[slot : slot + 1] = [sum(part.nbytes for part in parts.values())]
        self._contents[slot : slot + 1] = [circuit]

    def _grow(self, slots: int, lengths: dict[str, int]) -> None:
        """Enlarge the arrays; slots grow by half, so that filling the cache copies each circuit only a few times."""
        if slots > len(self.circuits):
            slots = max(slots, min(self.capacity, 2 + 3 * len(self.circuits) // 2))
        slots = max(slots, len(self.circuits))
        circuits = np.zeros(slots, dtype=CIRCUIT)
        circuits[: len(self.circuits)] = self.circuits
        self.circuits = circuits
        for name, length in lengths.items():
            before: npt.NDArray[Any] = getattr(self, name)
            # Untouched pages of np.zeros take no memory: copy only what is in use.
            room = np.zeros((slots, max(length, before.shape[1]), *before.shape[2:]), dtype=before.dtype)
            for slot, used in enumerate(self._used):
                room[slot, : used[name]] = before[slot, : used[name]]
            setattr(self, name, room)
