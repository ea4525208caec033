import inspect
import json
import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
import rlkit_envs  # noqa: F401
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from rlkit_envs.driving.env import DrivingEnv
from rlkit_envs.utils import NO_KEY

ID = "rlkit/Driving-v0"


def make(**kwargs):
    return gymnasium.make(ID, **kwargs).unwrapped


def make_vec(num_envs, **kwargs):
    return gymnasium.make_vec(ID, num_envs=num_envs, vectorization_mode="vector_entry_point", **kwargs)


def copy(tree):
    return {key: copy(value) for key, value in tree.items()} if isinstance(tree, dict) else np.array(tree)


def same(one, two):
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    one, two = np.asarray(one), np.asarray(two)
    return one.dtype == two.dtype and one.shape == two.shape and one.tobytes() == two.tobytes()


@pytest.mark.parametrize("observation", ["dict", "picture"])
def test_gymnasiums_checker_has_nothing_to_say(observation):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(make(observation=observation, render_size=(96, 64)))


@pytest.mark.parametrize("kwargs", [{}, {"split": "test"}, {"observation": "picture"}, {"off_road": "slow"}])
def test_one_car_and_many_cars_drive_the_same_episode_bit_for_bit(kwargs):
    seeds = [5, 6, 7]
    many = make_vec(3, **kwargs)
    seen, infos = many.reset(seed=seeds)
    singles = [make(**kwargs) for _ in seeds]
    firsts = [single.reset(seed=seed) for single, seed in zip(singles, seeds, strict=True)]
    row = (
        (lambda tree, i: {key: value[i] for key, value in tree.items()})
        if isinstance(seen, dict)
        else (lambda tree, i: tree[i])
    )
    for i, (alone, info) in enumerate(firsts):
        assert same(row(seen, i), alone)
        assert same({key: infos[key][i] for key in info}, info)
    random = np.random.default_rng(0)
    for _ in range(80):
        actions = random.choice([5, 7, 8, 8, 11], size=3)
        seen, rewards, terminated, truncated, infos = many.step(actions)
        for i, single in enumerate(singles):
            alone, reward, ended, cut, info = single.step(actions[i])
            assert same(row(seen, i), alone)
            assert (rewards[i], terminated[i], truncated[i]) == (reward, ended, cut)
            assert {key for key in infos if not key.startswith("_") and infos["_" + key][i]} == set(info)
            for key, value in info.items():
                if key != "rewards":  # test_reward.py compares those
                    assert same(infos[key][i], value) or (np.isnan(value) and np.isnan(infos[key][i]))
        over = terminated | truncated
        if over.any():
            again, _ = many.reset(options={"reset_mask": over})
            for i in np.flatnonzero(over):
                assert same(row(again, i), singles[i].reset()[0])


@pytest.mark.parametrize("observation", ["dict", "picture"])
def test_the_spaces_of_many_are_those_of_one_in_batches(observation):
    single, vector = make(observation=observation), make_vec(3, observation=observation)
    assert vector.single_observation_space == single.observation_space
    assert vector.single_action_space == single.action_space
    assert vector.reset(seed=0)[0] in vector.observation_space
    assert vector.step(vector.action_space.sample())[0] in vector.observation_space


def run(vector, actions):
    trace = []
    for chosen in actions:
        seen, rewards, terminated, truncated, _ = vector.step(chosen)
        trace.append((copy(seen), rewards, terminated, truncated))
        if (terminated | truncated).any():
            trace.append(copy(vector.reset(options={"reset_mask": terminated | truncated})[0]))
    return trace


def test_an_episode_does_not_depend_on_how_many_drive_beside_it():
    actions = np.random.default_rng(1).integers(0, 15, size=(40, 9))
    traces = []
    for count in (2, 9):
        vector = make_vec(count, autoreset_mode="next_step")
        vector.reset(seed=11)
        steps = [vector.step(chosen[:count]) for chosen in actions]
        traces.append([(seen["birdview"][:2].tobytes(), rewards[:2].tobytes()) for seen, rewards, *_ in steps])
    assert traces[0] == traces[1]


