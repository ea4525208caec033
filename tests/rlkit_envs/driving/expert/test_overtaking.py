import gymnasium
import numpy as np
import pytest
import rlkit_envs  # noqa: F401  (registers the environments)
from rlkit_envs.driving.circuit_cache import CIRCUIT
from rlkit_envs.driving.expert.overtaking import PASSING_ROOM, yield_to
from rlkit_envs.driving.road.circuit import TX, TY, X, Y, build_circuit
from rlkit_envs.driving.traffic.behaviour import CAR, CONE, OTHER, STOPPED_CAR, put_on_road
from rlkit_envs.driving.vehicle.parameters import CAR as DRIVER

CAR_LENGTH, CAR_WIDTH, REACH = 4.5, 1.6, 8.0  # m


def road(half_width, radius=300.0):
    angles = np.linspace(0.0, 2.0 * np.pi, 400, endpoint=False)
    points = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    circuit = build_circuit("ring", points, np.full(400, half_width), np.full(400, half_width))
    record = np.zeros(1, CIRCUIT)
    record["samples"], record["length"], record["step"] = len(circuit.line), circuit.length, circuit.step
    return circuit.line, record[0]


def advice(half_width, others, wanted=0.0, offset=0.0, speed=15.0, station=100.0, radius=300.0, turn=0.0, drift=0.0):
    """What is advised to a car at a station, where others are (metres ahead, offset, speed, kind).

    ``drift`` is the lateral speed of the others.
    """
    line, record = road(half_width, radius)
    car = np.zeros(1, DRIVER)
    i = int(station / record["step"])
    car["station"], car["offset"], car["index"], car["speed"] = station, offset, i, speed
    car["heading"] = np.arctan2(line[i, TY], line[i, TX]) + turn
    car["x"], car["y"] = line[i, X] - offset * line[i, TY], line[i, Y] + offset * line[i, TX]
    car["yaw_rate"] = speed / radius
    row = np.zeros(len(others), OTHER)
    for other, (ahead, aside, pace, kind) in zip(row, others, strict=True):
        other["station"] = (station + ahead) % record["length"]
        other["offset"], other["speed"], other["kind"], other["active"] = aside, pace, kind, 1
        other["lateral_speed"] = drift
        other["length"], other["width"] = (0.4, 0.4) if kind == CONE else (4.5, 1.8)
        put_on_road(other, line, record)
    return yield_to(car[0], CAR_LENGTH, CAR_WIDTH, wanted, REACH, row, len(row), line, record, 1.0)


def test_on_an_empty_road_the_driver_does_as_it_wants():
    assert advice(5.0, [], wanted=1.7) == (1.7, np.inf)


def test_who_is_far_ahead_or_behind_is_nobody():
    far = [(150.0, 0.0, 0.0, STOPPED_CAR), (-12.0, 0.0, 20.0, CAR)]
    assert advice(5.0, far, wanted=1.7) == (1.7, np.inf)


def test_a_car_that_leaves_no_room_is_followed():
    speeds = [advice(2.5, [(ahead, 0.0, 8.0, CAR)], speed=9.0)[1] for ahead in (60.0, 40.0, 25.0, 14.0, 9.0)]
    assert speeds == sorted(speeds, reverse=True)
    assert speeds[0] > 15.0
    assert speeds[3] == pytest.approx(8.0, abs=1.5)
    assert speeds[4] < 8.0


def test_the_braking_that_following_asks_for_is_moderate():
    gap, speed, hardest = 60.0, 20.0, 0.0
    for _ in range(300):
        limit = advice(2.5, [(gap + 4.5, 0.0, 5.0, CAR)], speed=speed)[1]
        slower = max(speed - 10.0 * 0.1, min(speed + 0.3, limit))
        hardest = max(hardest, (speed - slower) / 0.1)
        speed = slower
        gap += 0.1 * (5.0 - speed)
        assert gap > 2.0
    assert speed == pytest.approx(5.0, abs=0.3)
    assert hardest < 6.0


