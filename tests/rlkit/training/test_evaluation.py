from typing import ClassVar

import gymnasium
import numpy as np
import pytest

from rlkit.env.config import EnvConfig
from rlkit.env.make import make_vec_env
from rlkit.env.subproc.vector_env import LOST
from rlkit.plugins import agent_class
from rlkit.training.evaluation import evaluate


class Countdown(gymnasium.Env):
    """Lasts as many steps as its seed says, and pays one for each."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
    metadata = {"render_modes": [], "episode_metrics": {"even": {"name": "even_rate", "kind": "share"}}}  # noqa: RUF012

    def __init__(self, always=None):
        self.always = always

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = self.length = self.always or seed
        return np.array([self.left], np.float32), {}

    def step(self, action):
        self.left -= 1
        over = self.left == 0
        info = {"even": self.length % 2 == 0} if over else {}
        return np.array([self.left], np.float32), 1.0, over, False, info


@pytest.fixture(autouse=True)
def _registered():
    gymnasium.register("Countdown-v0", entry_point=Countdown)
    yield
    gymnasium.registry.pop("Countdown-v0")


def run(seeds, num_envs, **kwargs):
    with make_vec_env(EnvConfig("Countdown-v0", kwargs), num_envs) as environments:
        random = agent_class("random")
        agent = random.build(environments.spaces, random.Config(), num_envs, "cpu", seed=0)
        return evaluate(agent, "random", environments, seeds)


@pytest.mark.parametrize("num_envs", [1, 3, 7])
def test_each_episode_counts_once_however_many_run_side_by_side(num_envs):
    seeds = [9, 1, 4, 2, 7, 3]
    result = run(seeds, num_envs)
    assert [episode["seed"] for episode in result.episodes] == seeds
    assert [episode["length"] for episode in result.episodes] == seeds
    assert [episode["reward"] for episode in result.episodes] == seeds
    assert result.means == {"even_rate": pytest.approx(2 / 6)}
    assert result.mean_reward == pytest.approx(np.mean(seeds))
    assert result.to_json()["std_reward"] == pytest.approx(np.std(seeds))


def test_episodes_that_repeat_each_other_are_noticed():
    assert run([1, 2, 3], 2, always=5).all_alike
    assert not run([1, 2, 3], 2).all_alike
    assert not run([1], 1, always=5).all_alike


def test_equal_scores_from_different_beginnings_are_no_repetition():
    with make_vec_env(EnvConfig("CartPole-v1", {"max_episode_steps": 1}), 2) as environments:
        random = agent_class("random")
        agent = random.build(environments.spaces, random.Config(), 2, "cpu", seed=0)
        result = evaluate(agent, "random", environments, [1, 2, 3])
    assert {episode["reward"] for episode in result.episodes} == {1.0}
    assert not result.all_alike


class Losing(Countdown):
    """Says that its process was lost after two steps, of each seed as often as `losses` tells."""

    losses: ClassVar[dict[int, int]] = {}

    def reset(self, *, seed=None, options=None):
        answer = super().reset(seed=seed, options=options)
        self.seed = seed
        return answer

    def step(self, action):
        observation, reward, over, truncated, info = super().step(action)
        if self.left == self.length - 2 and self.losses.get(self.seed, 0) > 0:
            self.losses[self.seed] -= 1
            return observation, reward, False, True, {LOST: "ended"}
        return observation, reward, over, truncated, info


def test_an_episode_whose_process_was_lost_is_played_again_but_once():
    gymnasium.registry["Countdown-v0"].entry_point = Losing
    Losing.losses = {5: 1, 7: 2}
    result = run([5, 4, 7, 6], 2)
    assert [episode["seed"] for episode in result.episodes] == [5, 4, 7, 6]
    assert [episode["length"] for episode in result.episodes] == [5, 4, 2, 6]
    assert [episode["reward"] for episode in result.episodes] == [5, 4, 2, 6]
