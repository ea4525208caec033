from pathlib import Path

import numpy as np
import pytest
from rlkit_envs.driving.road.circuit import LEFT, RIGHT
from rlkit_envs.driving.road.csv_file import load_circuit
from rlkit_envs.driving.road.csv_header import meaning_of

ANGLES = np.linspace(0.0, 2.0 * np.pi, 40, endpoint=False)
POINTS = [(f"{50 * np.cos(a):.3f}", f"{50 * np.sin(a):.3f}") for a in ANGLES]  # 4 m to the right, 5 m to the left


def table(*columns: str, separator: str = ",") -> list[str]:
    """Rows of the columns x, y, r (4), l (5), i (counts), z (7)."""
    values = [{"x": x, "y": y, "r": "4", "l": "5", "i": str(i), "z": "7.5"} for i, (x, y) in enumerate(POINTS)]
    return [separator.join(row[column] for column in columns) for row in values]


def load(folder: Path, *rows: str):
    path = folder / "circuit.csv"
    path.write_text("\n".join(rows))
    return load_circuit(path)


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("# x,y,width_left,width_right", "xylr"),
        ("x,y,width_left,width_right", "xylr"),
        ("#x;y;w_left;w_right", "xylr"),
        ("# columns: x, y, left, right", "xylr"),
        ("# x y w_l w_r", "xylr"),
        ('"x_m","y_m","w_tr_left_m","w_tr_right_m"', "xylr"),
        ("'x' , 'y' , 'Width Left (m)' , 'Width Right (m)'", "xylr"),
        ("X [m],Y [m],left width [m],right width [m]", "xylr"),
        (",x_m,y_m,w_tr_right_m,w_tr_left_m", "ixyrl"),
        ('"","x_m","y_m","w_tr_left_m","w_tr_right_m"', "ixylr"),
        ("Unnamed: 0,x_m,y_m,w_tr_left_m,w_tr_right_m", "ixylr"),
        ('"x" "y" "w_l" "w_r"', "ixylr"),  # an index that the header leaves out
        ("# s;x_ref_m;y_ref_m;width_left_m;width_right_m;z", "zxylrz"),
        ("x,y,z,widthLeft,widthRight", "xyzlr"),
        ("x center,y center,left,right", "xylr"),
        ("x_normvec,x_m,y_m,w_tr_left_m,w_tr_right_m", "zxylr"),
        ("x_m,y_m,w_tr_left_m,w_tr_right_m,note", "xylr"),
    ],
)
@pytest.mark.parametrize("separator", [",", ";", "\t", " "])
def test_a_header_says_which_column_is_which(header, columns, separator, tmp_path):
    line = load(tmp_path, header, *table(*columns, separator=separator)).line
    assert np.hypot(line[:, 0], line[:, 1]) == pytest.approx(np.full(len(line), 50.0), abs=0.1)
    assert (line[0, RIGHT], line[0, LEFT]) == (4.0, 5.0)


def test_units_may_stand_below_the_names(tmp_path):
    line = load(tmp_path, "x,y,left,right", "[m],[m],[m],[m]", *table(*"xylr")).line
    assert (line[0, RIGHT], line[0, LEFT]) == (4.0, 5.0)


@pytest.mark.parametrize("mark", ["# ", "#", ""])
@pytest.mark.parametrize(
    ("header", "missing"),
    [
        ("x,y,yaw,speed", "the width to the right and the width to the left are missing"),
        ("x,y,z,width", "the columns x, y, z, width; the width to the right and the width to the left are missing"),
        ("x,y,z,w_right", "the width to the left is missing"),
        ("lat,lon,width_right,width_left", "x and y are missing"),
        ("x,y,w_right_cm,w_left_cm", "the width to the right and the width to the left are missing"),
        ("x,y,right_x,left_x", "the width to the right and the width to the left are missing"),
        ("x,y,w_right,right width", "names the width to the right twice|the width to the left is missing"),
        ("a,b,c,d", "x, y, the width to the right and the width to the left are missing"),
    ],
)
def test_a_header_of_other_columns_is_refused(mark, header, missing, tmp_path):
    with pytest.raises(ValueError, match=rf"circuit\.csv, line 1: the header .*{missing}"):
        load(tmp_path, mark + header, *table(*"xyrl"))


@pytest.mark.parametrize(
    "comment",
    ["Monza, by hand, from a map, 2019", "a lap of x and y", "all is in metres", "17", "x,y of OpenStreetMap", "a; b"],
)
def test_a_comment_in_prose_is_no_header(comment, tmp_path):
    line = load(tmp_path, f"# {comment}", *table(*"xyrl")).line
    assert (line[0, RIGHT], line[0, LEFT]) == (4.0, 5.0)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["x,y,right,left", *table(*"xyrlz")], "line 2: 5 columns, and the header on line 1 names 4"),
        ([",0,1,2,3", *table(*"ixyrl")], "line 1: 5 columns without a header"),
        (["0,1,2,3", *table(*"xyrl")], "line 1: 4 columns without a header .* but their numbers"),
        (table(*"xy"), "line 1: 2 columns without a header that names them; four are expected: x_m, y_m"),
        (table(*"ixyr"), "line 1: 4 columns without a header that names them, the first of which counts the rows"),
        (["x,y,right,right (m),left", *table(*"xyrrl")], "line 1: the header names the width to the right twice"),
    ],
)
def test_columns_that_nobody_can_tell_apart_are_refused(rows, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        load(tmp_path, *rows)


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("x_m", "x_m"),
        ("X", "x_m"),
        ("pos_x", "x_m"),
        ("easting", "x_m"),
        ("y [m]", "y_m"),
        ("w_tr_right_m", "w_tr_right_m"),
        ("W_R", "w_tr_right_m"),
        ("Distance to left border (m)", "w_tr_left_m"),
        ("left", "w_tr_left_m"),
        ("l", None),
        ("left_border", None),
        ("right_bound_x", None),
        ("x_cm", None),
        ("width", None),
        ("vx_mps", None),
        ("m", None),
        ("", None),
    ],
)
def test_names_that_tools_write_are_known(name, meaning):
    assert meaning_of(name) == meaning


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b'{"X":[1,2,3],"Y":[1,2,3]}', r"JSON \('\{\"X"),
        (b"[[1,2,3,4],\n[1,2,3,4]]", "JSON"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<OpenDRIVE>\n', r"XML \(OpenDRIVE\)"),
        (b"<gpx>", r"XML \(gpx\)"),
        (b"<!DOCTYPE html><html>404</html>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 37879\n", "a pointer file of Git LFS"),
        (b"/annex/objects/MD5E-s37879--0\n", "a pointer file of git-annex"),
        (b"image: map.pgm\nresolution: 0.05\n", "YAML"),
        (b"PK\x03\x04" + bytes(500), "a ZIP archive"),
        (b"\x93NUMPY\x01\x00", "a NumPy array"),
        (b"\xff\xfe1\x00,\x00", "text in UTF-16"),
        (b"Dear Sir,\nhere is the file\n", "'Dear Sir'"),
    ],
)
def test_what_is_no_table_is_named(start, kind, tmp_path):
    path = tmp_path / "circuit.csv"
    path.write_bytes(start * 30)
    with pytest.raises(ValueError, match=rf"circuit\.csv.*: begins with {kind}.*, not a table of numbers"):
        load_circuit(path)
