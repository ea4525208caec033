from pathlib import Path

import numpy as np
import pytest
from rlkit_envs.driving.road.circuit import KERB, LEFT
from rlkit_envs.driving.road.csv_file import load_circuit
from rlkit_envs.driving.road.generator import make_circuit
from rlkit_envs.driving.terrain.layers import LIMIT, MATERIAL_LEVELS, Needs, build_ground, style_of
from rlkit_envs.driving.terrain.materials import (
    ASPHALT,
    EARTH,
    GRASS,
    GRAVEL,
    KERB_RED,
    KERB_WHITE,
    LINE,
    MATERIAL_SHIFT,
    PATCH,
    SHADOW,
    texture,
)
from rlkit_envs.driving.terrain.roadside import place_roadside

ROAD = (ASPHALT, PATCH, LINE, KERB_RED, KERB_WHITE)


@pytest.fixture(scope="module")
def circuit():
    return make_circuit(5, "train")


@pytest.fixture(scope="module")
def ground(circuit):
    return build_ground(circuit, Needs((1.0, 2.0), 0.25), place_roadside(circuit, 1, 0.5))


def materials(ground, layer, points):
    return ground.at(layer, np.atleast_2d(points)) >> MATERIAL_SHIFT


def test_the_middle_of_the_road_is_paved_and_beyond_the_border_it_is_not(circuit, ground):
    assert np.isin(materials(ground, 2, circuit.points), ROAD).all()
    for side in (-1.0, 1.0):
        beyond = circuit.points + side * (circuit.line[:, LEFT : LEFT + 1] + 0.4) * circuit.normals
        assert not np.isin(materials(ground, 2, beyond), ROAD).any()
        within = circuit.points + side * (circuit.line[:, LEFT : LEFT + 1] - 0.4) * circuit.normals
        assert np.isin(materials(ground, 2, within), ROAD).all()


def test_a_share_layer_is_full_on_the_road_empty_beside_it_and_half_at_the_border(circuit, ground):
    half = circuit.line[:, LEFT : LEFT + 1]
    assert (ground.at(0, circuit.points) == 255).all()
    assert (ground.at(0, circuit.points + (half + 1.5) * circuit.normals) == 0).all()
    assert ground.at(0, circuit.points + half * circuit.normals).mean() == pytest.approx(127.5, abs=12.0)


def test_the_road_has_the_area_of_length_times_width_in_every_layer(circuit, ground):
    low, high = circuit.points.min(axis=0) - 12.0, circuit.points.max(axis=0) + 12.0
    x, y = np.meshgrid(np.arange(low[0], high[0], 0.25), np.arange(low[1], high[1], 0.25))
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    area = circuit.length * 2.0 * circuit.line[0, LEFT]
    for layer in (0, 1):
        assert ground.at(layer, points).sum() / 255.0 * 0.25**2 == pytest.approx(area, rel=0.02)
    for layer, tolerance in ((2, 0.01), (3, 0.03), (4, 0.06), (5, 0.06)):  # paint counts for more where cells merge
        found = np.isin(materials(ground, layer, points), ROAD).sum() * 0.25**2
        assert found == pytest.approx(area, rel=tolerance)


def test_curves_have_kerbs_and_gravel_on_their_outside_only(circuit, ground):
    tight = np.flatnonzero(circuit.line[:, KERB] > 0.0)
    curvature = circuit.line[tight, 4:5]
    outward = -np.sign(curvature) * circuit.normals[tight]
    clear = np.abs(curvature[:, 0]) > 0.02
    outside = circuit.points[tight] + (circuit.line[tight, LEFT : LEFT + 1] + 3.0) * outward
    inside = circuit.points[tight] - (circuit.line[tight, LEFT : LEFT + 1] + 3.0) * outward
    assert (materials(ground, 2, outside[clear]) == GRAVEL).all()
    assert not (materials(ground, 2, inside[clear]) == GRAVEL).any()
    on_kerb = circuit.points[tight] + (circuit.line[tight, LEFT : LEFT + 1] - 0.4) * outward
    assert np.isin(materials(ground, 2, on_kerb), (KERB_RED, KERB_WHITE)).mean() > 0.98


def test_far_from_the_road_there_is_grass_everywhere(ground, circuit):
    far = circuit.points.mean(axis=0) + np.random.default_rng(0).uniform(-5000.0, 5000.0, (500, 2))
    far = far[np.abs(far).max(axis=1) > 1000.0]
    for layer in range(2, 2 + MATERIAL_LEVELS):
        assert np.isin(materials(ground, layer, far), (GRASS, EARTH)).all()
    assert (ground.at(0, far) == 0).all()


def test_trees_throw_shadows_where_roadside_says(circuit, ground):
    roadside = place_roadside(circuit, 1, 0.5)
    shadows = roadside.shadows()
    near = [
        middle
        for middle in shadows[:, :2]
        if np.linalg.norm(circuit.points - middle, axis=1).min() < circuit.line[0, LEFT]
    ]
    assert len(near) > 3
    assert ((ground.at(2, np.array(near)) & SHADOW) > 0).all()
    bare = build_ground(circuit, Needs((), 0.25))
    assert not (bare.at(0, np.array(near)) & SHADOW).any()


def test_the_texture_repeats_without_a_seam_and_uses_all_grains_equally():
    grain = texture().astype(int)
    assert np.bincount(grain.ravel()).tolist() == [4096] * 16
    inside = np.abs(np.diff(grain, axis=0)).mean()
    assert np.abs(grain[0] - grain[-1]).mean() < 1.2 * inside


def test_real_circuits_stay_within_the_limit_with_a_camera(real_circuits):
    for path in real_circuits[:4]:
        circuit = load_circuit(path)
        ground = build_ground(circuit, Needs((1.0, 2.0), 0.125), place_roadside(circuit, 0, 1.0))
        assert ground.bytes <= LIMIT
        assert np.isin(materials(ground, 2, circuit.points), ROAD).all()


def test_a_very_large_circuit_gets_coarser_cells(write_circuit):
    angles = np.linspace(0.0, 2.0 * np.pi, 400, endpoint=False)
    circuit = load_circuit(write_circuit(2500.0 * np.stack([np.cos(angles), np.sin(angles)], axis=1)))
    ground = build_ground(circuit, Needs((2.0,), 0.125))
    assert ground.layers[1]["cell"] > 0.125
    assert ground.bytes <= LIMIT


def test_the_same_circuit_is_drawn_the_same_twice(circuit, ground):
    again = build_ground(circuit, Needs((1.0, 2.0), 0.25), place_roadside(circuit, 1, 0.5))
    assert np.array_equal(again.cells, ground.cells)
    assert np.array_equal(again.tiles, ground.tiles)


def test_the_scenery_of_a_file_follows_its_content_not_its_name(write_circuit):
    angles = np.linspace(0.0, 2.0 * np.pi, 120, endpoint=False)
    points = 50.0 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    one, same, other = (
        load_circuit(write_circuit(points, half_width, name))
        for name, half_width in (("one", 5.0), ("same", 5.0), ("other", 6.0))
    )
    assert (one.name, same.name) == ("one", "same")
    assert style_of(one) == style_of(same) != style_of(other)
    assert style_of(one.reversed()) == style_of(same.reversed()) != style_of(one)
    assert style_of(one.mirrored().mirrored()) == style_of(one)
    _, *rows = Path(write_circuit(points, name="again")).read_text().splitlines()
    path = Path(write_circuit(points, name="written differently"))
    path.write_text("\n".join(row.replace(",", ";") for row in (*rows, rows[0])))
    assert style_of(load_circuit(path)) == style_of(one)
