import numpy as np
import pytest
from rlkit_envs.driving.circuit_cache import CIRCUIT
from rlkit_envs.driving.road.circuit import CURVATURE, LEFT, RIGHT, TY, Y, build_circuit
from rlkit_envs.driving.road.generator import make_circuit
from rlkit_envs.driving.sensors.preview import DISTANCES, MIRROR_SIGNS, NAMES, SIZE, preview
from rlkit_envs.driving.vehicle.parameters import CAR


def packed(circuit):
    record = np.zeros(1, CIRCUIT)
    record["samples"], record["length"], record["step"] = len(circuit.line), circuit.length, circuit.step
    return circuit.line.copy(), record[0]


def ring(radius=50.0, half_width=5.0):
    angles = np.linspace(0.0, 2.0 * np.pi, 120, endpoint=False)
    points = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return build_circuit("ring", points, np.full(120, half_width), np.full(120, half_width + 3.0))


def look(line, record, index=0, offset=0.0, turn=0.0, slip=0.0):
    car = np.zeros(1, CAR)
    car["index"], car["offset"] = index, offset
    car["heading"] = np.arctan2(line[index, TY], line[index, 2]) + turn
    numbers = np.empty(SIZE, np.float32)
    preview(numbers, car[0], slip, line, record)
    return dict(zip(NAMES, numbers, strict=True))


def test_on_a_circle_every_stretch_bends_alike():
    seen = look(*packed(ring()))
    curves = [seen[f"curve within {distance:.0f} m"] for distance in DISTANCES]
    assert curves == pytest.approx([np.sqrt(8.0 / 50.0)] * len(DISTANCES), rel=1e-3)


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


@pytest.mark.parametrize("distance", [0, 5, 6, 71, 79, 118])
def test_a_sharp_bend_anywhere_ahead_is_seen_in_its_stretch_alone(distance):
    line, record = packed(ring())
    line[:, CURVATURE] = 0.0
    line[(10 + distance) % record["samples"], CURVATURE] = -0.1
    seen = look(line, record, index=10)
    bends = [name for name, value in seen.items() if name.startswith("curve") and value != 0.0]
    until = next(end for end in DISTANCES if distance * record["step"] <= end)
    assert bends == [f"curve within {until:.0f} m"]
    assert seen[bends[0]] == pytest.approx(-np.sqrt(0.8))


@pytest.mark.parametrize("seed", range(5))
def test_in_a_mirror_signs_change_as_stated(seed):
    circuit = make_circuit(seed, "train")
    line, record = packed(circuit)
    mirrored = line.copy()
    mirrored[:, [Y, TY, CURVATURE]] *= -1.0
    mirrored[:, [LEFT, RIGHT]] = line[:, [RIGHT, LEFT]] + [1.0, 0.0]
    line[:, RIGHT] += 1.0
    for index in range(0, len(line), 37):
        seen = np.array(list(look(line, record, index, 1.3, 0.2, 0.1).values()))
        other = np.array(list(look(mirrored, record, index, -1.3, -0.2, -0.1).values()))
        assert other == pytest.approx(seen * MIRROR_SIGNS, abs=1e-6)


def test_numbers_stay_within_their_range_wherever_the_car_is():
    random = np.random.default_rng(0)
    line, record = packed(make_circuit(3, "train"))
    for _ in range(200):
        seen = look(line, record, int(random.integers(len(line))), *random.normal(0.0, 20.0, 3))
        assert all(-1.0 <= value <= 1.0 for value in seen.values())
