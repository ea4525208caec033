import json

import gymnasium
import numpy as np
import pytest
import rlkit_envs  # noqa: F401
from gymnasium.utils.env_checker import check_env

NOTHING, RIGHT, LEFT, GAS, BRAKE = range(5)


def make(**kwargs):
    return gymnasium.make("rlkit/CarRacing-v0", **kwargs)


def test_spaces_are_those_of_gymnasiums_car_racing():
    pytest.importorskip("Box2D", reason="box2d is not installed, and with it Gymnasium's CarRacing")
    for continuous in (True, False):
        ours, theirs = make(continuous=continuous), gymnasium.make("CarRacing-v3", continuous=continuous)
        assert ours.observation_space == theirs.observation_space
        assert ours.action_space == theirs.action_space


def test_gymnasiums_checker_is_content():
    check_env(make(continuous=True).unwrapped, skip_render_check=True)
    check_env(make(continuous=False).unwrapped, skip_render_check=True)


def test_standing_still_costs_a_tenth_per_frame_and_tiles_pay_a_thousand_in_all(circle):
    env = make(continuous=False, circuit=circle, start="line")
    env.reset(seed=0)
    tile = 1000.0 / round(env.unwrapped.episodes.simulator.circuit_of(0).length / 3.5)
    assert env.step(NOTHING)[1] == pytest.approx(2.0 * tile - 0.1)  # the two that the car stands on
    assert env.step(NOTHING)[1] == pytest.approx(-0.1)
    total = sum(env.step(GAS)[1] for _ in range(60))
    assert total == pytest.approx(1000.0 * env.unwrapped.episodes.progress(0) - 6.0, abs=tile)


def test_a_step_of_four_frames_is_four_steps_of_one():
    single, skipping = (make(continuous=False, split="test", frame_skip=frames) for frames in (1, 4))
    assert skipping.unwrapped.metadata["render_fps"] == 12
    for env in (single, skipping):
        env.reset(seed=0)
    for action in [GAS] * 10 + [LEFT, GAS, BRAKE]:
        steps = [single.step(action) for _ in range(4)]
        picture, reward, *_ = skipping.step(action)
        assert reward == pytest.approx(sum(step[1] for step in steps))
        assert np.array_equal(picture, steps[-1][0])


def test_a_whole_lap_ends_the_episode_and_pays_about_a_thousand():
    env = make(continuous=True, split="test").unwrapped
    env.reset(seed=3)
    total, frames, terminated, truncated, info = 0.0, 0, False, False, {}
    while not (terminated or truncated):
        _, reward, terminated, truncated, info = env.step(env.expert_action())
        total, frames = total + reward, frames + 1
    assert terminated
    assert info["lap_finished"]
    assert frames < 1000
    assert total == pytest.approx(1000.0 - 0.1 * frames, abs=5.0)


def test_leaving_the_field_costs_a_hundred_and_ends_it():
    env = make(continuous=False, start="line", split="test")
    env.reset(seed=0)
    rewards, terminated, truncated = [], False, False
    while not (terminated or truncated):
        _, reward, terminated, truncated, _ = env.step(GAS)
        rewards.append(reward)
    assert terminated
    assert rewards[-1] == -100.0


def test_roads_are_those_of_driving_where_their_length_is_asked_for():
    for kwargs, widest in (({}, 20.0 / 3.0), ({"circuit_length": (500.0, 600.0)}, 5.0)):
        env = make(split="test", **kwargs).unwrapped
        env.reset(seed=0)
        circuit = env.episodes.simulator.circuit_of(0)
        assert circuit.line[:, 5].max() == pytest.approx(widest, abs=1.0)
        assert 500.0 <= circuit.length <= (600.0 if kwargs else 1300.0)


def test_right_is_right():
    for continuous, right in ((True, np.array([0.5, 0.3, 0.0], np.float32)), (False, RIGHT)):
        env = make(continuous=continuous, split="test").unwrapped
        env.reset(seed=0)
        for _ in range(20):
            env.step(np.array([0.0, 0.5, 0.0], np.float32) if continuous else GAS)
        for _ in range(10):
            env.step(right)
        assert env.episodes.simulator.cars["steering"][0] < 0.0


def test_each_car_of_a_batch_is_paid_as_it_would_be_alone():
    batch = gymnasium.make_vec("rlkit/CarRacing-v0", num_envs=3, vectorization_mode="vector_entry_point", split="test")
    alone = [make(split="test") for _ in range(3)]
    batch.reset(seed=5)
    for i, env in enumerate(alone):
        env.reset(seed=5 + i)
    random = np.random.default_rng(0)
    for _ in range(60):
        actions = np.stack([env.action_space.low + random.random(3) * 0.7 for env in alone]).astype(np.float32)
        _, rewards, terminated, truncated, _ = batch.step(actions)
        for i, env in enumerate(alone):
            _, reward, ended, cut, _ = env.step(actions[i])
            assert (reward, ended, cut) == (pytest.approx(rewards[i], abs=1e-4), terminated[i], truncated[i])


def test_a_state_put_back_leads_to_the_same_rewards():
    env, other = (make(split="test").unwrapped for _ in range(2))
    env.reset(seed=1)
    for _ in range(60):
        env.step(env.expert_action())
    other.set_state(json.loads(json.dumps(env.get_state())))
    for _ in range(30):
        action = env.expert_action()
        assert env.step(action)[1] == other.step(action)[1]


@pytest.mark.parametrize("kwargs", [{"off_road": "terminate"}, {"obstacles": 40, "collision": "terminate"}])
def test_what_ends_an_episode_of_driving_can_be_asked_for(kwargs):
    env = make(continuous=False, start="line", split="test", **kwargs)
    env.reset(seed=0)
    for _ in range(400):
        if env.step(GAS)[2]:
            break
    cars = env.unwrapped.episodes.simulator.cars
    assert cars["ended"][0]
    assert cars["time"][0] < 15.0


@pytest.mark.parametrize("action", [[0.0, 0.0], [0.0, np.nan, 0.0]])
def test_wrong_actions_are_named(action):
    env = make(continuous=True)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="steering, gas and brake"):
        env.unwrapped.step(np.array(action))


@pytest.mark.parametrize(("share", "done"), [(0.5, True), (0.9, False)])
def test_a_lap_takes_the_share_of_the_tiles_that_is_asked_for(circle, share, done):
    env = make(continuous=False, circuit=circle, start="line", lap_complete_percent=share).unwrapped
    env.reset(seed=0)
    episodes = env.episodes
    state = episodes.get_state(0)
    count = round(episodes.simulator.circuit_of(0).length / 3.5)
    state["tiles"][0], state["tiles"][1] = count, int(0.7 * count)  # all are passed, 70 % of them were driven over
    state["car"]["progress"] = episodes.simulator.circuit_of(0).length + 1.0
    episodes.set_state(0, state)
    assert env.step(NOTHING)[2] is done


@pytest.mark.parametrize("wrong", [-0.1, 1.1, "95", None])
def test_a_share_of_tiles_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="lap_complete_percent"):
        make(lap_complete_percent=wrong)


def test_arguments_of_the_original_that_do_not_exist_here_name_their_replacement():
    gymnasium.make("rlkit/CarRacing-v0", domain_randomize=False).close()
    with pytest.raises(ValueError, match="domain_randomize=True: colours are randomised by weather='train'"):
        gymnasium.make("rlkit/CarRacing-v0", domain_randomize=True)
    env = gymnasium.make("rlkit/CarRacing-v0")
    with pytest.raises(ValueError, match=r"options \['randomize'\].*weather='train'"):
        env.reset(options={"randomize": True})
