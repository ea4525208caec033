import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlkit_envs.driving.road.circuit import CURVATURE, LEFT, RIGHT, TX, TY
from rlkit_envs.driving.road.generator import LENGTHS, RUN_OFF, SPLITS, TIGHTEST_RADIUS, make_circuit, style_of

SEEDS = range(300)


@pytest.fixture(scope="module")
def circuits():
    return {split: [make_circuit(seed, split) for seed in SEEDS] for split in SPLITS}


def nearest_legs(circuit, stride):
    """Metres between the nearest points of different legs, by comparing all with all."""
    points = circuit.points[::stride]
    away = points[:, None] - points[None]
    distances = np.hypot(away[..., 0], away[..., 1])
    along = np.abs(np.arange(len(points))[:, None] - np.arange(len(points))[None])
    along = np.minimum(along, len(points) - along) * stride * circuit.step
    return distances[along > 0.5 * np.pi * clearance(circuit) + stride + 1.0].min()


def clearance(circuit):
    return 2.0 * circuit.line[:, LEFT].max() + RUN_OFF


def check(circuit, radius, lengths):
    """Everything that is promised of a circuit, worked out anew."""
    line = circuit.line
    stride = max(2, len(line) // 900)
    assert nearest_legs(circuit, stride) >= clearance(circuit) - 0.15 * stride, circuit.name
    assert circuit.tightest_radius >= radius
    assert lengths[0] - 1.0 < circuit.length < 1.005 * lengths[1] + 1.0
    assert np.array_equal(line[:, LEFT], line[:, RIGHT])
    assert (np.abs(line[:, CURVATURE]) * line[:, LEFT]).max() < 0.5
    gaps = np.linalg.norm(np.roll(circuit.points, -1, axis=0) - circuit.points, axis=1)
    assert np.ptp(gaps) < 0.01  # the seam is a step like any other
    headings = np.arctan2(line[:, TY], line[:, TX])
    turns = np.angle(np.exp(1j * (np.roll(headings, -1) - headings)))
    assert np.abs(turns).max() < 1.05 * circuit.step / radius
    assert abs(abs(turns.sum()) - 2.0 * np.pi) < 1e-6  # once around, without a loop
    # Headings and curvatures fit each other everywhere, so that neither jumps.
    mean = 0.5 * circuit.step * (line[:, CURVATURE] + np.roll(line[:, CURVATURE], -1))
    assert np.abs(turns - mean).max() < 0.01


@pytest.mark.parametrize("split", SPLITS)
def test_every_circuit_is_as_promised(circuits, split):
    for circuit in circuits[split]:
        check(circuit, TIGHTEST_RADIUS, LENGTHS)


ANY = {
    "seed": st.integers(0, 2**64),
    "split": st.sampled_from(SPLITS),
    "difficulty": st.none() | st.floats(0.0, 1.0),
}


def check_any(seed, split, length, difficulty):
    radius = TIGHTEST_RADIUS if difficulty is None else style_of(difficulty, length).radius
    check(make_circuit(seed, split, length, difficulty), radius, (length, length))


@settings(max_examples=80)
@given(length=st.floats(300.0, 2500.0), **ANY)
def test_circuits_of_any_length_and_difficulty_are_as_promised(seed, split, length, difficulty):
    check_any(seed, split, length, difficulty)


@pytest.mark.slow
@settings(max_examples=1500)
@given(length=st.floats(300.0, 8000.0), **ANY)
def test_very_many_circuits_of_any_length_and_difficulty_are_as_promised(seed, split, length, difficulty):
    check_any(seed, split, length, difficulty)


@pytest.mark.slow
@pytest.mark.parametrize("split", SPLITS)
def test_thousands_of_usual_circuits_are_as_promised(split):
    for seed in range(300, 5300):
        check(make_circuit(seed, split), TIGHTEST_RADIUS, LENGTHS)


def rough_speed(circuit):
    """Metres per second on average of a car that takes 10 m/s² sideways and slows down 25 m before each curve."""
    bends = np.abs(circuit.line[:, CURVATURE])
    tightest = np.max([np.roll(bends, shift) for shift in range(-25, 26)], axis=0)
    return 1.0 / np.mean(1.0 / np.minimum(45.0, np.sqrt(10.0 / np.maximum(tightest, 1e-6))))


@pytest.mark.parametrize("length", [LENGTHS, (900.0, 2000.0)])
def test_harder_circuits_bend_more_and_are_narrower_and_slower(length):
    figures = []
    for difficulty in (0.0, 0.25, 0.5, 0.75, 1.0):
        drawn = [make_circuit(seed, "train", length, difficulty) for seed in range(16)]
        bend = np.mean([np.abs(circuit.line[:, CURVATURE]).mean() for circuit in drawn])
        width = np.mean([circuit.line[:, LEFT].mean() for circuit in drawn])
        figures.append((bend, -width, -np.mean([rough_speed(circuit) for circuit in drawn])))
    assert (np.diff(figures, axis=0) > 0.0).all()
    assert figures[-1][0] > 1.4 * figures[0][0]


def test_a_circuit_takes_milliseconds():
    make_circuit(0, "train")
    start = time.process_time()
    for seed in range(50):
        make_circuit(seed, "train")
    assert (time.process_time() - start) / 50 < 0.02


def test_the_usual_circuits_stay_what_they_were():
    # What agents learned and figures were measured on.
    lengths = [make_circuit(seed, "train").length for seed in range(3)]
    bends = [np.abs(make_circuit(seed, "test").line[:, CURVATURE]).mean() for seed in range(3)]
    assert lengths == pytest.approx([495.0262, 452.3699, 626.8725], rel=1e-6)
    assert bends == pytest.approx([0.01761113, 0.01982575, 0.02734758], rel=1e-6)


@pytest.mark.parametrize("width", [(7.5, 16.0), (6.0, 20.0), (12.0, 12.0)])
def test_the_width_varies_within_its_range(width):
    low, high = width
    widths, tightest = [], []
    for seed in range(12):
        line = make_circuit(seed, "train", (400.0, 3000.0), width=width).line
        assert low - 1e-9 <= 2.0 * line[:, [LEFT, RIGHT]].min() <= 2.0 * line[:, [LEFT, RIGHT]].max() <= high + 1e-9
        assert (np.abs(line[:, CURVATURE]) * line[:, [LEFT, RIGHT]].T).max() < 0.93  # no border is folded
        tightest.append(np.abs(line[:, CURVATURE]).max())
        assert np.abs(np.diff(line[:, LEFT])).max() < 0.25
        widths.append((line[:, LEFT] + line[:, RIGHT]).mean())
    assert np.ptp(widths) >= 0.4 * (high - low)
    assert max(tightest) > 1.0 / 11.0  # tighter than the circuits of constant width


@pytest.mark.parametrize("width", [(5.0, 10.0), (6.0, 21.0), (12.0, 10.0), (float("nan"), 10.0)])
def test_a_width_out_of_range_is_refused(width):
    with pytest.raises(ValueError, match="expected two numbers from 6 to 20 m"):
        make_circuit(0, "train", width=width)


@pytest.mark.parametrize("length", [299.0, 8001.0, (500.0, 400.0), (100.0, 400.0), float("nan")])
def test_a_length_out_of_range_is_refused(length):
    with pytest.raises(ValueError, match="expected 300 to 8000 m"):
        make_circuit(0, "train", length)


@pytest.mark.parametrize("difficulty", [-0.1, 1.1, float("nan")])
def test_a_difficulty_out_of_range_is_refused(difficulty):
    with pytest.raises(ValueError, match="expected a number from 0 to 1"):
        make_circuit(0, "train", difficulty=difficulty)


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