@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize("kind", [CONE, STOPPED_CAR])
def test_an_obstacle_is_passed_on_the_side_with_room(side, kind):
    width = 0.4 if kind == CONE else 1.8
    for ahead in (7.0, 4.0, 0.0, -1.0):
        aim, limit = advice(5.0, [(ahead, 2.2 * side, 0.0, kind)], wanted=2.0 * side, offset=-1.2 * side)
        assert (2.2 - side * aim) >= 0.5 * (width + CAR_WIDTH) + PASSING_ROOM - 1e-9
        assert limit >= 8.0


def test_far_from_an_obstacle_the_way_around_it_is_taken_gently():
    wide = [advice(5.0, [(ahead, 2.2, 0.0, STOPPED_CAR)], wanted=2.0, offset=2.0)[0] for ahead in (58.0, 30.0, 15.0)]
    assert wide == sorted(wide, reverse=True)
    assert wide[0] > 1.2


def test_who_is_not_around_an_obstacle_in_time_slows_down():
    late = advice(5.0, [(12.0, 2.2, 0.0, STOPPED_CAR)], wanted=2.0, offset=2.0)[1]
    ready = advice(5.0, [(12.0, 2.2, 0.0, STOPPED_CAR)], wanted=-0.8, offset=-0.8)[1]
    assert late < 9.0
    assert ready >= 10.0


def test_a_moving_car_is_overtaken_on_a_straight_and_followed_in_a_curve():
    slow = [(14.0, 2.2, 5.0, CAR)]
    assert advice(5.0, slow, offset=-1.2, wanted=-1.2)[1] > 8.0
    assert advice(5.0, slow, offset=-1.2, wanted=-1.2, radius=40.0)[1] < 8.0


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_car_that_changes_lanes_is_not_overtaken_on_the_side_it_moves_to(side):
    slow = [(14.0, -1.4 * side, 8.0, CAR)]
    passing, _ = advice(5.0, slow, wanted=0.3 * side, drift=-1.5 * side)
    assert side * passing > 1.0
    staying, limit = advice(5.0, slow, wanted=0.3 * side, drift=1.5 * side)
    assert staying == 0.3 * side
    assert limit < 12.0


def test_a_car_that_pulls_away_leaves_the_lane_free():
    stopped = (12.0, 2.3, 0.0, STOPPED_CAR)
    for speed, free in ((5.6, True), (0.0, False)):
        aim, limit = advice(4.2, [(9.3, -1.9, speed, CAR), stopped], wanted=1.9, offset=1.9, speed=0.0)
        assert (aim < 1.5 and limit > 1.0) == free


@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize(("speed", "drives"), [(0.0, True), (3.0, False)])
def test_between_queues_the_driver_passes_a_car_that_waits(side, speed, drives):
    queues = [(-1.4, 2.3 * side, speed, CAR), (12.0, -2.6 * side, 0.0, STOPPED_CAR)]
    aim, limit = advice(5.0, queues, wanted=-0.4 * side, offset=-0.4 * side, speed=0.0)
    assert (limit > 1.0) == drives
    assert side * aim < 2.3 - 0.9 - 0.8  # no contact


def test_the_driver_does_not_brake_for_a_faster_car_that_is_still_behind():
    assert advice(5.0, [(-5.5, 1.9, 9.0, CAR)], offset=-0.3, wanted=-0.3, speed=6.0)[1] > 9.0
    assert advice(5.0, [(-3.0, 1.9, 9.0, CAR)], offset=-0.3, wanted=-0.3, speed=6.0)[1] < 9.0


def test_beside_somebody_the_driver_keeps_away_from_it():
    aim, limit = advice(5.0, [(0.5, 2.2, 12.0, CAR)], wanted=2.0, offset=-1.2)
    assert 2.2 - aim >= 0.9 + 0.8 + PASSING_ROOM - 1e-9
    assert limit > 12.0
    assert advice(5.0, [(0.5, 2.2, 12.0, CAR)], wanted=2.0, offset=0.3)[1] < 12.0  # Too near: fall back


