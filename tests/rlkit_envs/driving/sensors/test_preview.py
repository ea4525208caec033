import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rlkit_envs.driving.circuit_cache import CIRCUIT
from rlkit_envs.driving.road.circuit import CURVATURE, LEFT, RIGHT, TX, TY, X, Y, build_circuit
from rlkit_envs.driving.road.generator import make_circuit
from rlkit_envs.driving.sensors.preview import MIRROR_SIGNS, NAMES, NEAR, SIZE, TIMES, preview
from rlkit_envs.driving.vehicle.parameters import CAR


def packed(circuit):
    record = np.zeros(1, CIRCUIT)
    record["samples"], record["length"], record["step"] = len(circuit.line), circuit.length, circuit.step
    return circuit.line.copy(), record[0]


def ring(radius=50.0, half_width=5.0):
    angles = np.linspace(0.0, 2.0 * np.pi, 120, endpoint=False)
    points = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return build_circuit("ring", points, np.full(120, half_width), np.full(120, half_width + 3.0))


def look(line, record, index=0, offset=0.0, turn=0.0, slip=0.0, speed=0.0):
    car = np.zeros(1, CAR)
    car["index"], car["offset"], car["speed"] = index, offset, speed
    tx, ty = line[index, [TX, TY]]
    car["x"], car["y"] = line[index, [X, Y]] + offset * np.array([-ty, tx])
    car["heading"] = np.arctan2(ty, tx) + turn
    numbers = np.empty(SIZE, np.float32)
    preview(numbers, car[0], slip, line, record)
    return dict(zip(NAMES, numbers, strict=True))


@pytest.mark.parametrize("speed", [0.0, 8.0, 20.0, 50.0])
def test_on_a_circle_every_stretch_bends_alike_and_the_more_the_faster_the_car_is(speed):
    seen = look(*packed(ring()), speed=speed)
    curves = [seen[f"curve in {time:g} s"] for time in TIMES]
    assert curves == pytest.approx([max(8.0, speed) * np.sqrt(1.0 / 50.0) / 12.0] * len(TIMES), rel=1e-3)


@given(st.integers(0, 119), st.floats(-4.0, 4.0), st.floats(-1.0, 1.0), st.floats(0.0, 30.0))
def test_the_points_ahead_are_those_of_the_borders(index, offset, turn, speed):
    line, record = packed(ring())
    seen = look(line, record, index, offset, turn, speed=speed)
    heading = np.arctan2(line[index, TY], line[index, TX]) + turn
    ahead = np.array([np.cos(heading), np.sin(heading)])
    place = line[index, [X, Y]] + offset * np.array([-line[index, TY], line[index, TX]])
    for time in TIMES:
        distance = time * max(8.0, speed)
        numbers = [seen[f"{name} in {time:g} s"] for name in ("middle ahead", "middle to the left")]
        half = [seen[f"{name} in {time:g} s"] for name in ("half width ahead", "half width to the left")]
        assert np.hypot(*half) * (distance + NEAR) == pytest.approx(6.5, rel=1e-3)
        for sign, radius in ((1.0, 45.0), (-1.0, 58.0)):  # the ring is driven to the left: the left border is inside
            forward, left = (np.array(numbers) + sign * np.array(half)) * (distance + NEAR)
            point = place + forward * ahead + left * np.array([-ahead[1], ahead[0]])
            assert np.hypot(*point) == pytest.approx(radius, abs=0.05)


def test_where_the_car_is_on_the_road():
    line, record = packed(ring())
    assert look(line, record, offset=5.0)["offset"] == pytest.approx(1.0)
    assert look(line, record, offset=-4.0)["offset"] == pytest.approx(-0.5)
    assert look(line, record, offset=-40.0)["offset"] == -1.0
    assert look(line, record, index=77, turn=0.3)["heading error"] == pytest.approx(0.3 / np.pi, abs=1e-6)
    assert look(line, record, turn=3.3)["heading error"] == pytest.approx((3.3 - 2 * np.pi) / np.pi, abs=1e-6)
    assert look(line, record, slip=-0.25)["slip angle"] == -0.5
    assert look(line, record)["road width"] == pytest.approx(13.0 / 30.0)
    assert look(line, record)["more road on the left"] == pytest.approx(-3.0 / 13.0)


@pytest.mark.parametrize("distance", [0, 4, 6, 33, 79, 118])
def test_a_sharp_bend_anywhere_ahead_is_seen_in_its_stretch_alone(distance):
    line, record = packed(ring())
    line[:, CURVATURE] = 0.0
    line[(10 + distance) % record["samples"], CURVATURE] = -0.1
    seen = look(line, record, index=10, speed=30.0)
    bends = [name for name, value in seen.items() if name.startswith("curve") and value != 0.0]
    until = next(time for time in TIMES if distance <= int(30.0 * time / record["step"]))
    assert bends == [f"curve in {until:g} s"]
    assert seen[bends[0]] == pytest.approx(-30.0 * np.sqrt(0.1) / 12.0)


@pytest.mark.parametrize("seed", range(5))
def test_in_a_mirror_signs_change_as_stated(seed):
    circuit = make_circuit(seed, "train")
    line, record = packed(circuit)
    mirrored = line.copy()
    mirrored[:, [Y, TY, CURVATURE]] *= -1.0
    mirrored[:, [LEFT, RIGHT]] = line[:, [RIGHT, LEFT]] + [1.0, 0.0]
    line[:, RIGHT] += 1.0
    for index in range(0, len(line), 37):
        seen = np.array(list(look(line, record, index, 1.3, 0.2, 0.1, 17.0).values()))
        other = np.array(list(look(mirrored, record, index, -1.3, -0.2, -0.1, 17.0).values()))
        assert other == pytest.approx(seen * MIRROR_SIGNS, abs=1e-6)


def test_numbers_stay_within_their_range_wherever_the_car_is():
    random = np.random.default_rng(0)
    line, record = packed(make_circuit(3, "train"))
    for _ in range(200):
        seen = look(line, record, int(random.integers(len(line))), *random.normal(0.0, 20.0, 3))
        assert all(-1.0 <= value <= 1.0 for value in seen.values())
