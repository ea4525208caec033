import numpy as np
import pytest
from rlkit_envs.driving.env import DrivingEnv
from rlkit_envs.driving.step import SHORTCUT_ALLOWED, STUCK_AFTER
from rlkit_envs.driving.traffic.behaviour import CONE, STOPPED_CAR
from rlkit_envs.driving.vehicle.actions import ACTION_NAMES, DECISION
from rlkit_envs.driving.vehicle.dynamics import PHYSICS_STEP
from rlkit_envs.driving.vehicle.parameters import ROAD_CAR

TRACK = float(ROAD_CAR["track"][0])
COAST, GO, STOP = (ACTION_NAMES.index(f"straight {pedal}") for pedal in ("coast", "accelerate", "brake"))


def make(circuit, **kwargs):
    env = DrivingEnv(circuit=circuit, start="line", **kwargs)
    env.reset(seed=0)
    return env, env.episodes.simulator.cars


def drive(env, policy):
    rewards = []
    while True:
        _, reward, terminated, truncated, info = env.step(policy())
        rewards.append(reward)
        if terminated or truncated:
            return rewards, terminated, truncated, info


def test_a_lap_is_finished_by_truncation_and_worth_100(circle):
    env, _ = make(circle)
    rewards, terminated, truncated, info = drive(env, env.expert_action)
    assert (terminated, truncated, info["finished"]) == (False, True, True)
    assert sum(rewards) == pytest.approx(100.0, abs=0.2)
    assert info["progress"] >= 1.0


def test_a_lap_is_worth_the_same_on_any_circuit():
    totals = []
    for circuit in (1, 2, 3):
        env, _ = make(circuit)
        totals.append(sum(drive(env, env.expert_action)[0]))
    assert totals == pytest.approx([100.0] * 3, abs=0.2)


def test_the_lap_time_is_that_of_the_crossing_not_of_the_decision(circle):
    env, cars = make(circle)
    length = env.episodes.simulator.circuit_of(0).length
    cars["progress"] = length - 1.0
    cars["best_progress"] = length - 1.0
    cars["speed"] = 14.0
    info = drive(env, lambda: COAST)[3]
    assert info["lap_time"] == pytest.approx(1.0 / 14.0, abs=1e-3)


def test_going_back_and_forth_over_the_line_is_no_lap(circle):
    env, cars = make(circle)
    for _ in range(4):
        cars["heading"] += np.pi
        cars["speed"] = 10.0
        for _ in range(3):
            _, _, terminated, truncated, info = env.step(COAST)
            assert (terminated, truncated) == (False, False)
    assert abs(info["progress"]) < 0.02


def test_driving_backwards_costs_what_driving_forwards_pays(circle):
    forwards, cars = make(circle)
    cars["speed"] = 10.0
    gain = forwards.step(COAST)[1]
    backwards, cars = make(circle)
    cars["speed"], cars["heading"] = 10.0, -np.pi / 2
    loss = backwards.step(COAST)[1]
    assert gain == pytest.approx(-loss, rel=1e-3)
    assert gain > 0.0


def test_a_whole_lap_backwards_never_finishes(circle):
    env, cars = make(circle, max_episode_steps=2000)
    length = env.episodes.simulator.circuit_of(0).length
    cars["progress"] = -length + 0.5
    cars["best_progress"] = 0.0
    cars["speed"], cars["heading"] = 10.0, -np.pi / 2
    _, _, terminated, truncated, info = env.step(COAST)
    assert (terminated, truncated) == (False, False)
    assert info["progress"] < -1.0


def test_leaving_the_road_ends_the_episode_and_costs_the_penalty(circle):
    env, cars = make(circle, off_road_penalty=7.0)
    cars["speed"] = 20.0
    rewards, terminated, truncated, info = drive(env, lambda: COAST)
    assert (terminated, truncated, info["finished"]) == (True, False, False)
    assert -7.0 < rewards[-1] < -6.0
    assert min(rewards[:-1]) > 0.0
    assert np.isnan(info["lap_time"])
    assert info["off_road"]


@pytest.mark.parametrize(("offset", "off"), [(4.2, 0), (4.4, 2), (5.8, 4), (-4.2, 0), (-4.4, 2), (-5.8, 4)])
def test_wheels_decide_what_is_off_the_road(circle, offset, off):
    env, cars = make(circle, off_road="slow")
    cars["x"] = 50.0 - offset  # the circle's centre is to the left
    env.step(STOP)
    assert pytest.approx(4.3) == 5.0 - TRACK / 2
    assert cars["wheels_off"][0] == off


