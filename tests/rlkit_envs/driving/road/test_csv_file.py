import os
import signal
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from rlkit_envs.driving.road.circuit import CURVATURE, LEFT, RIGHT, Circuit
from rlkit_envs.driving.road.csv_file import load_circuit
from rlkit_envs.driving.road.csv_rows import LONGEST_LINE, MOST_LINES

ANGLES = np.linspace(0.0, 2.0 * np.pi, 40, endpoint=False)
GOOD = [f"{50 * np.cos(a):.3f},{50 * np.sin(a):.3f},4,5" for a in ANGLES]
HEADER = "x_m,y_m,w_tr_right_m,w_tr_left_m"


def write(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join(rows))
    return path


@pytest.fixture
def plain(tmp_path) -> Circuit:
    return load_circuit(write(tmp_path / "plain.csv", GOOD))


# What files may look like


def test_the_widths_of_the_file_are_left_and_right(plain):
    assert (plain.line[0, RIGHT], plain.line[0, LEFT]) == (4.0, 5.0)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([HEADER, *GOOD], id="header"),
        pytest.param([f"# {HEADER}", *GOOD], id="header as a comment"),
        pytest.param([HEADER.upper(), "", *GOOD, ""], id="capitals and empty lines"),
        pytest.param(["# a lap", "#", *GOOD[:9], "  # half way", *(f"{r} # here" for r in GOOD[9:])], id="comments"),
        pytest.param([row.replace(",", ";") for row in [HEADER, *GOOD]], id="semicolons"),
        pytest.param([row.replace(",", "; ").replace(".", ",") for row in GOOD], id="decimal commas"),
        pytest.param([row.replace(",", "\t") for row in [HEADER, *GOOD]], id="tabs"),
        pytest.param(["  " + row.replace(",", "   ") for row in [HEADER, *GOOD]], id="spaces"),
        pytest.param([row.replace(",", " , ") + " ," for row in GOOD], id="spaces and a comma at the end"),
        pytest.param([*GOOD, GOOD[0]], id="first point repeated"),
        pytest.param(["v,w_tr_left_m,w_tr_right_m,y_m,x_m"]
                     + ["7," + ",".join(reversed(row.split(","))) for row in GOOD], id="another order"),
        pytest.param(["\ufeff" + HEADER, *GOOD], id="byte order mark"),
        pytest.param([row + "\r" for row in GOOD], id="Windows"),
    ],
)  # fmt: skip
def test_files_may_look_unlike_and_mean_the_same(tmp_path, plain, rows):
    assert np.array_equal(load_circuit(write(tmp_path / "other.csv", rows)).line, plain.line)


def test_a_comment_in_another_encoding_does_no_harm(tmp_path, plain):
    path = tmp_path / "latin.csv"
    path.write_bytes("# Nürburgring\n".encode("latin-1") + "\n".join(GOOD).encode())
    assert np.array_equal(load_circuit(path).line, plain.line)


def test_backwards_gives_the_circuit_the_other_way_round(tmp_path, plain):
    back = load_circuit(tmp_path / "plain.csv", backwards=True)
    assert np.array_equal(back.line, plain.reversed().line)
    assert back.line[:, CURVATURE].max() < 0.0 < plain.line[:, CURVATURE].min()


