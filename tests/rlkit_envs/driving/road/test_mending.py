import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from rlkit_envs.driving.config import DrivingConfig
from rlkit_envs.driving.road.circuit import LEFT, RIGHT, Circuit
from rlkit_envs.driving.road.csv_file import load_circuit

STEP = 2.0 * np.pi / 120
CASES = Path(os.environ.get("RLKIT_CASES", Path(__file__).parents[5] / "shared" / "cases")) / "circuits"


def circle(turns: np.ndarray, aside: float = 0.0, right: float = 4.0, left: float = 5.0) -> list[str]:
    """Rows along a circle of 60 m radius (3.1 m apart), at these numbers of points from its start."""
    radius = 60.0 - aside
    return [
        f"{radius * np.cos(STEP * k):.4f},{radius * np.sin(STEP * k):.4f},{right},{left}" for k in np.atleast_1d(turns)
    ]


LAP = circle(np.arange(120))


def load(folder: Path, rows: list[str], **kwargs) -> Circuit:
    path = folder / "lap.csv"
    path.write_text("\n".join(rows))
    return load_circuit(path, **kwargs)


@pytest.fixture
def plain(tmp_path) -> Circuit:
    return load(tmp_path, LAP)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*LAP, "60.01,0.0,4,5"], r"the last point \(line 121\) lies 0.01 m from the first and is left out"),
        ([*LAP, "60.0,0.01,4,5"], "lies 0.01 m from the first"),
        ([*LAP, "60.07,-0.07,4,5"], "lies 0.099 m from the first"),
        ([*LAP, "59.6,0.1,4,5"], "lies 0.41 m from the first"),
        ([*LAP, *LAP[:3]], "goes on past its start for 6.3 m: the points on lines 121 to 123 are left out"),
        ([*LAP, *circle(np.arange(120, 130), 0.3)], "past its start for 28.1 m: the points on lines 121 to 130"),
        ([*LAP, *circle(np.arange(0.4, 60), -0.2)], "past its start for 18.*: the points on lines 121 to 180"),
        ([row for row in LAP for _ in range(2)], r"120 points are left out, .* the same \(line 2 the first\)"),
        ([*LAP[:10], LAP[9], *LAP[10:]], r"a point is left out, because the point before is the same \(line 11\)"),
        ([*LAP[:10], *circle(9.003), *LAP[10:]], r"a point is left out"),
    ],
)
def test_points_too_many_are_left_out_and_that_is_said(rows, message, tmp_path, plain):
    with pytest.warns(UserWarning, match=message):
        mended = load(tmp_path, rows)
    assert np.array_equal(mended.line, plain.line)


@pytest.mark.parametrize(
    "rows",
    [[*LAP, *circle(119.9)], circle(np.arange(0, 120, 1.09)), [*LAP, LAP[0]], circle(np.arange(0, 120, 0.25))],
    ids=["a short last step", "no whole number of steps", "closed", "dense"],
)
def test_laps_that_just_close_are_taken_without_a_word(rows, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(tmp_path, rows).length == pytest.approx(120.0 * np.pi, rel=1e-3)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*LAP, *circle(120, 1.2)], r"the last point \(line 121\) lies 1.20 m from the first \(line 1\), beside it"),
        ([*LAP, *circle(np.arange(120, 130), 1.5)], r"pass the first \(line 1\) again at line 121 .* up to 1.5 m"),
    ],
)
def test_a_lap_that_goes_on_beside_its_start_is_refused_as_what_it_is(rows, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        load(tmp_path, rows)


@pytest.mark.parametrize(
    ("right", "left", "expected", "mended"),
    [
        (0.992, 5.0, 8, (1.0, 5.0)),
        (4.0, 0.96, 40, (4.0, 1.0)),
        (1.2, 1.28, 10, (1.21, 1.29)),
        (5.01, 30.0, 9, (5.0086, 29.9914)),
    ],
)
def test_widths_a_little_outside_of_the_limits_are_moved_to_them(right, left, expected, mended, tmp_path):
    rows = [*LAP[:7], *circle(7, 0.0, right, left), *LAP[8:]]
    with pytest.warns(UserWarning, match=rf"line 8: widths {expected} mm outside of the limits .* in 1 row$"):
        circuit = load(tmp_path, rows)
    x, y = (float(text) for text in LAP[7].split(",")[:2])
    nearest = circuit.line[np.hypot(circuit.line[:, 0] - x, circuit.line[:, 1] - y).argmin()]
    assert nearest[[RIGHT, LEFT]] == pytest.approx(mended, abs=0.7)
    assert min(circuit.line[:, RIGHT].min(), circuit.line[:, LEFT].min()) >= 1.0


def test_a_width_far_below_the_limit_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"line 8: 0.9 m of road to the right"):
        load(tmp_path, [*LAP[:7], *circle(7, 0.0, 0.9), *LAP[8:]])