def test_with_off_road_slow_grass_slows_and_the_penalty_is_paid_once(circle):
    env, cars = make(circle, off_road="slow", off_road_penalty=5.0)
    cars["speed"] = 20.0
    rewards = [env.step(COAST)[1] for _ in range(25)]
    assert sum(reward < -3.0 for reward in rewards) == 1
    assert cars["off_road_time"][0] == pytest.approx(DECISION * 25, abs=1.6)
    assert cars["speed"][0] < 17.0


def test_progress_is_paid_up_to_the_speed_cap(circle):
    length = 100.0 * np.pi
    for speed, paid in ((8.0, 8.0), (20.0, 14.0)):
        env, cars = make(circle, reward_speed_cap=14.0)
        cars["speed"] = speed
        assert env.step(COAST)[1] == pytest.approx(100.0 * paid * DECISION / length, rel=0.02)


def test_a_car_that_stands_is_given_up_after_ten_seconds(circle):
    env, _ = make(circle)
    rewards, terminated, truncated, info = drive(env, lambda: COAST)
    assert (terminated, truncated, info["finished"]) == (False, True, False)
    assert len(rewards) * DECISION == pytest.approx(STUCK_AFTER, abs=DECISION)


def test_the_time_limit_truncates(circle):
    env, _ = make(circle, max_episode_steps=12)
    rewards, terminated, truncated, _ = drive(env, env.expert_action)
    assert (len(rewards), terminated, truncated) == (12, False, True)


def test_by_default_time_suffices_for_a_lap_at_four_metres_a_second(circle):
    env, cars = make(circle)
    assert cars["max_steps"][0] == np.ceil(env.episodes.simulator.circuit_of(0).length / 4.0 / DECISION)


def test_a_circuit_that_crosses_itself_is_driven_through_its_crossing(write_circuit):
    angles = np.linspace(0.0, 2.0 * np.pi, 160, endpoint=False)
    eight = np.stack([120.0 * np.sin(angles), 60.0 * np.sin(2.0 * angles)], axis=1)
    env, _ = make(write_circuit(eight))
    assert drive(env, env.expert_action)[3]["finished"]


def test_sectors_are_timed_to_a_fraction_of_a_step_and_make_up_the_lap(circle):
    env, cars = make(circle)
    length = env.episodes.simulator.circuit_of(0).length
    cars["speed"] = 14.0
    cars["progress"] = length / 3.0 - 1.0
    env.step(COAST)
    assert cars["sector_1"][0] == pytest.approx(1.0 / 14.0, abs=1e-3)
    assert cars["sector_1"][0] / PHYSICS_STEP % 1.0 > 0.01  # Not a whole number of steps
    env, cars = make(circle)
    info = drive(env, env.expert_action)[3]
    assert 0.0 < cars["sector_1"][0] < cars["sector_2"][0] < info["lap_time"]
    thirds = np.diff([0.0, cars["sector_1"][0], cars["sector_2"][0], info["lap_time"]])
    assert thirds[0] > thirds[1]  # From a standing start
    assert thirds[1] == pytest.approx(thirds[2], rel=0.05)


def test_a_sector_passed_twice_keeps_its_first_time(circle):
    env, cars = make(circle)
    cars["sector_1"] = 3.0
    cars["progress"] = env.episodes.simulator.circuit_of(0).length / 3.0 - 0.5
    cars["speed"] = 14.0
    env.step(COAST)
    assert cars["sector_1"][0] == 3.0


def test_driving_against_the_direction_is_timed(circle):
    env, cars = make(circle)
    cars["speed"], cars["heading"] = 10.0, -np.pi / 2
    for _ in range(3):
        env.step(COAST)
    assert cars["wrong_way_time"][0] == pytest.approx(3 * DECISION)
    cars["heading"] += np.pi
    env.step(COAST)
    assert cars["wrong_way_time"][0] == pytest.approx(3 * DECISION)


def across_the_grass(circle, radius, **kwargs):
    """A car that drives at 10 m/s beside the circle's road, at another radius than its 50 m."""
    env, cars = make(circle, off_road="slow", off_road_penalty=0.0, **kwargs)
    cars["x"], cars["offset"], cars["speed"] = radius, 50.0 - radius, 10.0
    return env, cars


