import itertools
import json

import gymnasium
import numpy as np
import pytest

from rlkit.env.config import EnvConfig
from rlkit.env.make import make_vec_env
from rlkit.training.collector import Collector

FICKLE = itertools.count()


class Walk(gymnasium.Env):
    """A random walk that its seed decides, or, if it is fickle, something outside of it."""

    metadata = {"render_modes": []}  # noqa: RUF012
    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, fickle=False):
        self.fickle = fickle

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = float(next(FICKLE)) if self.fickle else 0.0
        self.left = int(self.np_random.integers(3, 12))
        return np.array([self.place], np.float32), {}

    def step(self, action):
        self.place += (action - 0.5) * self.np_random.random()
        self.left -= 1
        return np.array([self.place], np.float32), self.place, self.left == 0, False, {}


@pytest.fixture(autouse=True)
def _registered():
    gymnasium.register("Walk-v0", entry_point=Walk)
    yield
    gymnasium.registry.pop("Walk-v0")


def begin(num_envs, **kwargs):
    return Collector(make_vec_env(EnvConfig("Walk-v0", kwargs), num_envs), seed=7)


def drive(episodes, steps, seed=0):
    rng = np.random.default_rng(seed)
    rewards = [episodes.advance(rng.integers(2, size=5)).rewards for _ in range(steps)]
    return np.array(rewards), episodes.observations["observation"]


def stored(state):
    """What a checkpoint gives back: JSON, with arrays as arrays."""
    actions = state.pop("actions")
    return json.loads(json.dumps(state)) | {"actions": actions}


@pytest.mark.parametrize("steps", [0, 1, 5, 30])
def test_running_episodes_go_on_as_if_they_had_never_stopped(steps):
    whole, parts = begin(5), begin(5)
    drive(whole, steps)
    drive(parts, steps)
    resumed = begin(5)
    resumed.load_state(stored(parts.state()))
    assert resumed.replay()
    for ours, theirs in zip(drive(resumed, 25, seed=1), drive(whole, 25, seed=1), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert resumed.recent() == whole.recent()
    assert resumed.finished == whole.finished


def test_episodes_that_cannot_be_repeated_are_noticed_and_begun_anew():
    episodes = begin(5, fickle=True)
    drive(episodes, 10)
    state = stored(episodes.state())
    resumed = begin(5, fickle=True)
    resumed.load_state(state)
    assert not resumed.replay()
    assert resumed.state()["numbers"] == [number + 1 for number in state["numbers"]]
    assert resumed.state()["returns"] == [0.0] * 5
    drive(resumed, 10)


def test_recent_episodes_hold_the_raw_rewards():
    episodes = begin(5)
    rewards, _ = drive(episodes, 40)
    lengths = [episode["length"] for episode in episodes.recent()]
    assert all(3 <= length < 12 for length in lengths)
    running = sum(episodes.state()["returns"])
    assert sum(episode["reward"] for episode in episodes.recent()) + running == pytest.approx(rewards.sum())