def test_results_do_not_depend_on_the_number_of_threads():
    actions = np.random.default_rng(2).integers(0, 15, size=(8, 400))
    traces = []
    for threads in (1, 3):
        vector = make_vec(400, num_threads=threads, num_circuits=5)
        vector.reset(seed=0)
        traces.append(run(vector, actions))
        vector.close()
    assert len(traces[0]) == len(traces[1])
    for one, two in zip(*traces, strict=True):
        assert all(same(a, b) for a, b in zip(one, two, strict=True)) if isinstance(one, tuple) else same(one, two)


def test_a_seed_fixes_everything_that_follows_it():
    actions = np.random.default_rng(3).integers(0, 15, size=(60, 4))
    traces = []
    for _ in range(2):
        vector = make_vec(4)
        vector.reset(seed=[1, 2, 3, 4])
        traces.append(run(vector, actions))
    for one, two in zip(*traces, strict=True):
        assert all(same(a, b) for a, b in zip(one, two, strict=True)) if isinstance(one, tuple) else same(one, two)


def test_a_number_as_seed_gives_each_car_the_next_one():
    assert same(make_vec(3).reset(seed=8)[0], make_vec(3).reset(seed=[8, 9, 10])[0])
    assert same(make_vec(3).reset(seed=8)[0], make_vec(3).reset(seed=np.array([8, 9, 10]))[0])


def test_reset_touches_only_the_cars_in_the_mask():
    vector = make_vec(4)
    vector.reset(seed=0)
    for _ in range(3):
        seen = vector.step(np.full(4, 8))[0]
    before = vector.episodes.simulator.cars.copy()
    mask = np.array([False, True, False, True])
    again, infos = vector.reset(seed=[0, 77, 0, 78], options={"reset_mask": mask})
    after = vector.episodes.simulator.cars
    assert same(before[~mask], after[~mask])
    assert same(again["birdview"][~mask], seen["birdview"][~mask])
    assert (after["step"][mask] == 0).all()
    assert (infos["_progress"] == mask).all()


def test_after_a_reset_each_car_sees_what_it_would_see_if_all_were_drawn_anew():
    vector = make_vec(4)
    vector.reset(seed=0)
    vector.step(np.array([8, 7, 5, 8]))
    again, _ = vector.reset(seed=[9] * 4, options={"reset_mask": np.array([True, False, False, True])})
    other = make_vec(4)
    other.set_state(vector.get_state())
    assert same(again, other.episodes.observe())


def test_what_was_returned_is_never_changed_afterwards():
    vector = make_vec(3)
    returned = [vector.reset(seed=0)]
    snapshots = [[copy(part) for part in returned[0]]]
    for _ in range(5):
        step = vector.step(np.array([8, 7, 5]))
        returned.append(step)
        snapshots.append([copy(part) for part in step])
    for kept, snapshot in zip(returned, snapshots, strict=True):
        assert all(same(copy(one), two) for one, two in zip(kept, snapshot, strict=True))


def test_an_ended_episode_wants_a_reset():
    vector = make_vec(2, max_episode_steps=3)
    with pytest.raises(ResetNeeded, match="first reset"):
        vector.step(np.array([7, 7]))
    vector.reset(seed=0)
    for _ in range(3):
        vector.step(np.array([7, 7]))
    with pytest.raises(ResetNeeded, match="reset_mask"):
        vector.step(np.array([7, 7]))
    single = DrivingEnv(max_episode_steps=1)
    with pytest.raises(ResetNeeded):
        single.step(7)
    single.reset(seed=0)
    single.step(7)
    with pytest.raises(ResetNeeded):
        single.step(7)


def test_next_step_autoreset_begins_anew_and_ignores_the_action():
    vector = make_vec(2, max_episode_steps=3, autoreset_mode="next_step", start="line")
    assert vector.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    vector.reset(seed=0)
    for _ in range(3):
        _, _, terminated, truncated, infos = vector.step(np.array([8, 8]))
    assert truncated.all()
    assert "finished" in infos
    seen, rewards, terminated, truncated, infos = vector.step(np.array([8, 8]))
    assert (rewards == 0.0).all()
    assert not (terminated | truncated).any()
    assert (seen["state"] == 0.0).all()
    assert (infos["lap_time"] == 0.0).all()


