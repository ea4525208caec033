import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlkit_envs.driving.road.generator import make_circuit
from rlkit_envs.driving.terrain.layers import Needs, build_ground
from rlkit_envs.driving.terrain.tiles import ONE, inside_range, paint_row, read_row


@pytest.fixture(scope="module")
def ground():
    return build_ground(make_circuit(3, "train"), Needs((1.0,), 0.5))


def row_points(record, u, v, du, dv, count):
    """The points in metres that a row of pixels looks at, and their fixed-point start and pace."""
    fixed = [int(value * ONE) for value in (u, v, du, dv)]
    steps = np.arange(count)
    x, y = fixed[0] + steps * fixed[2], fixed[1] + steps * fixed[3]
    where = np.stack([x // 65536 + 0.5, y // 65536 + 0.5], axis=1)
    return fixed, np.array([record["origin_x"], record["origin_y"]]) + where * record["cell"]


place = st.floats(-200.0, 900.0)
pace = st.floats(-3.0, 3.0)


@settings(max_examples=150)
@given(place, place, pace, pace)
def test_a_row_reads_what_the_plain_way_reads_inside_and_outside_the_raster(ground, u, v, du, dv):
    out = np.full(64, 77, dtype=np.uint8)
    record = ground.layers[0]
    fixed, points = row_points(record, u, v, du, dv, 64)
    read_row(out, *fixed, ground.cells, ground.tiles, record)
    assert np.array_equal(out, ground.at(0, points))


@settings(max_examples=150)
@given(place, place, pace, pace)
def test_a_row_is_painted_in_the_colours_and_labels_of_its_cells(ground, u, v, du, dv):
    colours = np.random.default_rng(0).integers(0, 2**32, 256, dtype=np.uint32)
    words, labels = np.zeros(48, dtype=np.uint32), np.zeros(64, dtype=np.uint8)
    record = ground.layers[2]
    fixed, points = row_points(record, u, v, du, dv, 64)
    paint_row(words, labels, *fixed, ground.cells, ground.tiles, record, colours)
    column = (points[:, 0] - record["origin_x"]) / record["cell"]
    row = (points[:, 1] - record["origin_y"]) / record["cell"]
    width, height = 32 * record["columns"], 32 * record["rows"]
    inside = (column > 4) & (row > 4) & (column < width - 4) & (row < height - 4)
    outside = (column < -14) | (row < -14) | (column > width + 14) | (row > height + 14)
    expected = colours[ground.at(2, points)]
    bytes_ = words.view(np.uint8).reshape(64, 3)
    for shift in range(3):
        assert np.array_equal(bytes_[inside, shift], ((expected >> (8 * shift)) & 255).astype(np.uint8)[inside])
    assert np.array_equal(labels[inside], (expected >> 24).astype(np.uint8)[inside])
    grass = colours[np.unique(ground.cells[: 64 * 1024])] >> 24
    assert np.isin(labels[outside], grass).all()
    without = np.zeros(48, dtype=np.uint32)
    paint_row(without, None, *fixed, ground.cells, ground.tiles, record, colours)
    assert np.array_equal(without, words)


@settings(max_examples=300)
@given(place, place, pace, pace)
def test_points_said_to_lie_inside_do_and_no_point_well_inside_is_left_out(u, v, du, dv):
    fixed = [int(value * ONE) for value in (u, v, du, dv)]
    first, last = inside_range(*fixed, 64, 640, 480)
    steps = np.arange(64)
    x, y = fixed[0] + steps * fixed[2], fixed[1] + steps * fixed[3]
    within = (x >= 0) & (y >= 0) & (x < 640 * 65536) & (y < 480 * 65536)
    assert within[first:last].all()
    deep = (x > 5 * 65536) & (y > 5 * 65536) & (x < 635 * 65536) & (y < 475 * 65536)
    assert not deep[:first].any()
    assert not deep[last:].any()