def test_what_a_shortcut_gains_is_counted_and_not_paid(circle):
    length = 100.0 * np.pi
    env, cars = across_the_grass(circle, 25.0)
    _, reward, _, _, info = env.step(COAST)
    driven = 100.0 * 10.0 * DECISION / length
    assert cars["wheels_off"][0] == 4
    assert info["progress"] * length == pytest.approx(2.0, rel=0.05)  # at half the radius
    assert cars["gained"][0] == pytest.approx(1.0, rel=0.1)
    assert reward == pytest.approx(driven, rel=0.05)


def test_running_wide_gains_nothing(circle):
    env, cars = across_the_grass(circle, 60.0)
    env.step(COAST)
    assert cars["wheels_off"][0] == 4
    assert cars["gained"][0] == 0.0


@pytest.mark.parametrize(("gained", "finished"), [(SHORTCUT_ALLOWED - 0.1, True), (SHORTCUT_ALLOWED + 0.1, False)])
def test_a_lap_that_was_cut_short_is_over_but_not_finished(circle, gained, finished):
    env, cars = make(circle)
    cars["progress"] = env.episodes.simulator.circuit_of(0).length - 0.5
    cars["speed"], cars["gained"] = 14.0, gained
    _, _, terminated, truncated, info = env.step(COAST)
    assert (terminated, truncated, info["finished"]) == (False, True, finished)
    assert np.isnan(info["lap_time"]) != finished


def test_jerk_is_the_change_of_acceleration_between_decisions(circle):
    rough, cars = make(circle)
    cars["speed"] = 15.0
    rough.step(COAST)
    before = cars["mean_longitudinal"][0], cars["mean_lateral"][0]
    rough.step(STOP)
    jerk = np.hypot(cars["mean_longitudinal"][0] - before[0], cars["mean_lateral"][0] - before[1]) / DECISION
    assert cars["jerk_squared"][0] == pytest.approx(jerk**2)
    assert jerk > 50.0
    smooth, cars = make(circle)
    cars["speed"] = 15.0
    for _ in range(2):
        smooth.step(COAST)
    assert cars["jerk_squared"][0] < 1.0


def test_penalties_take_off_what_they_say(circle):
    actions = [COAST, STOP, ACTION_NAMES.index("hard left coast")]
    totals = {}
    for kwargs in ({}, {"jerk_penalty": 0.01}, {"steering_penalty": 0.5}):
        env, cars = make(circle, **kwargs)
        cars["speed"] = 15.0
        totals[tuple(kwargs)] = [env.step(action)[1] for action in actions]
        jerk = np.sqrt(cars["jerk_squared"][0])
    plain, rough, turned = totals.values()
    assert rough[0] == plain[0]
    assert 0.0 < sum(plain) - sum(rough) < 2.0 * 0.01 * jerk * DECISION
    assert np.subtract(plain, turned) == pytest.approx([0.0, 0.0, 0.5], abs=1e-6)


@pytest.mark.parametrize(("kind", "over"), [(STOPPED_CAR, True), (CONE, False)])
def test_who_hits_a_car_is_out_and_who_hits_a_cone_goes_on(circle, kind, over):
    env, cars = make(circle, obstacles=1, collision_penalty=7.0)
    cars["speed"] = 10.0
    other = env.episodes.simulator.others[0, 0]
    other["kind"], other["active"] = kind, 1
    other["x"], other["y"], other["heading"] = 50.0, 6.0, np.pi / 2
    other["length"], other["width"] = 2.0, 1.0
    rewards = []
    for _ in range(6):
        _, reward, terminated, _, info = env.step(COAST)
        rewards.append(reward)
        if terminated:
            break
    assert terminated == over
    assert info["collisions"] == 1
    assert sum(reward < -5.0 for reward in rewards) == 1


def test_a_slippery_road_takes_longer_to_stop_on(circle):
    distances = []
    for grip in (1.0, 0.75, 0.35):
        env, cars = make(circle, grip=grip, off_road="slow")
        cars["speed"] = 10.0
        while cars["speed"][0] > 0.0:
            env.step(STOP)
        distances.append(float(np.hypot(cars["x"][0] - 50.0, cars["y"][0])))
    assert np.divide(distances, distances[0]) == pytest.approx([1.0, 1.0 / 0.75, 1.0 / 0.35], rel=0.1)