def test_nothing_resets_itself_by_default():
    assert make_vec(1).metadata["autoreset_mode"] is AutoresetMode.DISABLED


def test_the_test_split_gives_each_seed_its_own_circuit_and_starts_at_the_line():
    vector = make_vec(20, split="test")
    vector.reset(seed=100)
    names = [vector.episodes.simulator.circuit_of(i).name for i in range(20)]
    assert names == [f"test-{100 + i}" for i in range(20)]
    assert (vector.episodes.simulator.cars["speed"] == 0.0).all()
    assert (vector.episodes.simulator.cars["station"] == 0.0).all()


def test_the_train_split_starts_anywhere_on_a_limited_number_of_circuits():
    vector = make_vec(200, num_circuits=4)
    vector.reset(seed=0)
    cars = vector.episodes.simulator.cars
    assert {vector.episodes.simulator.circuit_of(i).name for i in range(200)} == {f"train-{n}" for n in range(4)}
    assert cars["station"].max() - cars["station"].min() > 300.0
    assert 1.0 < np.abs(cars["offset"]).max() <= 3.0


@pytest.mark.parametrize("vehicle", ["road_car", "race_car"])
def test_cars_start_at_rest_or_at_up_to_the_speed_of_the_reference_lap(vehicle):
    vector = make_vec(400, num_circuits=20, vehicle=vehicle)
    vector.reset(seed=0)
    cars = vector.episodes.simulator.cars
    fastest = np.array([vector.episodes.expert(i).reference.speed[cars["index"][i]] for i in range(400)])
    share = cars["speed"] / fastest
    assert 0.1 < (share == 0.0).mean() < 0.2
    assert 0.9 < share.max() <= 0.95
    assert cars["speed"].max() > 20.0


def test_cars_in_traffic_start_slowly():
    vector = make_vec(100, num_circuits=4, traffic=4)
    vector.reset(seed=0)
    assert 10.0 < vector.episodes.simulator.cars["speed"].max() <= 15.0


def test_no_car_starts_off_the_road():
    vector = make_vec(400, num_circuits=20, off_road="slow")
    vector.reset(seed=0)
    vector.step(np.full(400, 7))
    assert (vector.episodes.simulator.cars["off_road_time"] < 0.1).mean() > 0.995


def test_a_circuit_may_be_chosen_for_all_episodes_or_for_one(circle):
    vector = make_vec(2, circuit=3, split="test")
    vector.reset(seed=0)
    assert {vector.episodes.simulator.circuit_of(i).name for i in range(2)} == {"test-3"}
    vector.reset(options={"circuit": [9, circle]})
    assert [vector.episodes.simulator.circuit_of(i).name for i in range(2)] == ["test-9", "circle"]
    single = make(circuit=circle)
    single.reset()
    assert single.episodes.simulator.circuit_of(0).name == "circle"


def test_the_last_info_of_an_episode_holds_the_episode_metrics():
    vector = make_vec(3, split="test")
    vector.reset(seed=0)
    while True:
        _, _, terminated, _, infos = vector.step(np.array([*vector.call("expert_action")[:2], 8]))
        if terminated[2]:
            break
    for key in vector.metadata["episode_metrics"]:
        assert infos["_" + key][2]
    assert list(infos["_finished"]) == [False, False, True]
    assert infos["circuit"][2] == "test-2"
    assert not infos["finished"][2]
    assert 10.0 < infos["reference_time"][2] < 60.0


def test_info_tells_progress_speed_time_and_place():
    env = make(split="test")
    env.reset(seed=0)
    for _ in range(20):
        info = env.step(env.expert_action())[4]
    car = env.episodes.simulator.cars[0]
    assert info["lap_time"] == pytest.approx(2.0)
    assert info["speed"] == car["speed"]
    assert 0.01 < info["progress"] < 0.1
    assert info["off_road"] is False
    assert list(info["pose"]) == [car["x"], car["y"], car["heading"]]


