import numpy as np
import pytest
from rlkit_envs.driving.jit import kernel
from rlkit_envs.driving.vehicle.dynamics import PHYSICS_STEP, advance, slopes
from rlkit_envs.driving.vehicle.limits import drive_limit, steering_angle
from rlkit_envs.driving.vehicle.parameters import CAR, GRAVITY, RACE_CAR, ROAD_CAR, SINGLE_TRACK
from rlkit_envs.driving.vehicle.tyres import ANTI_LOCK
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

BOTH = pytest.mark.parametrize("vehicle", [ROAD_CAR, RACE_CAR], ids=list(SINGLE_TRACK))


@kernel
def _run(cars, vehicle, steps, target, pedal, seconds):
    for _ in range(steps):
        advance(cars[0], vehicle, target, pedal, seconds)


@kernel
def _drive(cars, vehicle, commands, steps, seconds):
    """Decisions of 0.1 s, as the simulator carries them out."""
    car = cars[0]
    for k in range(len(commands)):
        target = steering_angle(vehicle, car.road_grip, car.speed, commands[k, 0])
        for _ in range(steps):
            advance(car, vehicle, target, commands[k, 1], seconds)


def make_car(grip=1.0, **values):
    cars = np.zeros(1, dtype=CAR)
    cars["road_grip"] = cars["front_grip"] = cars["rear_grip"] = grip
    for name, value in values.items():
        cars[name] = value
    return cars


def run(cars, vehicle, seconds, target=0.0, pedal=0.0):
    _run(cars, vehicle[0], round(seconds / PHYSICS_STEP), target, pedal, PHYSICS_STEP)
    return cars[0]


def hold(cars, vehicle, target, speed, seconds=4.0):
    """Steer at a speed that is held from outside, until the car has settled."""
    for _ in range(round(seconds / PHYSICS_STEP)):
        run(cars, vehicle, PHYSICS_STEP, target)
        cars["speed"] = speed
    return cars[0]


def energy(car, vehicle):
    moving = vehicle["mass"] * (car["speed"] ** 2 + car["lateral_velocity"] ** 2)
    return float(0.5 * (moving + vehicle["yaw_inertia"] * car["yaw_rate"] ** 2)[0])


def changed(vehicle, **values):
    copy = vehicle.copy()
    for name, value in values.items():
        copy[name] = value
    return copy


def linear(**values):
    """A road car as in CommonRoad: one kind of tyre, linear in slip and in load, and nothing that resists."""
    stiffness = {"front_stiffness": 21.92, "rear_stiffness": 21.92, "friction_yield": 0.0, "stiffness_yield": 0.0}
    endless = {"front_friction": 1e4, "rear_friction": 1e4}
    free = {"drag": 0.0, "rolling": 0.0, "stability": 0.0}
    return changed(ROAD_CAR, **stiffness, **endless, **free, **values)


# Closed formulas


@BOTH
def test_top_speed_is_where_power_meets_resistance(vehicle):
    top = float(run(make_car(speed=45.0), vehicle, 400.0, pedal=1.0)["speed"])
    weight = vehicle["mass"] * GRAVITY
    assert vehicle["power"] / top == pytest.approx(vehicle["drag"] * top**2 + vehicle["rolling"] * weight, rel=1e-6)
    assert 0.9 * vehicle["top_speed"] < top < vehicle["top_speed"]


def braking(vehicle, grip, speed):
    """Deceleration at which both axles brake as hard as they can, from the balance of forces and of moments."""
    v = {name: float(vehicle[name][0]) for name in vehicle.dtype.names}

    def surplus(a):
        shift = a * v["gravity_height"] / v["wheelbase"]
        loads = GRAVITY * v["rear_axle"] / v["wheelbase"], GRAVITY * v["front_axle"] / v["wheelbase"]
        front = grip * v["front_friction"] * (1.0 - v["friction_yield"] * shift / loads[0])
        rear = grip * v["rear_friction"] * (1.0 + v["friction_yield"] * shift / loads[1])
        air = speed**2 / v["mass"]
        held = 1.0 - (1.0 - ANTI_LOCK) ** 3
        given = held * front * (loads[0] + shift + v["front_downforce"] * air)
        return given + rear * (loads[1] - shift + v["rear_downforce"] * air) - a

    return brentq(surplus, 0.0, 50.0)