# What is refused


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], ": 0 points"),
        (["# nothing but a comment"], ": 0 points"),
        ([HEADER], ": 0 points"),
        (GOOD[:5], ": 5 points"),
        (["x,y,width", *GOOD], "line 1: the header names the columns x, y, width; the width to the right and the w"),
        ([f"{row},1" for row in GOOD], "line 1: 5 columns without a header"),
        ([*GOOD[:10], "nan,1,4,4", *GOOD[11:]], "line 11: a value is not finite"),
        ([HEADER, *GOOD[:10], "1,inf,4,4", *GOOD[11:]], "line 12: a value is not finite"),
        ([*GOOD[:10], "one,two,4,4", *GOOD[11:]], "line 11: .* four numbers"),
        ([*GOOD[:10], "1,2,4", *GOOD[11:]], "line 11: 3 columns"),
        ([*GOOD[:10], GOOD[10].replace(",4,5", ",4,-4"), *GOOD[11:]], "line 11: 4 m of road to the right and -4 m"),
        ([row.replace(",4,5", ",1.1,1.1") for row in GOOD], r"line 1: .* 2.5 to 35 m in all .* 1:10 model\? scale=10"),
        ([row.replace(",4,5", ",20,20") for row in GOOD], r"line 1: .* 2.5 to 35 m in all .* feet\?"),
        ([row.replace(",4,5", ",450,550") for row in GOOD], r"line 1: .* centimetres\?"),
        ([row.replace(",4,5", ",2500,2500") for row in GOOD], r"line 1: .* millimetres\?"),
        (GOOD * 2, "go around 2 times"),
        (GOOD * 3, "go around 3 times"),
        (GOOD[:20], r"does not close: its last point \(line 20\) lies .* from its first \(line 1\)"),
        ([f"{float(r.split(',')[0]) / 5e4},{float(r.split(',')[1]) / 5e4},4,4" for r in GOOD], r"degrees\?"),
        ([f"{float(r.split(',')[0]) / 20},{float(r.split(',')[1]) / 20},4,4" for r in GOOD], "15.69 m.*kilometres"),
        ([f"{float(r.split(',')[0]) * 1e3},{float(r.split(',')[1]) * 1e3},4,4" for r in GOOD], r"in centimetres\?"),
        ([f"{float(r.split(',')[0]) / 3},{float(r.split(',')[1]) / 3},4,30" for r in GOOD], "overlaps itself"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_with_its_name_and_line(tmp_path, rows, message):
    path = write(tmp_path / "bad.csv", rows)
    with pytest.raises(ValueError, match=message) as error:
        load_circuit(path)
    assert str(path) in str(error.value)


def test_what_is_no_file_of_text_is_refused(tmp_path):
    binary = tmp_path / "picture.csv"
    binary.write_bytes(b"\x89PNG\xff\xfe\x00")
    for path in (tmp_path / "absent.csv", tmp_path, binary):
        with pytest.raises(ValueError, match=str(path)):
            load_circuit(path)


def test_a_file_that_is_far_too_large_is_refused_unread(tmp_path):
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(ValueError, match="at most 200 MB"):
        load_circuit(path)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_a_pipe_or_a_device_is_refused_at_once(make, tmp_path):
    path = tmp_path / "endless.csv"
    make(path)
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it waits"))
    signal.alarm(20)
    try:
        with pytest.raises(ValueError, match=r"endless\.csv: a folder, pipe or device; a text file is expected"):
            load_circuit(path)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1," * LONGEST_LINE, "line 1: more than 10,000 characters"),
        ("\n" * (MOST_LINES + 1), "more than 2,000,000 lines"),
        ("1\n" * (MOST_LINES + 1), "more than 2,000,000 lines"),
    ],
)
def test_what_would_take_far_more_memory_than_its_text_is_refused(text, message, tmp_path):
    (tmp_path / "long.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_circuit(tmp_path / "long.csv")


def test_lines_may_end_as_they_do_anywhere(tmp_path, plain):
    for end in (b"\r\n", b"\r"):
        (tmp_path / "plain.csv").write_bytes((tmp_path / "plain.csv").read_bytes().replace(b"\n", end))
        assert np.array_equal(load_circuit(tmp_path / "plain.csv").line, plain.line)
        (tmp_path / "plain.csv").write_bytes((tmp_path / "plain.csv").read_bytes().replace(end, b"\n"))


def loop_rows(turns: float) -> list[str]:
    """A circle of radius 100 m with a small loop in it, which crosses itself where the circle goes on."""
    big = 100.0 * np.exp(1j * np.arange(0.0, 2.0 * np.pi, 0.04))
    size = 5.0 * turns
    small = 100.0 - size + size * np.exp(1j * np.arange(0.04, 2.0 * np.pi, 4.0 / size))
    both = np.concatenate([big[:1], small, big[1:]])
    return [f"{p.real:.3f},{p.imag:.3f},4,4" for p in both]


def test_a_road_that_soon_crosses_itself_is_refused(tmp_path):
    path = write(tmp_path / "loop.csv", loop_rows(2.0))
    with pytest.raises(ValueError, match=r"loop.csv, lines? \d+.*: the road crosses itself .* at least 100 m"):
        load_circuit(path)


def test_a_bridge_far_along_the_course_is_driven(tmp_path, write_circuit):
    assert load_circuit(write(tmp_path / "loop.csv", loop_rows(5.0))).length > 700.0
    angles = np.linspace(0.0, 2.0 * np.pi, 120, endpoint=False)
    eight = np.stack([120.0 * np.sin(angles), 60.0 * np.sin(2.0 * angles)], axis=1)
    assert load_circuit(write_circuit(eight)).length > 500.0


def test_a_curve_too_tight_for_its_road_is_cut_back_and_said(tmp_path):
    path = write(tmp_path / "tight.csv", [row.replace(",4,5", ",1,34") for row in GOOD])
    assert load_circuit(path).line[:, LEFT].max() == 34.0
    tighter = [f"{float(x) * 0.6:.3f},{float(y) * 0.6:.3f},1,34" for x, y, *_ in (row.split(",") for row in GOOD)]
    with pytest.warns(UserWarning, match=r"tight.csv, line \d+: the road is 5.\d m wider"):
        circuit = load_circuit(write(path, tighter))
    assert (circuit.line[:, LEFT] * circuit.line[:, CURVATURE]).max() == pytest.approx(0.95)


def test_a_million_points_are_averaged_in_seconds_and_that_is_said(tmp_path):
    count = 1_000_000
    angles = 2.0 * np.pi * np.arange(count) / count
    noise = np.random.default_rng(0).normal(scale=2e-4, size=count)
    radius = 800.0 + noise
    table = np.column_stack([radius * np.cos(angles), radius * np.sin(angles), 4.0 + noise, 5.0 + noise])
    path = tmp_path / "million.csv"
    path.write_text("\n".join(f"{x:.4f},{y:.4f},{right:.2f},{left:.2f}" for x, y, right, left in table.tolist()))
    start = time.process_time()  # what else the machine does is not counted
    with pytest.warns(UserWarning, match="1,000,000 points, 5.03 mm apart, are averaged over steps of 1 m to 5,0"):
        circuit = load_circuit(path)
    assert time.process_time() - start < 10.0  # about 2 s
    assert circuit.length == pytest.approx(1600.0 * np.pi, rel=1e-3)
    assert circuit.line[:, CURVATURE] == pytest.approx(np.full(len(circuit.line), 1 / 800), abs=5e-4)


# Real circuits


def test_real_circuits_load_without_a_fold_and_without_a_word(real_circuits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for path in real_circuits:
            for backwards in (False, True):
                circuit = load_circuit(path, backwards=backwards)
                inner = np.where(circuit.line[:, CURVATURE] > 0.0, circuit.line[:, LEFT], circuit.line[:, RIGHT])
                assert (np.abs(circuit.line[:, CURVATURE]) * inner).max() < 1.0, path.stem
                assert 2000.0 < circuit.length < 8000.0


def test_the_widths_of_real_circuits_vary_as_in_their_files(real_circuits):
    for path in real_circuits:
        rows = np.loadtxt(path, delimiter=",")
        line = load_circuit(path).line
        for x, y, right, left in rows[::50]:
            nearest = line[np.hypot(line[:, 0] - x, line[:, 1] - y).argmin()]
            assert nearest[[RIGHT, LEFT]] == pytest.approx([right, left], abs=0.6), path.stem
