import numpy as np
import pytest
from rlkit_envs.driving.circuit import LEFT, load_circuit
from rlkit_envs.driving.generator import make_circuit
from rlkit_envs.driving.ground import ASPHALT, GRASS, INTENSITY, LEVELS, LIMIT, build_ground


@pytest.fixture(scope="module")
def circuit():
    return make_circuit(5, "train")


def material_at(ground, point):
    column, row = ((np.asarray(point) - ground.origin) / ground.cell).astype(int)
    return ground.level(0)[row, column] >> 4


def test_the_middle_of_the_road_is_asphalt_and_beyond_the_border_is_grass(circuit):
    ground = build_ground(circuit)
    for sample, normal in zip(circuit.line[::7], circuit.normals[::7], strict=True):
        assert material_at(ground, sample[:2]) == ASPHALT
        for side in (-1.0, 1.0):
            assert material_at(ground, sample[:2] + side * (sample[LEFT] + 0.6) * normal) == GRASS
            assert material_at(ground, sample[:2] + side * (sample[LEFT] - 0.6) * normal) != GRASS


def test_the_road_has_the_area_of_length_times_width(circuit):
    ground = build_ground(circuit)
    area = (INTENSITY[ground.level(0)] > 0).sum() * ground.cell**2
    assert area == pytest.approx(circuit.length * 2.0 * circuit.line[0, LEFT], rel=0.01)


def test_coarser_levels_keep_the_share_of_road(circuit):
    ground = build_ground(circuit)
    share = INTENSITY[ground.level(0)].mean()
    for number in range(1, LEVELS):
        assert ground.level(number).mean() == pytest.approx(share, abs=0.5)


def test_the_shade_of_a_cell_does_not_change_what_it_is():
    for byte in range(256):
        assert INTENSITY[byte] == INTENSITY[byte & 0xF0]


def test_real_circuits_stay_within_the_limit(real_circuits):
    for path in real_circuits:
        assert len(build_ground(load_circuit(path)).cells) <= LIMIT


def test_a_very_large_circuit_gets_coarser_cells(write_circuit):
    angles = np.linspace(0.0, 2.0 * np.pi, 400, endpoint=False)
    ground = build_ground(load_circuit(write_circuit(3000.0 * np.stack([np.cos(angles), np.sin(angles)], axis=1))))
    assert ground.cell > 0.5
    assert len(ground.cells) <= LIMIT