def test_a_track_of_model_cars_is_scaled(tmp_path, plain):
    small = [",".join(f"{float(value) / 10.0:.5f}" for value in row.split(",")) for row in LAP]
    with pytest.raises(ValueError, match=r"37.69 m around; .* in the size of a 1:10 model\? scale=10 "):
        load(tmp_path, small)
    large = load(tmp_path, small, scale=10.0)
    assert large.line == pytest.approx(plain.line, abs=1e-2)
    four_times = [
        ",".join(f"{float(v) * f:.5f}" for v, f in zip(r.split(","), (4, 4, 1, 1), strict=True)) for r in small
    ]
    with pytest.raises(ValueError, match=r"is the file in the size of a 1:10 model\? scale=10 makes"):
        load(tmp_path, four_times)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"scale": "big"}, "scale='big'"),
        ({"scale": 0}, "scale=0"),
        ({"scale": 10, "circuit": 3}, "for circuits from f"),
    ],
)
def test_a_scale_that_cannot_be_is_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        DrivingConfig(**kwargs)


@pytest.mark.parametrize(
    "name", ["closed_1cm_off", "closed_10cm_off", "closed_overshoot_3pts", "dup_points", "pandas_index"]
)
def test_cases_of_users_load(name):
    path = CASES / f"{name}.csv"
    if not path.is_file():
        pytest.skip(f"no {path}; RLKIT_CASES may name another folder with circuits/")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        circuit = load_circuit(path)
    assert circuit.length == pytest.approx(740.0, rel=0.05)
    assert (circuit.line[0, RIGHT], circuit.line[0, LEFT]) == (6.0, 4.0)


@pytest.mark.parametrize(
    ("name", "right", "left"),
    [("left_first_other_names", 6.0, 4.0), ("asym_3_12", 3.0, 12.0), ("x_y_z_w_unnamed", 3.0, 12.0)],
)
def test_cases_of_users_have_their_sides(name, right, left):
    path = CASES / f"{name}.csv"
    if not path.is_file():
        pytest.skip(f"no {path}; RLKIT_CASES may name another folder with circuits/")
    circuit = load_circuit(path)
    assert (circuit.line[0, RIGHT], circuit.line[0, LEFT]) == pytest.approx((right, left))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "x_y_yaw_speed_unnamed.csv",
            "names the columns x, y, yaw, speed; the width to the right and the width to the",
        ),
        ("json_track.csv", "begins with JSON"),
        ("mpcc_style.json", "begins with JSON"),
        ("html.csv", "begins with an HTML page"),
        ("lfs_pointer.csv", "begins with a pointer file of Git LFS"),
    ],
)
def test_cases_of_users_are_refused_with_the_reason(name, message):
    path = CASES / name
    if not path.is_file():
        pytest.skip(f"no {path}; RLKIT_CASES may name another folder with circuits/")
    with pytest.raises(ValueError, match=message):
        load_circuit(path)
