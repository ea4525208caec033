from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlkit_envs.driving.road.circuit import LEFT, RIGHT, TX, TY, Y, build_circuit
from rlkit_envs.driving.road.csv_file import load_circuit
from rlkit_envs.driving.road.generator import make_circuit
from rlkit_envs.driving.sensors.lidar import beam_angles, lidar
from rlkit_envs.driving.traffic.behaviour import OTHER

NOBODY = np.zeros(0, OTHER)


def scan(line, x, y, heading, index=0, others=NOBODY, angles=(0.0,), max_range=100.0):
    beams = np.empty(len(angles), np.float32)
    lidar(beams, x, y, heading, line, len(line), index, others, len(others), np.array(angles), max_range)
    return beams


def ring(radius=50.0, half_width=5.0):
    angles = np.linspace(0.0, 2.0 * np.pi, 120, endpoint=False)
    points = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return build_circuit("ring", points, np.full(120, half_width), np.full(120, half_width))


def nearest_crossing(starts, ends, x, y, direction):
    """Distance along a ray to the nearest of all segments (M, 2) to (M, 2), by solving for both parameters."""
    edges = ends - starts
    dx, dy = np.cos(direction), np.sin(direction)
    determinant = dx * edges[:, 1] - dy * edges[:, 0]
    from_x, from_y = starts[:, 0] - x, starts[:, 1] - y
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = (from_x * edges[:, 1] - from_y * edges[:, 0]) / determinant
        share = (from_x * dy - from_y * dx) / determinant
    hit = (determinant != 0) & (distance >= 0) & (share >= 0) & (share <= 1)
    return distance[hit].min(initial=np.inf)


def brute_force(circuit, x, y, heading, others, angles, max_range):
    starts = list(circuit.borders())
    ends = [np.roll(border, -1, axis=0) for border in starts]
    for other in others:
        along = np.array([np.cos(other["heading"]), np.sin(other["heading"])]) * other["length"] / 2
        aside = np.array([-np.sin(other["heading"]), np.cos(other["heading"])]) * other["width"] / 2
        box = np.array([along + aside, aside - along, -along - aside, along - aside])
        box += np.array([other["x"], other["y"]])
        starts.append(box)
        ends.append(np.roll(box, -1, axis=0))
    segments = np.concatenate(starts), np.concatenate(ends)
    return [min(max_range, nearest_crossing(*segments, x, y, heading + angle)) for angle in angles]


cached_circuit = cache(make_circuit)


@settings(max_examples=150)
@given(
    st.integers(0, 7),
    st.floats(0.0, 1.0, exclude_max=True),
    st.floats(-0.98, 0.98),
    st.floats(-4.0, 4.0),
    st.floats(5.0, 200.0),
    st.lists(st.tuples(st.floats(4.0, 40.0), st.floats(-3.0, 3.0), st.floats(-4.0, 4.0)), max_size=3),
)
def test_beams_end_where_a_search_through_all_segments_says(seed, place, aside, heading, max_range, boxes):
    circuit = cached_circuit(seed, "train")
    line = circuit.line
    i = int(place * len(line))
    offset = aside * (line[i, LEFT] if aside > 0 else line[i, RIGHT])
    x, y = circuit.points[i] + offset * circuit.normals[i] + 0.4 * line[i, TX : TY + 1]
    others = np.zeros(len(boxes), OTHER)
    for other, (ahead, left, turn) in zip(others, boxes, strict=True):
        j = (i + int(ahead)) % len(line)
        other["x"], other["y"] = circuit.points[j] + left * circuit.normals[j]
        other["heading"], other["length"], other["width"], other["active"] = turn, 4.0, 1.8, 1
    distances = np.hypot(others["x"] - x, others["y"] - y)
    others = others[distances > 2.5]  # A scanner inside of a box measures 0
    angles = beam_angles(19, np.pi)
    beams = scan(line, x, y, heading, i, others, angles, max_range)
    assert beams == pytest.approx(brute_force(circuit, x, y, heading, others, angles, max_range), abs=1e-3, rel=1e-5)


