import numpy as np
import pytest
from rlkit_envs.driving.road.circuit import LEFT, RIGHT
from rlkit_envs.driving.road.street import make_street
from rlkit_envs.driving.terrain.layers import Needs, build_ground
from rlkit_envs.driving.terrain.materials import (
    ASPHALT,
    KERBSTONE,
    LINE,
    MATERIAL_SHIFT,
    PATCH,
    PAVING,
    SHADOW,
    YELLOW_LINE,
)
from rlkit_envs.driving.terrain.street import dress_street

ROAD = (ASPHALT, PATCH, LINE, YELLOW_LINE)


@pytest.fixture(scope="module")
def circuit():
    return make_street(0, "train", (400.0, 420.0))


@pytest.fixture(scope="module")
def street(circuit):
    return dress_street(circuit, 1, 0.3)


@pytest.fixture(scope="module")
def ground(circuit, street):
    return build_ground(circuit, Needs((), 0.125), None, street)


def materials_beyond_kerb(circuit, street, ground, side, beyond, where):
    """Materials so many metres beyond the kerb's face, at some samples."""
    sign = 1.0 if side == 0 else -1.0
    kerb = circuit.line[where, LEFT + side] + street.plan.samples["parking"][where, side]
    points = circuit.points[where] + sign * (kerb + beyond)[:, None] * circuit.normals[where]
    return ground.at(0, points) >> MATERIAL_SHIFT


def plain(street, side):
    """Samples away from side roads, and where a parking lane neither begins nor ends."""
    samples = street.plan.samples
    parking = samples["parking"][:, side]
    steady = np.all([np.roll(parking, k) == parking for k in (-2, -1, 1, 2)], axis=0)
    return np.flatnonzero((np.abs(samples["mouth"][:, side]) > samples["mouth_half"][:, side] + 8.0) & steady)


@pytest.mark.parametrize("side", [0, 1])
def test_the_road_ends_at_the_kerb_and_a_pavement_begins(circuit, street, ground, side):
    where = plain(street, side)
    assert len(where) > 100
    assert np.isin(materials_beyond_kerb(circuit, street, ground, side, -0.3, where), ROAD).all()
    assert (materials_beyond_kerb(circuit, street, ground, side, 0.11, where) == KERBSTONE).mean() > 0.9
    paved = where[street.plan.samples["strip"][where, side] == 0.0]
    assert (materials_beyond_kerb(circuit, street, ground, side, 1.0, paved) == PAVING).mean() > 0.97


def test_side_roads_are_road(circuit, street, ground):
    for side in (0, 1):
        mouth = street.plan.samples["mouth"][:, side]
        middle = np.flatnonzero(np.abs(mouth) < 0.5)
        assert len(middle) > 0
        for beyond in (0.3, 3.0, 8.0):
            found = materials_beyond_kerb(circuit, street, ground, side, beyond, middle)
            assert np.isin(found, ROAD).mean() > 0.7  # the next leg of the street may be near


def test_nothing_stands_on_the_road(circuit, street):
    free = (circuit.line[:, LEFT : RIGHT + 1] + street.plan.samples["parking"]).max(axis=1)
    assert len(street.standing) > 50
    for thing in street.standing:
        squared = (circuit.points[:, 0] - thing["x"]) ** 2 + (circuit.points[:, 1] - thing["y"]) ** 2
        assert (squared > free**2).all()
    corners = np.stack([street.panels["x"], street.panels["y"]], axis=1)
    distance = np.linalg.norm(corners[:, None] - circuit.points[None], axis=2)
    assert len(corners) > 100
    assert (distance > free).all()


def test_cars_are_parked_beside_the_lanes():
    parked = 0
    for seed in range(4):
        circuit = make_street(seed, "train", (400.0, 420.0))
        for car in dress_street(circuit, seed, 0.0).parked:
            distance = np.hypot(circuit.points[:, 0] - car["x"], circuit.points[:, 1] - car["y"])
            nearest = int(distance.argmin())
            assert distance[nearest] - 0.5 * car["width"] > circuit.line[nearest, LEFT] - 0.1
            parked += 1
    assert parked > 10


def test_buildings_cast_shadows(circuit, street, ground):
    bare = build_ground(circuit, Needs((), 0.125), None, None)
    shaded = [(one.cells & SHADOW).astype(bool).mean() for one in (ground, bare)]
    assert shaded[0] > 0.02
    assert shaded[1] == 0.0


def test_the_same_seed_dresses_a_street_alike(circuit, street):
    again, other = dress_street(circuit, 1, 0.3), dress_street(circuit, 2, 0.3)
    for name in ("panels", "standing", "parked"):
        assert getattr(again, name).tobytes() == getattr(street, name).tobytes()
        assert getattr(other, name).tobytes() != getattr(street, name).tobytes()
    assert again.plan.samples.tobytes() == street.plan.samples.tobytes()