@pytest.mark.parametrize("grip", [1.0, 0.75, 0.35, 0.15])
@pytest.mark.parametrize("speed", [10.0, 30.0, 50.0])
def test_braking_distance_is_that_of_full_grip_and_drag(speed, grip):
    car = run(make_car(grip, speed=speed), ROAD_CAR, 60.0, pedal=-1.0)
    drag = float(ROAD_CAR["drag"][0] / ROAD_CAR["mass"][0])
    constant = braking(ROAD_CAR, grip, 0.0) + float(ROAD_CAR["rolling"][0]) * GRAVITY
    assert car["speed"] == 0.0
    assert car["x"] == pytest.approx(np.log1p(drag * speed**2 / constant) / (2.0 * drag), rel=0.015, abs=0.05)
    assert car["y"] == 0.0


def test_downforce_shortens_braking():
    for speed in (20.0, 60.0):
        cars = make_car(speed=speed)
        car = run(cars, RACE_CAR, 0.3, pedal=-1.0)
        drag = float(RACE_CAR["drag"][0] / RACE_CAR["mass"][0]) * car["speed"] ** 2
        expected = braking(RACE_CAR, 1.0, float(car["speed"])) + drag + float(RACE_CAR["rolling"][0]) * GRAVITY
        assert -car["longitudinal_acceleration"] == pytest.approx(expected, rel=0.02)


@BOTH
def test_the_understeer_gradient_is_the_difference_of_the_axles_compliances(vehicle):
    speed = 25.0
    gradient = (1.0 / vehicle["front_stiffness"] - 1.0 / vehicle["rear_stiffness"]) / GRAVITY
    free = changed(vehicle, drag=0.0, rolling=0.0, front_downforce=0.0, rear_downforce=0.0)
    for target in (0.004, 0.008):
        car = hold(make_car(speed=speed), free, target, speed)
        radius = speed / car["yaw_rate"]
        across = speed * car["yaw_rate"]
        asked = target - vehicle["wheelbase"] / radius
        assert asked / across == pytest.approx(gradient, rel=0.1)
    assert np.degrees(gradient * GRAVITY)[0] == pytest.approx(
        {50.0: 0.97, 70.0: 0.31}[vehicle["top_speed"][0]], abs=0.01
    )


@BOTH
@pytest.mark.parametrize("grip", [1.0, 0.35])
@pytest.mark.parametrize("speed", [8.0, 20.0, 35.0])
@pytest.mark.parametrize("command", [0.2, 0.5, -0.8])
def test_a_command_is_the_share_of_the_full_curvature_that_the_car_settles_at(vehicle, grip, speed, command):
    free = changed(vehicle, drag=0.0, rolling=0.0)
    target = steering_angle(free[0], grip, speed, command)
    car = hold(make_car(grip, speed=speed), free, target, speed)
    weight = grip * free["front_friction"] * GRAVITY
    lift = grip * free["front_friction"] * free["front_downforce"] * speed**2 / free["mass"]
    limit = weight + lift * free["wheelbase"] / free["rear_axle"]
    tightest = np.tan(free["max_steering"]) / free["wheelbase"]
    expected = command * np.minimum(1.1 * limit / speed**2, tightest)
    assert car["yaw_rate"] / speed == pytest.approx(expected[0], rel=0.06)


def test_steered_too_much_the_front_slides_and_the_car_keeps_to_its_limit():
    speed = 20.0
    for target in (0.2, 0.3):
        car = hold(make_car(speed=speed), ROAD_CAR, target, speed)
        assert car["lateral_acceleration"] == pytest.approx(ROAD_CAR["front_friction"][0] * GRAVITY, rel=0.04)
        assert abs(car["lateral_velocity"] / speed) < 0.15
        assert car["sliding"] > 0.0


@pytest.mark.parametrize("speed", [0.8, 2.0])
def test_at_walking_pace_the_car_goes_where_it_is_steered(speed):
    car = hold(make_car(speed=speed), ROAD_CAR, 0.3, speed)
    assert car["yaw_rate"] == pytest.approx(speed * np.tan(0.3) / ROAD_CAR["wheelbase"][0], rel=1e-2)
    assert car["lateral_velocity"] == pytest.approx(ROAD_CAR["rear_axle"][0] * car["yaw_rate"], rel=2e-2)


