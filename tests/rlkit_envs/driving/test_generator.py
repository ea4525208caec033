import numpy as np
import pytest
from rlkit_envs.driving.circuit import CURVATURE, LEFT, TX, TY
from rlkit_envs.driving.generator import LENGTHS, RUN_OFF, SPLITS, TIGHTEST_RADIUS, make_circuit

SEEDS = range(300)


@pytest.fixture(scope="module")
def circuits():
    return {split: [make_circuit(seed, split) for seed in SEEDS] for split in SPLITS}


@pytest.mark.parametrize("split", SPLITS)
def test_no_circuit_touches_itself(circuits, split):
    for circuit in circuits[split]:
        points = circuit.points[::2]
        gaps = np.abs(points[:, None] - points[None]).astype(np.float64)
        distances = np.hypot(gaps[..., 0], gaps[..., 1])
        clearance = 2.0 * circuit.line[:, LEFT].max() + RUN_OFF
        along = np.abs(np.arange(len(points))[:, None] - np.arange(len(points))[None])
        along = np.minimum(along, len(points) - along) * 2.0 * circuit.step
        assert distances[along > 0.5 * np.pi * clearance + 3.0].min() >= clearance - 0.2, circuit.name


@pytest.mark.parametrize("split", SPLITS)
def test_every_circuit_can_be_steered(circuits, split):
    for circuit in circuits[split]:
        assert circuit.tightest_radius >= TIGHTEST_RADIUS
        assert (np.abs(circuit.line[:, CURVATURE]) * circuit.line[:, LEFT]).max() < 0.5
        assert LENGTHS[0] - 1.0 < circuit.length < LENGTHS[1] + 1.0


@pytest.mark.parametrize("split", SPLITS)
def test_the_seam_is_as_smooth_as_the_rest(circuits, split):
    for circuit in circuits[split]:
        gaps = np.linalg.norm(np.roll(circuit.points, -1, axis=0) - circuit.points, axis=1)
        assert np.ptp(gaps) < 0.01
        headings = np.arctan2(circuit.line[:, TY], circuit.line[:, TX])
        turns = np.angle(np.exp(1j * (np.roll(headings, -1) - headings)))
        assert np.abs(turns).max() < 1.05 * circuit.step / TIGHTEST_RADIUS
        assert abs(abs(turns.sum()) - 2.0 * np.pi) < 1e-6


def test_the_splits_share_no_circuit(circuits):
    shapes = {circuit.line.tobytes() for split in SPLITS for circuit in circuits[split]}
    assert len(shapes) == 2 * len(SEEDS)
    lengths = np.sort([circuit.length for split in SPLITS for circuit in circuits[split]])
    assert np.diff(lengths).min() > 1e-6


def test_a_seed_always_gives_the_same_circuit(circuits):
    for seed in (0, 17, 299):
        assert np.array_equal(make_circuit(seed, "test").line, circuits["test"][seed].line)


def test_huge_seeds_do_not_lead_into_the_other_split():
    # SeedSequence joins the words of the seed and those of the key; the key has to tell the splits apart for any seed.
    seeds = [0, 1, 2**32, 2**32 + 1, 2**128, 2**128 + 1, 2**160]
    lines = {make_circuit(seed, split).line.tobytes() for seed in seeds for split in SPLITS}
    assert len(lines) == 2 * len(seeds)


def test_circuits_run_both_ways_and_are_unlike_each_other(circuits):
    turns = [np.sign(circuit.line[:, CURVATURE].sum()) for circuit in circuits["train"]]
    assert 0.4 < np.mean(np.array(turns) > 0) < 0.6
    # A round circuit bends one way only; hairpins and chicanes bend both ways, several times.
    bends = [
        np.count_nonzero(np.diff(np.sign(c.line[np.abs(c.line[:, CURVATURE]) > 0.01, CURVATURE])))
        for c in circuits["train"]
    ]
    assert min(bends) == 0
    assert max(bends) >= 6


def test_the_start_line_lies_on_a_straight(circuits):
    for circuit in circuits["test"][:50]:
        around = np.abs(np.roll(circuit.line[:, CURVATURE], 20)[:40]).mean()
        assert around <= np.abs(circuit.line[:, CURVATURE]).mean()
