import itertools

import gymnasium
import numpy as np
import pytest
import rlkit_envs  # noqa: F401
from hypothesis import given, settings
from hypothesis import strategies as st
from rlkit_envs.driving.reward import TERMS, WEIGHTS, sum_rewards
from rlkit_envs.driving.vehicle.actions import ACTION_NAMES

WEIGHTED = {
    "off_road": "slow",
    "collision": "bounce",
    "border_penalty": 5.0,
    "jerk_penalty": 0.01,
    "steering_penalty": 0.2,
    "reward_speed_cap": 8.0,
}


def penalties(low, high):
    return st.floats(low, high, allow_nan=False)


@settings(max_examples=300)
@given(
    st.tuples(
        penalties(0, 1e4), penalties(0, 10), st.one_of(penalties(1, 100), st.just(np.inf)), *[penalties(0, 1000)] * 5
    ),
    penalties(100, 5000),
    penalties(-10, 10),
    st.booleans(),
    penalties(-3, 9),
    st.integers(0, 3),
    penalties(0, 1000),
    penalties(0, 2),
)
def test_each_term_follows_its_formula_and_the_reward_is_their_sum(
    weights, length, progress, left_road, distance, collisions, jerk, steering_change
):
    terms = np.zeros(1, dtype=TERMS)
    rules = np.array([weights], dtype=WEIGHTS)
    seconds = 0.1
    reward = sum_rewards(
        terms[0], rules[0], length, seconds, progress, left_road, distance, collisions, jerk, steering_change
    )
    lap, metre, cap, off_road, border, collision, rough, steering = weights
    expected = {
        "progress": (lap / length + metre) * min(progress, cap * seconds),
        "off_road": -off_road if left_road else 0.0,
        "border": -border * seconds * np.interp(distance, [0.0, 1.0], [1.0, 0.0]),
        "collision": -collision * collisions,
        "jerk": -rough * jerk * seconds,
        "steering": -steering * steering_change,
    }
    assert dict(zip(TERMS.names, terms[0].item(), strict=True)) == pytest.approx(expected)
    assert reward == pytest.approx(sum(terms[0].item()), rel=1e-12, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "kwargs", "expected"),
    [
        ("Driving", WEIGHTED, {"progress", "off_road", "border", "jerk", "steering"}),
        (
            "DrivingTraffic",
            WEIGHTED | {"obstacles": 30},
            {"progress", "off_road", "border", "collision", "jerk", "steering"},
        ),
        ("CarRacing", {}, {"tiles", "frame", "field"}),
    ],
)
def test_the_terms_in_info_add_up_to_the_reward_of_every_step(name, kwargs, expected):
    env = gymnasium.make(f"rlkit/{name}-v0", **kwargs)
    assert "rewards" not in env.reset(seed=3)[1]
    found = set()
    for _ in range(400):
        # Full throttle, which leads off the road and into other cars; with more gas than this, the toy car spins.
        action = np.float32([0.0, 0.3, 0.0]) if name == "CarRacing" else env.unwrapped.expert_action() // 3 * 3 + 2
        _, reward, terminated, truncated, info = env.step(action)
        assert sum(info["rewards"].values()) == pytest.approx(reward, rel=1e-6, abs=1e-6)
        found |= {term for term, value in info["rewards"].items() if value}
        if terminated or truncated:
            env.reset()
    assert found == expected


@pytest.mark.parametrize("name", ["DrivingTraffic", "CarRacing"])
def test_the_terms_of_a_batch_are_those_of_each_car_alone(name):
    kwargs = {} if name == "CarRacing" else WEIGHTED
    batch = gymnasium.make_vec(f"rlkit/{name}-v0", num_envs=3, vectorization_mode="vector_entry_point", **kwargs)
    alone = [gymnasium.make(f"rlkit/{name}-v0", **kwargs) for _ in range(3)]
    batch.reset(seed=5)
    for i, env in enumerate(alone):
        env.reset(seed=5 + i)
    batch.action_space.seed(0)
    for _ in range(40):
        actions = batch.action_space.sample()
        _, rewards, _, _, infos = batch.step(actions)
        assert infos["_rewards"].all()
        terms = {key: value for key, value in infos["rewards"].items() if not key.startswith("_")}
        assert sum(terms.values()) == pytest.approx(rewards, rel=1e-6, abs=1e-6)
        for i, env in enumerate(alone):
            info = env.step(actions[i])[4]
            assert {key: values[i] for key, values in terms.items()} == info["rewards"]


def test_the_row_of_a_car_that_resets_itself_has_no_rewards():
    batch = gymnasium.make_vec(
        "rlkit/Driving-v0",
        num_envs=2,
        vectorization_mode="vector_entry_point",
        autoreset_mode="next_step",
        max_episode_steps=2,
        **WEIGHTED,
    )
    batch.reset(seed=0)
    left, right = (ACTION_NAMES.index(f"hard {side} coast") for side in ("left", "right"))
    turns = itertools.cycle((left, right))
    steered = [batch.step(np.full(2, next(turns)))[4]["rewards"]["steering"].tolist() for _ in range(6)]
    assert steered == [pytest.approx(row) for row in ([-0.2] * 2, [-0.4] * 2, [0.0] * 2) * 2]
