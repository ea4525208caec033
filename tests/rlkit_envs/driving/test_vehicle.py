import numpy as np
import pytest
from rlkit_envs.driving.compiled import kernel
from rlkit_envs.driving.generator import TIGHTEST_RADIUS
from rlkit_envs.driving.vehicle import (
    CAR,
    DRAG,
    GRASS_GRIP,
    GRAVITY,
    GRIP,
    MAX_STEERING,
    PHYSICS_STEP,
    ROLLING,
    SPECIFIC_POWER,
    SPEED_SCALE,
    STEERING_RATE,
    advance,
    path_curvature,
    steering_range,
)


@kernel
def _run(cars, steps, command, pedal):
    for _ in range(steps):
        advance(cars[0], command, pedal, PHYSICS_STEP)


def make_car(**values):
    cars = np.zeros(1, dtype=CAR)
    for name, value in values.items():
        cars[name] = value
    return cars


def test_top_speed_is_where_power_meets_resistance():
    cars = make_car(speed=40.0)
    _run(cars, 20_000, 0.0, 1.0)
    top = float(cars["speed"][0])
    assert SPECIFIC_POWER / top == pytest.approx(DRAG * top**2 + ROLLING, rel=1e-6)
    assert top < SPEED_SCALE


@pytest.mark.parametrize("speed", [10.0, 30.0, 50.0])
def test_braking_distance_is_that_of_full_grip_and_drag(speed):
    cars = make_car(speed=speed)
    _run(cars, 1000, 0.0, -1.0)
    constant = GRIP * GRAVITY + ROLLING
    expected = np.log1p(DRAG * speed**2 / constant) / (2.0 * DRAG)
    assert cars["speed"][0] == 0.0
    assert cars["x"][0] == pytest.approx(expected, rel=5e-3)
    assert cars["y"][0] == 0.0


@pytest.mark.parametrize("speed", [10.0, 20.0, 35.0])
def test_at_the_grip_limit_the_radius_is_speed_squared_over_grip(speed):
    cars = make_car(speed=speed)
    for _ in range(200):
        _run(cars, 1, 1.0, 0.0)
        cars["speed"] = speed
    radius = speed**2 / (GRIP * GRAVITY)
    before = cars.copy()
    _run(cars, 1, 1.0, 0.0)
    turned = float(cars["heading"][0] - before["heading"][0])
    moved = float(np.hypot(cars["x"][0] - before["x"][0], cars["y"][0] - before["y"][0]))
    assert moved / turned == pytest.approx(radius, rel=1e-3)
    assert cars["lateral_acceleration"][0] == pytest.approx(GRIP * GRAVITY)


def test_below_the_limit_the_car_goes_where_it_is_steered():
    cars = make_car(speed=3.0, steering=0.2)
    cars["speed"] = 3.0
    _run(cars, 1, 0.2 / steering_range(3.0), 0.0)
    assert cars["yaw_rate"][0] / cars["speed"][0] == pytest.approx(path_curvature(0.2), rel=1e-6)


def test_too_much_steering_makes_the_car_run_wide_rather_than_turn_more():
    turned = []
    for steering in (0.1, 0.2, 0.4):
        cars = make_car(speed=25.0, steering=steering)
        advanced = cars.copy()
        _run(advanced, 1, steering / steering_range(25.0), 0.0)
        turned.append(float(advanced["yaw_rate"][0]))
    assert turned[0] == pytest.approx(turned[1], rel=0.02)
    assert turned[1] == pytest.approx(turned[2], rel=0.02)


def test_tyres_that_corner_brake_less():
    straight, turning = make_car(speed=20.0), make_car(speed=20.0, steering=0.05)
    _run(straight, 1, 0.0, -1.0)
    _run(turning, 1, 0.05 / steering_range(20.0), -1.0)
    assert turning["longitudinal_acceleration"][0] > 0.95 * straight["longitudinal_acceleration"][0]
    held = np.hypot(turning["longitudinal_acceleration"], turning["lateral_acceleration"])[0]
    assert held == pytest.approx(GRIP * GRAVITY)


def test_without_throttle_no_speed_is_gained():
    random = np.random.default_rng(0)
    cars = make_car(speed=30.0)
    for _ in range(400):
        before = float(cars["speed"][0])
        _run(cars, 1, random.uniform(-1.0, 1.0), random.uniform(-1.0, 0.0) * random.integers(2))
        assert cars["speed"][0] <= before


def test_a_standing_car_does_not_move_by_steering_or_braking():
    cars = make_car()
    _run(cars, 100, 1.0, -1.0)
    assert (cars["x"][0], cars["y"][0], cars["heading"][0], cars["speed"][0]) == (0.0, 0.0, 0.0, 0.0)
    assert cars["steering"][0] == pytest.approx(MAX_STEERING)


def test_steering_takes_its_time():
    cars = make_car(speed=1.0)
    _run(cars, 10, 1.0, 0.0)
    assert cars["steering"][0] == pytest.approx(10 * PHYSICS_STEP * STEERING_RATE)


def test_a_full_command_holds_the_tightest_curve_at_its_speed():
    for radius in (5.6, TIGHTEST_RADIUS, 30.0, 100.0):
        speed = np.sqrt(GRIP * GRAVITY * radius)
        assert path_curvature(steering_range(speed)) >= 1.0 / radius


def test_grass_holds_less_and_slows():
    road, grass = make_car(speed=20.0), make_car(speed=20.0, wheels_off=4)
    _run(road, 1, 0.0, -1.0)
    _run(grass, 1, 0.0, -1.0)
    assert grass["longitudinal_acceleration"][0] == pytest.approx(GRASS_GRIP * road["longitudinal_acceleration"][0])
    road, grass = make_car(speed=20.0), make_car(speed=20.0, wheels_off=4)
    _run(road, 50, 0.0, 0.0)
    _run(grass, 50, 0.0, 0.0)
    assert grass["speed"][0] < road["speed"][0] - 1.5


def test_left_and_right_are_mirror_images():
    left, right = make_car(speed=15.0), make_car(speed=15.0)
    _run(left, 60, 0.7, 0.3)
    _run(right, 60, -0.7, 0.3)
    assert left["x"][0] == right["x"][0]
    assert left["y"][0] == -right["y"][0]
