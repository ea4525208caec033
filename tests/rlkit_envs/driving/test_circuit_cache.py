import numpy as np
import pytest
from rlkit_envs.driving.circuit_cache import CircuitCache
from rlkit_envs.driving.road.generator import make_circuit
from rlkit_envs.driving.terrain.layers import Needs, build_ground

NOBODY = np.array([-1, -1])
NEEDS = Needs((2.0,))


def fill(pool, numbers, in_use=NOBODY):
    return [pool.slot(n, lambda n=n: make_circuit(n, "train"), in_use) for n in numbers]


def test_a_circuit_that_is_there_is_not_made_again():
    pool = CircuitCache(4, NEEDS)
    first = fill(pool, [1, 2])
    assert [pool.slot(n, pytest.fail, NOBODY) for n in (1, 2)] == first


def test_the_one_not_asked_for_longest_makes_room():
    pool = CircuitCache(3, NEEDS)
    slots = fill(pool, [1, 2, 3])
    fill(pool, [1])
    assert fill(pool, [4]) == [slots[1]]
    assert pool[slots[1]].name == "train-4"


def test_circuits_in_use_stay():
    pool = CircuitCache(2, NEEDS)
    slots = fill(pool, [1, 2])
    third = fill(pool, [3], in_use=np.array(slots))
    assert [pool[slot].name for slot in [*slots, *third]] == ["train-1", "train-2", "train-3"]


def test_growing_keeps_what_is_there():
    pool = CircuitCache(40, NEEDS)
    slots = fill(pool, range(40))
    for number, slot in enumerate(slots):
        circuit = make_circuit(number, "train")
        assert np.array_equal(pool.lines[slot, : len(circuit.line)], circuit.line)
        assert pool.circuits[slot]["samples"] == len(circuit.line)
        ground = build_ground(circuit, NEEDS)
        assert np.array_equal(pool.cells[slot, : len(ground.cells)], ground.cells)
        assert np.array_equal(pool.tiles[slot, : len(ground.tiles)], ground.tiles)


def test_no_more_circuits_are_kept_than_there_is_memory_for():
    roomy = CircuitCache(100, NEEDS)
    fill(roomy, [0])
    size = sum(getattr(roomy, name)[0].nbytes for name in ("lines", "layers", "tiles", "cells", "standing"))
    pool = CircuitCache(100, NEEDS, most_bytes=4 * size)
    slots = fill(pool, range(30))
    assert 2 <= len(set(slots)) <= 12
    assert pool[slots[-1]].name == "train-29"
    in_use = np.arange(len(set(slots)))
    assert fill(pool, [30], in_use) == [len(set(slots))]