@BOTH
def test_the_step_from_walking_pace_to_driving_is_smooth(vehicle):
    cars = make_car()
    rates = []
    for _ in range(200):
        car = run(cars, vehicle, PHYSICS_STEP, 0.2, pedal=0.4)
        rates.append(car["yaw_rate"] - car["speed"] * np.tan(car["steering"]) / vehicle["wheelbase"][0])
    assert car["speed"] > 8.0
    assert np.abs(np.diff(rates)).max() < 0.05


# Independent sources


def test_single_tracks_right_hand_side_agrees_with_commonroads_published_vector():
    # x_st, u and f_st of CommonRoad's unit tests: BMW 320i, both with the power limit at work.
    steering, speed, yaw_rate, slip = 0.0197545248559617, 15.7216236334290116, 0.0529001056654038, 0.0033012170610298
    acceleration, turning, slipping = 5.3536773276413925, 0.6435589397748606, 0.0313297971641291
    vehicle = linear()
    got = slopes(
        vehicle[0],
        *(1.0, 1.0, 0.0, 1.0, steering),
        *(speed * np.cos(slip), speed * np.sin(slip), yaw_rate, acceleration),
    )
    along, across = speed * np.cos(slip), speed * np.sin(slip)
    assert drive_limit(vehicle[0], speed) / vehicle["mass"][0] == pytest.approx(acceleration, rel=1e-4)
    assert got[2] == pytest.approx(turning, rel=2e-3)
    assert (along * got[1] - across * got[0]) / speed**2 == pytest.approx(slipping, abs=2e-3)
    assert (along * got[0] + across * got[1]) / speed == pytest.approx(acceleration, rel=5e-3)


@pytest.mark.parametrize("speed", [10.0, 20.0, 35.0])
@pytest.mark.parametrize("target", [0.01, 0.02])
def test_with_linear_tyres_the_car_drives_as_commonroads_single_track(speed, target):
    pytest.importorskip("omegaconf")
    reference = pytest.importorskip("vehiclemodels.vehicle_dynamics_st").vehicle_dynamics_st
    parameters = pytest.importorskip("vehiclemodels.parameters_vehicle2").parameters_vehicle2()
    assert parameters.m == pytest.approx(ROAD_CAR["mass"][0])
    assert parameters.I_z == pytest.approx(ROAD_CAR["yaw_inertia"][0])
    start = [0.0, 0.0, target, speed, 0.0, 0.0, 0.0]
    end = solve_ivp(lambda _, x: reference(x, [0.0, 0.0], parameters), (0.0, 2.0), start, rtol=1e-9, atol=1e-9).y[:, -1]
    car = run(make_car(speed=speed, steering=target), linear(), 2.0, target)
    turned = end[4]
    assert car["heading"] == pytest.approx(turned, rel=0.01)
    assert car["yaw_rate"] == pytest.approx(end[5], rel=0.01)
    assert np.hypot(car["x"] - end[0], car["y"] - end[1]) < 0.01 * 2.0 * speed


def plain_slopes(state, steering, pedal, v, grip):
    """The race car's equations of motion, written anew from the formulas: no shared code, arctangents and all."""
    _, _, heading, vx, vy, r, settled = state
    lf, lr, m = v["front_axle"], v["rear_axle"], v["mass"]
    base = lf + lr
    static = np.array([m * GRAVITY * lr / base, m * GRAVITY * lf / base])
    shift = m * settled * v["gravity_height"] / base * np.array([-1.0, 1.0])
    load = static + shift + np.array([v["front_downforce"], v["rear_downforce"]]) * vx**2
    friction = grip * np.array([v["front_friction"], v["rear_friction"]]) * (1.0 - v["friction_yield"] * shift / static)
    stiffness = np.array([v["front_stiffness"], v["rear_stiffness"]]) * (1.0 - v["stiffness_yield"] * shift / static)
    angle = np.array([np.arctan2(vy + lf * r, vx) - steering, np.arctan2(vy - lr * r, vx)])
    z = stiffness * np.tan(angle) / (3.0 * friction)
    held = friction * load

    def share(s):
        return np.where(np.abs(s) < 1.0, 1.0 - (1.0 - np.minimum(1.0, np.abs(s))) ** 3, 1.0) * np.sign(s)

    fy = -held * share(z)
    fx = np.zeros(2)
    if pedal > 0.0:
        drive = pedal * min(v["drive_force"], v["power"] / vx)
        fx[1] = min(drive, np.sqrt(max(0.0, held[1] ** 2 - fy[1] ** 2)))
    elif pedal < 0.0:
        wanted = -pedal * v["brake_force"] * np.array([v["front_brake"], 1.0 - v["front_brake"]])
        fx[1] = -min(wanted[1], np.sqrt(max(0.0, held[1] ** 2 - fy[1] ** 2)))
        along = min(ANTI_LOCK, 1.0 - max(0.0, 1.0 - wanted[0] / held[0]) ** (1.0 / 3.0))
        both = np.hypot(along, z[0])
        fx[0], fy[0] = -held[0] * share(both) * np.array([along, z[0]]) / both
    side = fy[0] * np.cos(steering) + fx[0] * np.sin(steering)
    ahead = fx[0] * np.cos(steering) - fy[0] * np.sin(steering) + fx[1]
    ahead -= v["drag"] * vx**2 + v["rolling"] * m * GRAVITY
    return [
        vx * np.cos(heading) - vy * np.sin(heading),
        vx * np.sin(heading) + vy * np.cos(heading),
        r,
        ahead / m + vy * r,
        (side + fy[1]) / m - vx * r,
        (lf * side - lr * fy[1]) / v["yaw_inertia"],
        (ahead / m - settled) / 0.1,
    ]


