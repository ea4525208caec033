from pathlib import Path

import numpy as np
import pytest
from rlkit_envs.driving.circuit import CURVATURE, LEFT, RIGHT, TX, TY, WINDOW, load_circuit, locate
from rlkit_envs.driving.spline import resample_closed


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


def test_the_widths_of_the_file_are_left_and_right(tmp_path):
    angles = np.linspace(0.0, 2.0 * np.pi, 60, endpoint=False)
    rows = [f"{50 * np.cos(a)},{50 * np.sin(a)},3,6" for a in angles]
    path = tmp_path / "lopsided.csv"
    path.write_text("x_m,y_m,w_tr_right_m,w_tr_left_m\n" + "\n".join(rows))
    line = load_circuit(path).line
    assert (line[0, RIGHT], line[0, LEFT]) == (3.0, 6.0)


def test_columns_may_come_in_another_order_and_the_first_point_may_be_repeated(tmp_path, circle):
    rows = [line.split(",") for line in Path(circle).read_text().splitlines()[1:]]
    path = tmp_path / "other.csv"
    text = ["w_tr_left_m,w_tr_right_m,y_m,x_m", *(",".join(reversed(row)) for row in [*rows, rows[0]]), "# end"]
    path.write_text("\n".join(text))
    assert np.array_equal(load_circuit(path).line, load_circuit(circle).line)


GOOD = [f"{50 * np.cos(a):.3f},{50 * np.sin(a):.3f},4,4" for a in np.linspace(0, 2 * np.pi, 40, endpoint=False)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "0 points"),
        (GOOD[:5], "5 points"),
        ([*GOOD[:10], "nan,1,4,4", *GOOD[11:]], r"line 11: .* no finite number"),
        ([*GOOD[:10], "1,inf,4,4", *GOOD[11:]], r"line 11: .* no finite number"),
        ([*GOOD[:10], "one,two,4,4", *GOOD[11:]], r"line 11: .* four numbers"),
        ([*GOOD[:10], "1,2,4", *GOOD[11:]], r"line 11: 3 columns"),
        ([*GOOD[:10], GOOD[9], *GOOD[11:]], r"line 11: the same point"),
        ([*GOOD[:10], GOOD[10].replace(",4,4", ",4,-4"), *GOOD[11:]], r"line 11: widths"),
        ([*GOOD[:10], GOOD[10].replace(",4,4", ",400,4"), *GOOD[11:]], r"line 11: widths"),
        (GOOD[:20], "does not close"),
        ([row.replace(",4,4", ",4,49") for row in GOOD], None),
        ([f"{float(r.split(',')[0]) / 20},{float(r.split(',')[1]) / 20},4,4" for r in GOOD], "m around"),
        ([f"{float(r.split(',')[0]) / 3},{float(r.split(',')[1]) / 3},4,30" for r in GOOD], "overlaps itself"),
    ],
)
def test_a_bad_file_is_refused_with_its_name_and_line(tmp_path, rows, message):
    path = tmp_path / "bad.csv"
    path.write_text("\n".join(rows))
    if message is None:
        assert load_circuit(path).line[:, LEFT].max() < 50.0  # cut back at the fold
        return
    with pytest.raises(ValueError, match=message) as error:
        load_circuit(path)
    assert str(path) in str(error.value)


def test_a_missing_file_a_folder_and_a_picture_are_refused(tmp_path):
    binary = tmp_path / "picture.csv"
    binary.write_bytes(b"\x89PNG\xff\xfe\x00")
    for path in (tmp_path / "absent.csv", tmp_path, binary):
        with pytest.raises(ValueError, match=str(path)):
            load_circuit(path)


def test_a_circuit_that_crosses_over_itself_is_accepted(write_circuit):
    angles = np.linspace(0.0, 2.0 * np.pi, 120, endpoint=False)
    eight = np.stack([120.0 * np.sin(angles), 60.0 * np.sin(2.0 * angles)], axis=1)
    circuit = load_circuit(write_circuit(eight))
    assert circuit.length > 500.0


def test_real_circuits_load_without_a_fold(real_circuits):
    for path in real_circuits:
        circuit = load_circuit(path)
        inner = np.where(circuit.line[:, CURVATURE] > 0.0, circuit.line[:, LEFT], circuit.line[:, RIGHT])
        assert (np.abs(circuit.line[:, CURVATURE]) * inner).max() < 1.0, path.stem
        assert 2000.0 < circuit.length < 8000.0