def test_beams_on_every_real_circuit(real_circuits):
    angles = beam_angles(24, 2.0 * np.pi)
    for path in real_circuits:
        circuit = load_circuit(path)
        for i in range(0, len(circuit.line), 97):
            x, y = circuit.points[i]
            # A window, because other legs of the road may lie within reach behind a border that folds in a hairpin.
            beams = scan(circuit.line, x, y, 0.1, i, angles=angles, max_range=60.0)
            assert beams == pytest.approx(brute_force(circuit, x, y, 0.1, NOBODY, angles, 60.0), abs=1e-3), (path, i)


def test_across_a_circle_beams_measure_the_road():
    line = ring().line
    right, ahead, left = scan(line, 50.0, 0.0, np.pi / 2, angles=(-np.pi / 2, 0.0, np.pi / 2))
    assert (right, left) == pytest.approx((5.0, 5.0), abs=0.02)
    assert ahead == pytest.approx(np.sqrt(55.0**2 - 50.0**2), abs=0.1)


def test_a_beam_does_not_see_further_than_its_range():
    assert scan(ring().line, 50.0, 0.0, np.pi / 2, max_range=10.0) == 10.0


def test_off_the_road_beams_end_at_the_border_seen_from_outside():
    line = ring().line
    towards, away = scan(line, 65.0, 0.1, np.pi, angles=(0.0, np.pi))
    assert towards == pytest.approx(10.0, abs=0.05)
    assert away == 100.0


def test_a_bridge_over_the_road_stops_no_beam():
    angles = np.linspace(0.0, 2.0 * np.pi, 200, endpoint=False)
    eight = 200.0 * np.stack([np.sin(angles), np.sin(angles) * np.cos(angles)], axis=1)
    circuit = build_circuit("eight", eight, np.full(200, 5.0), np.full(200, 5.0))
    index = len(circuit.line) - 30  # The two roads cross at sample 0
    x, y = circuit.points[index]
    heading = np.arctan2(circuit.line[index, TY], circuit.line[index, TX])
    assert scan(circuit.line, x, y, heading, index)[0] > 60.0
    assert (
        nearest_crossing(
            np.concatenate(circuit.borders()),
            np.concatenate([np.roll(border, -1, axis=0) for border in circuit.borders()]),
            x,
            y,
            heading,
        )
        < 40.0
    )


def test_in_a_mirror_the_beams_change_sides():
    circuit = cached_circuit(5, "train")
    mirrored = circuit.line.copy()
    mirrored[:, [Y, TY]] *= -1.0
    angles = beam_angles(19, 4.0)
    for i in range(0, len(mirrored), 50):
        (x, y), heading = circuit.points[i] + 1.3 * circuit.normals[i], 0.7 * i
        seen = scan(circuit.line, x, y, heading, i, angles=angles)
        assert scan(mirrored, x, -y, -heading, i, angles=angles)[::-1] == pytest.approx(seen, abs=1e-4)


def test_who_is_gone_is_not_seen():
    others = np.zeros(1, OTHER)
    others["x"], others["y"], others["length"], others["width"] = 50.0, 10.0, 4.0, 1.8
    line = ring().line
    assert scan(line, 50.0, 0.0, np.pi / 2, others=others) > 15.0
    others["active"] = 1
    assert scan(line, 50.0, 0.0, np.pi / 2, others=others) == pytest.approx(9.1, abs=1e-5)


def test_directions_are_even_and_a_full_circle_names_none_twice():
    assert beam_angles(5, np.pi) == pytest.approx(np.pi * np.array([-0.5, -0.25, 0.0, 0.25, 0.5]))
    assert beam_angles(1, 2.0) == pytest.approx([0.0])
    around = beam_angles(8, 2.0 * np.pi)
    assert np.diff(np.sort(np.mod(around, 2.0 * np.pi))) == pytest.approx(np.full(7, np.pi / 4))