@pytest.mark.parametrize(
    ("speed", "target", "pedal", "grip"),
    [
        (20.0, 0.1, 0.0, 1.0),
        (40.0, 0.02, 1.0, 1.0),
        (30.0, 0.08, -0.3, 0.75),
        (45.0, -0.03, -1.0, 1.0),
        (15.0, -0.2, 0.6, 0.35),
    ],
)
def test_the_car_drives_as_scipy_integrates_its_equations(speed, target, pedal, grip):
    v = {name: float(RACE_CAR[name][0]) for name in RACE_CAR.dtype.names}
    seconds = 1.5
    reference = solve_ivp(
        lambda _, state: plain_slopes(state, target, pedal, v, grip),
        (0.0, seconds),
        [0.0, 0.0, 0.0, speed, 0.0, 0.0, 0.0],
        rtol=1e-8,
        atol=1e-8,
    ).y[:, -1]
    car = run(make_car(grip, speed=speed, steering=target), RACE_CAR, seconds, target, pedal)
    assert np.hypot(car["x"] - reference[0], car["y"] - reference[1]) < 0.05
    assert car["heading"] == pytest.approx(reference[2], abs=5e-3)
    assert car["speed"] == pytest.approx(reference[3], abs=0.05)
    assert car["yaw_rate"] == pytest.approx(reference[5], abs=0.01)


# Invariants


