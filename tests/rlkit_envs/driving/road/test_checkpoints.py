import numpy as np
import pytest
from rlkit_envs.driving.road.checkpoints import FAR, HALF_WIDTH, MOST_TURN, STRIDE, make_checkpoint_circuit
from rlkit_envs.driving.road.circuit import CURVATURE, LEFT, RIGHT, TX, TY, X, Y

CIRCUITS = [make_checkpoint_circuit(seed, "train") for seed in range(30)]


def test_the_same_seed_gives_the_same_road_and_the_splits_differ():
    assert np.array_equal(make_checkpoint_circuit(3, "train").line, CIRCUITS[3].line)
    assert len({circuit.length for circuit in CIRCUITS}) == len(CIRCUITS)
    assert make_checkpoint_circuit(3, "test").length != CIRCUITS[3].length


def test_roads_have_the_measures_of_the_originals():
    lengths = [circuit.length for circuit in CIRCUITS]
    assert np.mean(lengths) == pytest.approx(1028.0, abs=80.0)  # that of 300 of CarRacing-v3
    assert min(lengths) > 700.0
    for circuit in CIRCUITS:
        assert circuit.line[:, LEFT : RIGHT + 1] == pytest.approx(HALF_WIDTH)
        assert circuit.tightest_radius > HALF_WIDTH
        assert np.abs(circuit.points).max() < FAR + 40.0
    curvature = np.abs(np.concatenate([circuit.line[:, CURVATURE] for circuit in CIRCUITS]))
    assert np.quantile(curvature, 0.98) == pytest.approx(MOST_TURN / STRIDE, rel=0.15)


def test_roads_begin_beside_the_first_checkpoint_and_run_counter_clockwise():
    for circuit in CIRCUITS:
        x, y, tx, ty = circuit.line[0, [X, Y, TX, TY]]
        assert -25.0 < np.degrees(np.arctan2(y, x)) < 0.0  # between the last checkpoint and the first
        assert x * ty - y * tx > 0.0
        around = np.unwrap(np.arctan2(circuit.line[:, Y], circuit.line[:, X]))
        assert around[-1] - around[0] == pytest.approx(2.0 * np.pi, abs=0.1)
