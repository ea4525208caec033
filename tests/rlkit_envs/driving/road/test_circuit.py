import numpy as np
import pytest
from rlkit_envs.driving.road.circuit import CURVATURE, TX, TY, WINDOW, locate
from rlkit_envs.driving.road.csv_file import load_circuit
from rlkit_envs.driving.road.generator import make_circuit
from rlkit_envs.driving.road.spline import resample_closed


def test_a_circle_keeps_its_length_and_curvature(circle):
    circuit = load_circuit(circle)
    assert circuit.length == pytest.approx(100.0 * np.pi, abs=1e-4)
    assert circuit.line[:, CURVATURE] == pytest.approx(np.full(len(circuit.line), 1 / 50), rel=1e-3)


def test_samples_are_evenly_spaced_and_the_seam_is_a_step_like_any_other(circle):
    circuit = load_circuit(circle)
    gaps = np.linalg.norm(np.roll(circuit.points, -1, axis=0) - circuit.points, axis=1)
    assert gaps == pytest.approx(np.full(len(gaps), circuit.step), rel=1e-3)
    assert 0.9 < circuit.step < 1.1


def test_tangents_turn_evenly_across_the_seam(circle):
    circuit = load_circuit(circle)
    headings = np.unwrap(np.arctan2(circuit.line[[-2, -1, 0, 1], TY], circuit.line[[-2, -1, 0, 1], TX]))
    assert np.diff(headings) == pytest.approx(np.full(3, circuit.step / 50), rel=1e-3)


def test_the_spline_passes_through_its_points():
    corners = np.array([[0.0, 0.0], [40.0, -5.0], [60.0, 30.0], [20.0, 45.0], [-10.0, 25.0]])
    samples, where, _ = resample_closed(corners, 0.01)
    for number, corner in enumerate(corners):
        assert np.linalg.norm(samples[np.abs(where - number).argmin(), :2] - corner) < 0.02


@pytest.mark.parametrize(("radius", "offset"), [(50.0, 0.0), (47.0, 3.0), (53.0, -3.0)])
def test_a_place_is_found_to_the_millimetre(circle, radius, offset):
    circuit = load_circuit(circle)
    for angle in (0.001, 0.5, 3.0, 6.28):
        station = 50.0 * angle
        guess = (int(station / circuit.step) - 3) % len(circuit.line)
        index, fraction = locate(circuit.line, len(circuit.line), radius * np.cos(angle), radius * np.sin(angle), guess)
        assert (index + fraction) * circuit.step == pytest.approx(station, abs=1e-3)


def test_a_place_is_searched_near_the_last_one_only(circle):
    circuit = load_circuit(circle)
    index, _ = locate(circuit.line, len(circuit.line), -50.0, 0.0, 0)
    moved = min(index, len(circuit.line) - index)
    assert moved <= WINDOW  # Half a lap away lies a better place, which belongs to another leg


def test_backwards_left_is_right_and_the_start_line_stays():
    circuit = make_circuit(3, "train")
    back = circuit.reversed()
    assert (back.length, back.name) == (circuit.length, "train-3-reversed")
    assert np.array_equal(back.line[0, :2], circuit.line[0, :2])
    ahead = np.roll(back.points, -1, axis=0) - back.points
    assert (ahead * back.line[:, [TX, TY]]).sum(axis=1).min() > 0.9 * back.step  # tangents point to the next sample
    turned = np.angle(np.exp(1j * np.diff(np.arctan2(back.line[:, TY], back.line[:, TX]))))
    assert turned == pytest.approx(back.step * 0.5 * (back.line[:-1, CURVATURE] + back.line[1:, CURVATURE]), abs=2e-3)
    for old, new in zip(circuit.borders(), reversed(back.borders()), strict=True):
        assert np.array_equal(old[[0, 5]], new[[0, -5]])


def test_backwards_twice_is_forwards():
    circuit = make_circuit(3, "train")
    assert np.array_equal(circuit.reversed().reversed().line, circuit.line)