def random_drives(count, seed):
    """Speed, grip and (30, 2) commands and pedals, held for 0.1 to 0.9 s each."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        commands = np.zeros((30, 2))
        k = 0
        while k < len(commands):
            held = random.integers(1, 10)
            commands[k : k + held] = random.uniform(-1.0, 1.0, 2)
            k += held
        yield random.uniform(0.0, 45.0), random.choice([1.0, 0.75, 0.35]), commands


@BOTH
def test_the_physics_step_is_fine_enough(vehicle):
    apart = []
    for speed, grip, commands in random_drives(40, seed=0):
        ends = []
        for finer in (1, 10):
            cars = make_car(grip, speed=speed)
            _drive(cars, vehicle[0], commands, 5 * finer, PHYSICS_STEP / finer)
            ends.append(cars)
        apart.append(np.hypot(ends[0]["x"] - ends[1]["x"], ends[0]["y"] - ends[1]["y"])[0])
    assert np.median(apart) < 0.02
    assert max(apart) < 0.25


@BOTH
def test_without_throttle_energy_never_grows_not_even_in_a_spin(vehicle):
    random = np.random.default_rng(1)
    for _ in range(60):
        cars = make_car(random.choice([1.0, 0.35, 0.15]), speed=random.uniform(-20.0, 40.0))
        cars["lateral_velocity"], cars["yaw_rate"] = random.uniform(-15.0, 15.0), random.uniform(-4.0, 4.0)
        for _ in range(40):
            target, pedal = random.uniform(-0.45, 0.45), random.uniform(-1.0, 0.0) * random.integers(2)
            for _ in range(5):
                before = energy(cars, vehicle)
                run(cars, vehicle, PHYSICS_STEP, target, pedal)
                assert energy(cars, vehicle) <= before + 1e-9 * before
        assert np.isfinite(cars["x"][0])


@BOTH
def test_a_spin_ends_at_rest(vehicle):
    car = run(make_car(speed=25.0, lateral_velocity=10.0, yaw_rate=5.0), vehicle, 15.0, pedal=-1.0)
    assert (car["speed"], car["lateral_velocity"], car["yaw_rate"]) == (0.0, 0.0, 0.0)


@BOTH
def test_a_standing_car_does_not_move_by_steering_or_braking(vehicle):
    for pedal in (0.0, -1.0):
        car = run(make_car(), vehicle, 2.0, 0.45, pedal)
        assert (car["x"], car["y"], car["heading"], car["speed"], car["yaw_rate"]) == (0.0, 0.0, 0.0, 0.0, 0.0)
        assert car["steering"] == pytest.approx(0.45)


@BOTH
@pytest.mark.parametrize("grip", [1.0, 0.75, 0.35])
def test_a_driver_who_steers_and_brakes_or_accelerates_too_hard_runs_wide_but_does_not_spin(vehicle, grip):
    for speed in (10.0, 20.0, 30.0, 40.0):
        for command in (0.5, 1.0):
            for pedal in (-1.0, -0.4, 0.0, 1.0):
                cars = make_car(grip, speed=speed)
                _drive(cars, vehicle[0], np.tile([command, 0.0], (10, 1)), 5, PHYSICS_STEP)
                for _ in range(20):
                    _drive(cars, vehicle[0], np.array([[command, pedal]]), 5, PHYSICS_STEP)
                    if cars["speed"][0] > 6.0:
                        assert abs(cars["lateral_velocity"][0] / cars["speed"][0]) < np.tan(np.radians(12.0))


def test_stability_control_catches_what_would_become_a_spin():
    # A car whose front brakes not at all and whose rear is shaken loose.
    angles = []
    for stability in (ROAD_CAR["stability"][0], 0.0):
        vehicle = changed(ROAD_CAR, stability=stability, front_friction=1.2)
        cars = make_car(speed=25.0)
        _drive(cars, vehicle[0], np.tile([0.8, -0.2], (25, 1)), 5, PHYSICS_STEP)
        angles.append(abs(float(np.arctan2(cars["lateral_velocity"], cars["speed"])[0])))
    assert angles[0] < 0.7 * angles[1]


def test_tyres_that_corner_brake_less():
    straight = run(make_car(speed=25.0), ROAD_CAR, 0.5, pedal=-1.0)["longitudinal_acceleration"]
    cars = make_car(speed=25.0)
    hold(cars, ROAD_CAR, 0.08, 25.0, 1.5)
    turning = run(cars, ROAD_CAR, 0.3, 0.08, -1.0)["longitudinal_acceleration"]
    assert straight < turning < 0.4 * straight


def test_grass_under_the_wheels_holds_less_and_slows():
    road = run(make_car(speed=20.0), ROAD_CAR, 1.0, pedal=-1.0)
    grass = run(make_car(speed=20.0, front_grip=0.45, rear_grip=0.45), ROAD_CAR, 1.0, pedal=-1.0)
    assert 20.0 - grass["speed"] == pytest.approx(0.45 * (20.0 - road["speed"]), rel=0.12)
    rolling = run(make_car(speed=20.0, surface_drag=2.0), ROAD_CAR, 1.0)
    assert rolling["speed"] < run(make_car(speed=20.0), ROAD_CAR, 1.0)["speed"] - 1.9


def test_steering_takes_its_time():
    car = run(make_car(speed=1.0), ROAD_CAR, 0.2, 0.45)
    assert car["steering"] == pytest.approx(0.2 * ROAD_CAR["steering_rate"][0])


@BOTH
def test_left_and_right_are_mirror_images(vehicle):
    left, right = make_car(speed=25.0), make_car(speed=25.0)
    commands = next(random_drives(1, seed=3))[2]
    _drive(left, vehicle[0], commands, 5, PHYSICS_STEP)
    _drive(right, vehicle[0], commands * [-1.0, 1.0], 5, PHYSICS_STEP)
    assert left["x"][0] == right["x"][0]
    assert left["y"][0] == -right["y"][0]
