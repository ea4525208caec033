import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rlkit_envs.driving.jit import kernel
from rlkit_envs.driving.road.circuit import CURVATURE, KERB, LEFT, RIGHT, TX
from rlkit_envs.driving.vehicle.parameters import CAR, ROAD_CAR
from rlkit_envs.driving.vehicle.surfaces import (
    GRASS,
    GRAVEL,
    GRAVEL_WIDTH,
    SURFACE_DRAG,
    SURFACE_GRIP,
    border_distance,
    find_surfaces,
    verge,
)

TRACK = float(ROAD_CAR["track"][0])


@kernel
def _stand(cars, vehicle, line):
    find_surfaces(cars[0], vehicle, line, len(line), 0.0)


def straight(kerbs=0.0, curvature=0.0, half_width=5.0):
    """A straight piece of road along x; curvature is only said, so that kerbs have an outside."""
    line = np.zeros((4, 8))
    line[:, TX] = 1.0
    line[:, CURVATURE], line[:, KERB] = curvature, kerbs
    line[:, LEFT : RIGHT + 1] = half_width
    return line


def stood(line, offset, heading=0.0, grip=1.0):
    cars = np.zeros(1, dtype=CAR)
    cars["offset"], cars["heading"], cars["road_grip"] = offset, heading, grip
    _stand(cars, ROAD_CAR[0], line)
    return cars[0]


@given(st.floats(-8.0, 8.0), st.floats(-3.2, 3.2))
def test_the_border_is_at_a_distance_as_long_as_no_wheel_is_beyond_it(offset, heading):
    line = straight()
    car = stood(line, offset, heading)
    distance = border_distance(car, ROAD_CAR[0], line)
    if abs(distance) > 0.3:  # axles are taken to lie as far from the middle as the further of the two
        assert (distance > 0.0) == (car["wheels_off"] == 0)
    assert border_distance(stood(line, 1.0), ROAD_CAR[0], line) == pytest.approx(4.0 - 0.5 * TRACK)
    assert border_distance(stood(line, -6.0), ROAD_CAR[0], line) == pytest.approx(-1.0 - 0.5 * TRACK)


def test_gravel_lies_outside_of_curves_with_kerbs_and_grass_everywhere_else():
    bend = straight(kerbs=1.0, curvature=1.0 / 60.0)  # to the left
    assert (verge(bend, 0, True), verge(bend, 0, False)) == (GRASS, GRAVEL)
    bend[:, CURVATURE] *= -1.0
    assert (verge(bend, 0, True), verge(bend, 0, False)) == (GRAVEL, GRASS)
    bend[:, KERB] = 0.0
    assert (verge(bend, 0, True), verge(bend, 0, False)) == (GRASS, GRASS)


@pytest.mark.parametrize(
    ("offset", "off", "share"),
    [(0.0, 0, 0.0), (4.2, 0, 0.0), (4.5, 2, 0.5), (5.8, 4, 1.0), (-4.5, 2, 0.5), (-9.0, 4, 1.0)],
)
def test_each_wheel_counts_for_grip_and_drag(offset, off, share):
    car = stood(straight(), offset)
    assert car["wheels_off"] == off
    assert car["surface_drag"] == pytest.approx(share * SURFACE_DRAG[GRASS])
    expected = 1.0 - share * (1.0 - SURFACE_GRIP[GRASS])
    assert (car["front_grip"], car["rear_grip"]) == (pytest.approx(expected), pytest.approx(expected))


def test_the_axle_that_is_off_is_the_one_that_lets_go():
    car = stood(straight(), 4.6, heading=0.9)
    assert car["front_grip"] < car["rear_grip"]
    car = stood(straight(), 4.6, heading=-0.9)
    assert car["front_grip"] > car["rear_grip"]


def test_beyond_the_gravel_there_is_grass():
    bend = straight(kerbs=1.0, curvature=1e-6)
    for beyond, surface in ((2.0, GRAVEL), (GRAVEL_WIDTH - 1.0, GRAVEL), (GRAVEL_WIDTH + 2.0, GRASS)):
        car = stood(bend, -5.0 - beyond)
        assert car["wheels_off"] == 4
        assert car["surface_drag"] == pytest.approx(SURFACE_DRAG[surface])


def test_a_wet_verge_holds_less_than_a_dry_one():
    dry, wet = (stood(straight(), 9.0, grip=grip)["front_grip"] for grip in (1.0, 0.75))
    assert wet == pytest.approx(0.75 * dry)
    assert stood(straight(), 0.0, grip=0.75)["rear_grip"] == 0.75


@pytest.mark.parametrize("heading", [0.0, 0.3, np.pi / 2, 2.5])
def test_a_car_well_inside_its_road_is_asked_no_more(heading):
    # The quick answer for cars in the middle must be the slow one: compare with a road so wide that it always is.
    for offset in np.linspace(-5.5, 5.5, 45):
        car = stood(straight(), offset, heading)
        wheels = [
            offset + forward * np.sin(heading) + aside * np.cos(heading)
            for forward in (ROAD_CAR["front_axle"][0], -ROAD_CAR["rear_axle"][0])
            for aside in (0.5 * TRACK, -0.5 * TRACK)
        ]
        assert car["wheels_off"] == sum(abs(wheel) > 5.0 for wheel in wheels)
