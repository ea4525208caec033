"""Rewards of unusual size are reported once; rare rewards are not taken for small ones."""

import re

import numpy as np
import pytest
from rlkit_agents.dqn.config import DQNConfig

from rlkit.training import run as training_run
from rlkit.training.progress import PlainReporter
from rlkit.training.reward_size import RewardSize

PLAIN = {"reward_scale": 1.0, "reward_clip": None}


def told(size, *, steps=20_000, every=1, hyperparameters=PLAIN):
    """All warnings of rewards of one size, in each `every`-th step of 8 environments."""
    watched = RewardSize("Env-v0", hyperparameters)
    rewards = [np.full(8, size if step % every == 0 else 0.0, np.float32) for step in range(every)]
    found = [watched.observe(rewards[step % every]) for step in range(steps // 8)]
    return [sentence for sentence in found if sentence is not None]


@pytest.mark.parametrize(
    ("size", "advice"),
    [
        (
            1e9,
            r"of Env-v0 so far is 1e\+09 in size, so large .*--set reward_scale=1e-09, or clip .*reward_clip=1",
        ),
        (-3e5, r"3e\+05 in size"),
        (1e30, "--set reward_scale=1e-09"),
        (1e-5, "1e-05 in size, so small that .* --set reward_scale=100000"),
    ],
)
def test_large_and_small_rewards_are_reported_once(size, advice):
    (sentence,) = told(size)
    assert re.search(advice, sentence)


@pytest.mark.parametrize("size", [0.0, 1.0, -0.01, 200.0, 5_000.0])
@pytest.mark.parametrize("every", [1, 700])
def test_usual_and_rare_rewards_are_not_reported(size, every):
    assert told(size, every=every) == []


def test_a_few_steps_or_rewards_do_not_count_as_small():
    assert told(1e-5, steps=1_000) == []
    assert told(1e-5, steps=20_000, every=2_000) == []


@pytest.mark.parametrize(
    ("size", "hyperparameters"),
    [
        (1e9, {"reward_scale": 1e-9, "reward_clip": None}),
        (1e9, {"reward_scale": 1.0, "reward_clip": 1.0}),
        (1e-5, {"reward_scale": 1e5, "reward_clip": None}),
    ],
)
def test_what_is_scaled_or_clipped_is_not_reported(size, hyperparameters):
    assert told(size, hyperparameters=hyperparameters) == []


def test_only_options_of_the_agent_are_advised():
    assert "--set" not in told(1e9, hyperparameters={})[0]
    assert "reward_scale" not in told(1e9, hyperparameters={"reward_clip": None})[0]
    DQNConfig(reward_scale=1e-9)


HUGE = """
import gymnasium, numpy as np

class Huge(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        return np.zeros(2, np.float32), {}

    def step(self, action):
        return np.zeros(2, np.float32), 1e9, True, False, {}
"""


def test_a_run_with_large_rewards_is_advised(tmp_path):
    (tmp_path / "huge.py").write_text(HUGE)
    warned = []
    reporter = PlainReporter(64, quiet=True)
    reporter.warn = warned.append
    training_run.train(
        f"{tmp_path / 'huge.py'}:Huge",
        steps=64,
        num_envs=2,
        eval_freq=0,
        settings={"hidden": "8", "learning_starts": 64},
        run_dir=tmp_path / "run",
        reporter=lambda _: reporter,
    )
    assert sum("reward_scale=1e-09" in sentence for sentence in warned) == 1
