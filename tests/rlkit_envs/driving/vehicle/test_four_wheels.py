import numpy as np
import pytest
from rlkit_envs.driving.vehicle.four_wheels import GRASS, STEERING_STOP, TYRE_LIMIT, advance_four_wheels, steer
from rlkit_envs.driving.vehicle.parameters import CAR, TOY_CAR

STEP = 0.02  # s
VEHICLE = TOY_CAR[0]
WHEELS = ("spin_front_left", "spin_front_right", "spin_rear_left", "spin_rear_right")


def moving(speed):
    cars = np.zeros(1, dtype=CAR)
    cars["road_grip"] = 1.0
    cars["speed"] = speed
    for wheel in WHEELS:
        cars[wheel] = speed / VEHICLE["wheel_radius"]
    return cars


def drive(cars, frames, target=0.0, pedal=0.0):
    for _ in range(frames):
        advance_four_wheels(cars[0], VEHICLE, target, pedal, STEP)
    return cars[0]


def test_a_rolling_car_keeps_its_speed_and_direction():
    car = drive(moving(40.0), 100)
    assert car["speed"] == pytest.approx(40.0)
    assert (car["x"], car["y"], car["heading"]) == (pytest.approx(80.0), 0.0, 0.0)


def test_full_throttle_makes_the_rear_wheels_spin_and_no_others():
    car = drive(moving(0.0), 25, pedal=1.0)
    rolling = car["speed"] / VEHICLE["wheel_radius"]
    assert car["spin_rear_left"] > 1.3 * rolling
    assert car["spin_front_left"] < rolling
    assert car["longitudinal_acceleration"] <= 2.0 * TYRE_LIMIT / VEHICLE["mass"]


def test_locked_wheels_stop_the_car_by_the_limit_of_the_tyres():
    cars = moving(40.0)
    car = drive(cars, 5, pedal=-1.0)
    limit = 4.0 * TYRE_LIMIT / VEHICLE["mass"]
    assert car["longitudinal_acceleration"] == pytest.approx(-limit)
    cars["wheel_mask"] = 0b1111
    car = drive(cars, 1, pedal=-1.0)
    assert car["longitudinal_acceleration"] == pytest.approx(-GRASS * limit)
    assert drive(cars, 100, pedal=-1.0)["speed"] == pytest.approx(0.0, abs=1e-3)


def test_wheels_on_grass_on_one_side_turn_a_braking_car_to_the_other():
    cars = moving(40.0)
    cars["wheel_mask"] = 0b0101  # the left ones
    assert drive(cars, 5, pedal=-1.0)["yaw_rate"] < -0.1


def test_steering_stops_beyond_the_stop_and_comes_back_at_the_same_rate():
    angle = 0.0
    for _ in range(20):
        angle = steer(angle, 0.6, STEP)
    assert angle == pytest.approx(STEERING_STOP + 0.02)
    for _ in range(7):
        angle = steer(angle, 0.0, STEP)
    assert angle == pytest.approx(0.0, abs=1e-9)


def test_right_is_the_mirror_image_of_left():
    left, right = (drive(moving(30.0), 40, target=side * 0.3, pedal=0.2) for side in (1.0, -1.0))
    assert left["y"] > 1.0
    assert right["y"] == pytest.approx(-left["y"])
    assert right["yaw_rate"] == pytest.approx(-left["yaw_rate"])
    assert right["spin_rear_left"] == pytest.approx(left["spin_rear_right"])