def test_a_state_put_back_leads_to_the_same_future(circle):
    for circuit in (None, circle):
        env = make(circuit=circuit)
        env.reset(seed=3)
        for _ in range(5):
            env.step(8)
        state = json.loads(json.dumps(env.get_state()))
        future = [copy(env.step(10)[0]) for _ in range(5)]
        other = make(circuit=circuit)
        other.set_state(state)
        assert all(same(other.step(10)[0], seen) for seen in future)
        assert same(env.reset()[0], other.reset()[0])


def test_many_states_put_back_lead_to_the_same_future():
    vector, other = make_vec(3), make_vec(3)
    vector.reset(seed=3)
    for _ in range(4):
        vector.step(np.full(3, 8))
    other.set_state(vector.get_state())
    assert same(vector.step(np.full(3, 7))[0], other.step(np.full(3, 7))[0])
    assert same(vector.reset()[0], other.reset()[0])


def test_every_car_answers_calls_like_a_car_alone():
    vector = make_vec(2, split="test")
    vector.reset(seed=0)
    single = make(split="test")
    single.reset(seed=1)
    for name in ("expert_action", "telemetry", "action_names", "get_keys_to_action"):
        asked = single.get_wrapper_attr(name)
        assert vector.call(name)[1] == (asked() if callable(asked) else asked)
    assert same(vector.call("map_outline")[1], single.map_outline())
    assert same(vector.call("situation")[1], single.situation())
    with pytest.raises(AttributeError):
        vector.call("fly")


def test_telemetry_stays_on_its_scales():
    env = make(split="test")
    env.reset(seed=0)
    ended = False
    while not ended:
        for name, reading in env.telemetry().items():
            assert reading["low"] <= reading["value"] <= reading["high"] + 1e-9, name
            assert reading["unit"]
        _, _, terminated, truncated, _ = env.step(env.expert_action())
        ended = terminated or truncated


def test_a_situation_has_the_road_from_the_cars_own_place_on():
    env = make(split="test", weather="rain")
    env.reset(seed=0)
    for _ in range(20):
        _, _, _, _, info = env.step(env.expert_action())
    situation = env.situation()
    assert situation["weather"] == "rain"
    assert situation["speed"] == info["speed"]
    along, ahead, aside, half, _ = situation["road"].T
    assert along[:3].tolist() == [0.0, 2.0, 4.0]
    assert abs(ahead[0]) < 1.5  # the sample of the centre line at or before the car
    assert abs(aside[0]) < half[0]
    assert np.allclose(np.hypot(np.diff(ahead), np.diff(aside)), 2.0, atol=0.5)


def test_arrow_keys_name_what_they_do():
    names = {keys: make().action_names[action] for keys, action in make().get_keys_to_action().items()}
    assert names[NO_KEY] == "straight coast"
    assert set(names.values()) == {
        f"{side} {pedal}"
        for side in ("straight", "hard left", "hard right")
        for pedal in ("coast", "accelerate", "brake")
    }


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"split": "validation"}, "split='validation'.*'train', 'test'"),
        ({"num_circuits": 0}, "num_circuits=0.*from 1 to"),
        ({"num_circuits": True}, "num_circuits=True"),
        ({"view_size": 24.0}, "view_size=24.0.*whole number from 8 to 256"),
        ({"view_size": 4}, "view_size=4.*from 8 to 256"),
        ({"metres_per_pixel": 0.0}, "metres_per_pixel=0.0.*from 0.1 to 8"),
        ({"metres_per_pixel": (1.0, float("nan"))}, "metres_per_pixel=nan"),
        ({"metres_per_pixel": ()}, "between 1 and 4"),
        ({"metres_per_pixel": "2"}, "metres_per_pixel='2'"),
        ({"off_road": "stop"}, "off_road='stop'.*'terminate', 'slow'"),
        ({"off_road_penalty": -1}, "off_road_penalty=-1.*from 0"),
        ({"reward_speed_cap": 0.0}, "reward_speed_cap=0.0.*from 1 to 100"),
        ({"reward_speed_cap": False}, "reward_speed_cap=False"),
        ({"start": "pole"}, "start='pole'.*'anywhere', 'line'"),
        ({"observation": "camera"}, "observation='camera'"),
        ({"circuit": -1}, "circuit=-1.*from 0"),
        ({"circuit": True}, "circuit=True"),
        ({"circuit": 1.5}, "circuit=1.5"),
        ({"circuit": "nowhere.csv"}, "nowhere.csv.*no such file"),
        ({"max_episode_steps": 0}, "max_episode_steps=0"),
        ({"render_mode": "ascii"}, "render_mode='ascii'"),
        ({"render_size": (10, 10)}, "render_size=10"),
        ({"num_threads": 0}, "num_threads=0"),
        ({"autoreset_mode": "same_step"}, "autoreset_mode='same_step'"),
    ],
)
def test_values_out_of_range_are_refused_with_the_range(kwargs, message):
    with pytest.raises(ValueError, match=message):
        make_vec(1, **kwargs)


