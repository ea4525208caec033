import numpy as np
import pytest
from rlkit_envs.driving.jit import kernel
from rlkit_envs.driving.vehicle.dynamics import PHYSICS_STEP, advance
from rlkit_envs.driving.vehicle.limits import (
    braking_limit,
    corner_speed,
    cornering_limit,
    full_curvature,
    resistance,
    slip_angles,
    steering_angle,
    traction_limit,
)
from rlkit_envs.driving.vehicle.parameters import CAR, GRAVITY, RACE_CAR, ROAD_CAR, SINGLE_TRACK

BOTH = pytest.mark.parametrize("vehicle", [ROAD_CAR, RACE_CAR], ids=list(SINGLE_TRACK))


@kernel
def _run(cars, vehicle, steps, target, pedal):
    for _ in range(steps):
        advance(cars[0], vehicle, target, pedal, PHYSICS_STEP)


def driven(vehicle, speed, pedal, seconds, grip=1.0):
    cars = np.zeros(1, dtype=CAR)
    cars["road_grip"] = cars["front_grip"] = cars["rear_grip"] = grip
    cars["speed"] = speed
    _run(cars, vehicle[0], round(seconds / PHYSICS_STEP), 0.0, pedal)
    return cars[0]


@BOTH
@pytest.mark.parametrize("grip", [1.0, 0.5])
def test_full_brakes_and_full_throttle_reach_the_limits(vehicle, grip):
    for speed in (15.0, 30.0, 45.0):
        car = driven(vehicle, speed, -1.0, 0.4, grip)
        now = float(car["speed"])
        expected = braking_limit(vehicle[0], grip, now) + resistance(vehicle[0], grip, now, 0.0)
        assert -car["longitudinal_acceleration"] == pytest.approx(expected, rel=0.02)
    for speed in (3.0, 20.0, 40.0):
        car = driven(vehicle, speed, 1.0, 0.5, grip)
        now = float(car["speed"])
        expected = traction_limit(vehicle[0], grip, now, 0.0) - resistance(vehicle[0], grip, now, 0.0)
        assert car["longitudinal_acceleration"] == pytest.approx(expected, rel=0.03, abs=0.05)


def test_a_rear_driven_car_takes_off_with_what_its_rear_axle_holds():
    # Without load sensitivity: a = friction g front / (base - friction height), all lengths in metres.
    car = ROAD_CAR.copy()
    car["friction_yield"] = 0.0
    car["drive_force"] = 1e6
    car["power"] = 1e9
    friction, height = float(car["rear_friction"][0]), float(car["gravity_height"][0])
    expected = friction * GRAVITY * car["front_axle"][0] / (car["wheelbase"][0] - friction * height)
    assert traction_limit(car[0], 1.0, 5.0, 0.0) == pytest.approx(expected, rel=0.01)
    car["front_drive"] = 0.5  # Driven by all wheels it takes off with all that it weighs
    car["front_friction"] = friction
    assert traction_limit(car[0], 1.0, 5.0, 0.0) == pytest.approx(friction * GRAVITY, rel=0.01)


@BOTH
@pytest.mark.parametrize("grip", [1.0, 0.35])
def test_at_the_speed_of_a_corner_the_corner_takes_all_that_the_tyres_hold(vehicle, grip):
    for radius in (12.0, 40.0, 100.0):
        speed = corner_speed(vehicle[0], grip, 1.0 / radius)
        if speed < vehicle["top_speed"][0]:
            assert speed**2 / radius == pytest.approx(cornering_limit(vehicle[0], grip, speed), rel=1e-9)
    assert corner_speed(vehicle[0], grip, -1.0 / 40.0) == corner_speed(vehicle[0], grip, 1.0 / 40.0)
    assert corner_speed(vehicle[0], grip, 0.0) == vehicle["top_speed"][0]


def test_wings_let_the_race_car_corner_harder_the_faster_it_is():
    slow, fast = (cornering_limit(RACE_CAR[0], 1.0, speed) for speed in (10.0, 60.0))
    assert fast > 1.2 * slow
    assert cornering_limit(ROAD_CAR[0], 1.0, 10.0) == cornering_limit(ROAD_CAR[0], 1.0, 40.0)


@BOTH
def test_a_full_command_asks_for_a_little_more_than_the_limit_and_no_more_than_the_lock(vehicle):
    for speed in (0.0, 3.0, 15.0, 40.0):
        curvature = full_curvature(vehicle[0], 1.0, speed)
        lock = np.tan(vehicle["max_steering"][0]) / vehicle["wheelbase"][0]
        assert curvature <= lock
        if curvature < lock:
            assert curvature * speed**2 == pytest.approx(1.1 * cornering_limit(vehicle[0], 1.0, speed))
        angles = [steering_angle(vehicle[0], 1.0, speed, command) for command in np.linspace(-1.0, 1.0, 21)]
        assert (np.diff(angles) > 0.0).all()
        assert angles == pytest.approx([-angle for angle in reversed(angles)], rel=1e-12)
        assert angles[-1] <= vehicle["max_steering"][0]


@BOTH
def test_slip_grows_from_the_linear_to_the_sliding(vehicle):
    front, rear = slip_angles(vehicle[0], 1.0, 5.0, 0.01)
    assert front == pytest.approx(0.01 / GRAVITY / vehicle["front_stiffness"][0], rel=0.02)
    assert rear == pytest.approx(0.01 / GRAVITY / vehicle["rear_stiffness"][0], rel=0.02)
    most = cornering_limit(vehicle[0], 1.0, 5.0)
    sliding = 3.0 * vehicle["front_friction"][0] / vehicle["front_stiffness"][0]
    assert 0.6 * sliding < slip_angles(vehicle[0], 1.0, 5.0, most)[0] < sliding


@BOTH
def test_corners_cost_speed(vehicle):
    straight, bent = (resistance(vehicle[0], 1.0, 20.0, across) for across in (0.0, 8.0))
    assert straight + 0.3 < bent < straight + 1.5
