import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from rlkit_envs.driving.road.circuit import LEFT
from rlkit_envs.driving.road.generator import make_circuit
from rlkit_envs.driving.terrain.roadside import BOARD, BUSH, MOST, place_roadside


@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_nothing_stands_on_the_road(seed):
    circuit = make_circuit(seed, "train")
    standing = place_roadside(circuit, seed, 0.0).standing
    assert 0 < len(standing) <= MOST
    places = np.stack([standing["x"], standing["y"]], axis=1)
    distance = np.linalg.norm(places[:, None] - circuit.points[None], axis=2).min(axis=1)
    assert (distance > circuit.line[:, LEFT].max() + 0.5).all()


def test_the_same_seed_plants_the_same_trees():
    circuit = make_circuit(1, "train")
    one, two, other = place_roadside(circuit, 4, 1.0), place_roadside(circuit, 4, 1.0), place_roadside(circuit, 5, 1.0)
    assert np.array_equal(one.standing, two.standing)
    assert not np.array_equal(one.standing, other.standing)


def test_shadows_fall_away_from_the_sun_and_are_longer_than_the_tree():
    circuit = make_circuit(1, "train")
    roadside = place_roadside(circuit, 4, 0.0)
    trees = roadside.standing[roadside.standing["kind"] <= BUSH]
    shadows = roadside.shadows()
    assert len(shadows) == len(trees)
    assert (shadows[:, 0] > trees["x"]).all()
    assert np.allclose(shadows[:, 1], trees["y"])
    assert (roadside.standing["kind"] == BOARD).any()