def test_calls_that_do_not_fit_are_refused():
    vector = make_vec(2)
    vector.reset(seed=0)
    for actions, message in (
        ([1], r"shape \(1,\)"),
        ([0.5, 1.0], "whole numbers"),
        ([0, 15], "0 to 14"),
        ([-1, 0], "0 to 14"),
    ):
        with pytest.raises(ValueError, match=message):
            vector.step(np.array(actions))
    with pytest.raises(ValueError, match="3 seeds"):
        vector.reset(seed=[1, 2, 3])
    with pytest.raises(ValueError, match="reset_mask"):
        vector.reset(options={"reset_mask": np.zeros(2, dtype=bool)})
    with pytest.raises(ValueError, match="laps"):
        vector.reset(options={"laps": 2})


def test_importing_registers_without_compiling_or_opening_anything():
    code = (
        "import sys, rlkit_envs, gymnasium; gymnasium.spec('rlkit/Driving-v0');"
        "print([name for name in ('numba', 'pygame', 'torch', 'rlkit') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_same_circuit_can_be_driven_the_other_way_round():
    there, back = (make(split="test", backwards=backwards) for backwards in (False, True))
    for env in (there, back):
        env.reset(seed=4)
    one, two = (env.episodes.simulator.circuit_of(0) for env in (there, back))
    assert one.length == pytest.approx(two.length, rel=1e-3)
    assert np.linalg.norm(one.points[0] - two.points[0]) < 2.0
    assert (one.line[0, 2:4] * two.line[0, 2:4]).sum() == pytest.approx(-1.0, abs=0.01)


def test_decisions_can_come_more_often():
    slow, fast = make(split="test"), make(split="test", decision_time=0.02)
    assert (slow.metadata["render_fps"], fast.metadata["render_fps"]) == (10, 50)
    for env, times in ((slow, 1), (fast, 5)):
        env.reset(seed=1)
        for _ in range(times):
            env.step(8)
    a, b = (env.episodes.simulator.cars[0] for env in (slow, fast))
    assert (a["x"], a["time"]) == (pytest.approx(b["x"], abs=0.01), pytest.approx(b["time"]))
    with pytest.raises(ValueError, match=r"multiple of 0\.02"):
        make(decision_time=0.05)


def test_continuous_actions_do_what_the_discrete_ones_do():
    discrete, continuous = make(split="test"), make(split="test", actions="continuous")
    for env in (discrete, continuous):
        env.reset(seed=2)
    for action, command in ((14, (1.0, 1.0)), (8, (0.0, 1.0)), (0, (-1.0, -1.0)), (10, (0.5, 0.0))):
        one, two = discrete.step(action), continuous.step(np.array(command, dtype=np.float32))
        assert same(one[0], two[0])
        assert one[1:4] == two[1:4]
    with pytest.raises(ValueError, match="finite numbers are expected"):
        continuous.step(np.array([0.0, np.nan]))


def test_other_road_users_are_the_same_for_the_same_seed_and_restored_with_the_state():
    first, second = (make(traffic=4, obstacles=3, split="test") for _ in range(2))
    for env in (first, second):
        env.reset(seed=8)
        for _ in range(6):
            env.step(8)
    assert np.array_equal(first.episodes.simulator.others, second.episodes.simulator.others)
    third = make(traffic=4, obstacles=3, split="test")
    third.set_state(first.get_state())
    for _ in range(10):
        assert same(first.step(8)[0], third.step(8)[0])


def test_the_look_of_an_episode_is_restored_with_its_state():
    env, other = (make(sensors="camera") for _ in range(2))
    env.reset(seed=3)
    env.step(8)
    other.set_state(env.get_state())
    assert np.array_equal(env.step(8)[0]["camera"], other.step(8)[0]["camera"])


def test_a_slippery_road_makes_braking_longer():
    def braking(**kwargs):
        env = make(split="test", start="line", **kwargs)
        env.reset(seed=1)
        car = env.episodes.simulator.cars[0]
        while car["speed"] < 10.0:
            env.step(env.action_names.index("straight accelerate"))
        start, steps = car["progress"].copy(), 0
        while car["speed"] > 0.5 and steps < 200:
            env.step(env.action_names.index("straight brake"))
            steps += 1
        return car["progress"] - start

    dry, wet, snow = (braking(grip=grip, off_road="slow") for grip in (1.0, 0.75, 0.35))
    assert dry < wet < snow
    assert snow / dry == pytest.approx(1.0 / 0.35, rel=0.3)
    assert braking(grip=None, weather="snow", off_road="slow") == pytest.approx(snow, rel=0.01)


def test_a_ghost_is_drawn_for_people_and_not_seen_by_the_driver():
    one, two = (make(render_mode="rgb_array", split="test") for _ in range(2))
    for env in (one, two):
        env.reset(seed=5)
    poses = [one.episodes.report()["pose"][0]]
    poses.extend(one.step(one.expert_action())[4]["pose"] for _ in range(30))
    one.reset(seed=5)
    two.reset(seed=5)
    two.set_ghost(np.array(poses))
    for _ in range(4):
        first, second = one.step(7), two.step(7)
    assert same(first[0], second[0])
    assert (one.render() != two.render()).any()
    two.set_ghost(None)
    assert np.array_equal(one.render(), two.render())
    with pytest.raises(ValueError, match="poses"):
        two.set_ghost(np.zeros((3, 2)))


def test_keys_and_gamepad_fit_the_actions():
    discrete, continuous = make(), make(actions="continuous")
    for env in (discrete, continuous):
        for action in env.get_keys_to_action().values():
            assert env.action_space.contains(action)
    assert len(continuous.gamepad_axes) == 2


def test_the_arguments_can_be_found_out():
    from rlkit_envs.driving.env import DrivingEnv

    assert {"render_mode", "sensors", "weather", "circuit"} <= set(inspect.signature(DrivingEnv).parameters)
    with pytest.raises(TypeError, match="unexpected keyword argument 'sensor'"):
        make(sensor="camera")


def test_metadata_tell_the_looks_and_how_the_camera_is_mounted():
    env = gymnasium.make("rlkit/DrivingCamera-v0", camera_height=1.5, camera_pitch=0.1)
    assert env.metadata["camera"] == {
        "height_above_ground": 1.5,
        "pitch": 0.1,
        "field_of_view": 1.22,
        "ahead": 0.4,
    }
    conditions = env.metadata["conditions"]
    assert make(weather=conditions["train"][0])
    assert make(weather=conditions["held-out"][0])
    assert conditions["option"] == "weather"
    assert "camera" not in make().metadata


def test_the_last_info_says_why_the_episode_ended():
    ends = {}
    for name, action, kwargs in (
        ("leaves", 14, {}),
        ("waits", 0, {}),
    ):
        env = gymnasium.make("rlkit/Driving-v0", split="test", disable_env_checker=True, **kwargs).unwrapped
        env.reset(seed=0)
        over = False
        while not over:
            _, _, terminated, truncated, info = env.step(action)
            over = terminated or truncated
        ends[name] = info["end"]
    assert ends["leaves"] == "off the road"
    assert ends["waits"] == "no progress"