def test_who_is_about_to_touch_somebody_brakes():
    assert advice(5.0, [(9.0, 1.0, 0.0, STOPPED_CAR)], offset=-1.8, wanted=-1.8, turn=0.3)[1] < 0.0


def test_a_cone_that_is_gone_is_no_obstacle():
    line, record = road(5.0)
    car, row = np.zeros(1, DRIVER), np.zeros(1, OTHER)
    row["station"], row["length"], row["width"], row["kind"] = 10.0, 0.4, 0.4, CONE
    car["speed"] = 10.0
    assert yield_to(car[0], CAR_LENGTH, CAR_WIDTH, 0.5, REACH, row, 1, line, record, 1.0) == (0.5, np.inf)


def test_who_is_beside_comes_before_who_is_ahead():
    both = [(-1.0, -2.3, 11.0, CAR), (9.5, 2.3, 7.0, CAR)]  # To pass the second on the right is to hit the first
    for offset in (0.6, 0.3):
        aim, limit = advice(4.6, both, wanted=0.0, offset=offset, speed=10.0)
        assert aim + 2.3 >= 0.8 + 0.9 + 0.7
        assert limit < 10.0


def test_between_two_obstacles_the_driver_changes_sides():
    slalom = [(9.0, 2.2, 0.0, CONE), (26.0, -2.2, 0.0, STOPPED_CAR)]
    assert advice(5.0, slalom, offset=-1.2, wanted=-1.2, speed=9.0)[1] > 10.5


def test_a_hand_of_air_is_too_little_at_speed():
    assert advice(5.0, [(9.0, 0.6, 0.0, STOPPED_CAR)], offset=-1.2, wanted=-1.2)[1] < 0.0


def test_a_faster_car_that_comes_up_beside_is_left_its_side():
    aim, _ = advice(5.0, [(-12.0, 2.2, 24.0, CAR)], wanted=2.0, offset=-1.2, speed=12.0)
    assert aim < 0.0
    aim, _ = advice(5.0, [(-12.0, 2.2, 12.0, CAR)], wanted=2.0, offset=-1.2, speed=12.0)
    assert aim == 2.0


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_an_obstacle_beside_is_passed_before_sides_are_changed_for_the_next(side):
    both = [(0.5, 2.2 * side, 0.0, CONE), (10.0, -2.2 * side, 0.0, CONE)]
    aim, _ = advice(5.0, both, wanted=0.5 * side, offset=-0.2 * side, speed=9.0)
    assert 2.2 - side * aim >= 0.2 + 0.8 + PASSING_ROOM - 1e-9


@pytest.mark.parametrize("vehicle", ["road_car", "race_car"])
def test_the_expert_finishes_its_laps_in_traffic_and_hits_nobody(vehicle):
    env = gymnasium.make("rlkit/DrivingTraffic-v0", split="test", vehicle=vehicle, view_size=8).unwrapped
    for seed in range(6):
        env.reset(seed=seed)
        ended = False
        while not ended:
            _, _, terminated, truncated, info = env.step(env.expert_action())
            ended = terminated or truncated
        assert info["finished"], seed
        assert info["collisions"] == 0, seed


def test_the_expert_is_not_held_up_by_queues_at_obstacles():
    env = gymnasium.make("rlkit/DrivingTraffic-v0", split="test", sensors="state", traffic=30, obstacles=10).unwrapped
    for seed in (10000, 10001, 10006):
        env.reset(seed=seed)
        ended = False
        while not ended:
            _, _, terminated, truncated, info = env.step(env.expert_action())
            ended = terminated or truncated
        assert info["end"] == "lap finished", seed
        assert info["collisions"] == 0, seed
