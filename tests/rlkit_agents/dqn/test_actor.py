"""What explores in other processes acts as the agent does, and computes errors of its steps."""

from dataclasses import replace

import numpy as np
import pytest
from rlkit_agents.dqn import DQN, DQNConfig
from rlkit_agents.dqn.actor import SPREAD, exploration_spread

from rlkit.replay import Transitions
from rlkit.spaces import Leaf, Spaces

SPACES = Spaces({"vector": Leaf("vector", (3,), "float32")}, ("left", "stay", "right"))
CONFIG = DQNConfig(hidden=(16,), gamma=0.5, n_step=2, per_alpha=0.6, buffer_size=100, reward_clip=1.0, reward_scale=0.5)


def make(config=CONFIG, envs=range(2), num_envs=2):
    agent = DQN.build(SPACES, config, num_envs, "cpu", seed=0)
    actor = DQN.make_actor(SPACES, config, envs, num_envs, np.random.SeedSequence(1))
    return agent, actor


def observe(rng, count=2):
    return {"vector": rng.normal(size=(count, 3)).astype(np.float32)}


@pytest.mark.parametrize("num_envs", [1, 2, 7, 256])
def test_environments_explore_on_average_as_scheduled_and_differ(num_envs):
    spread = exploration_spread(num_envs)
    assert spread.mean() == pytest.approx(1)
    assert (np.diff(spread) < 0).all()
    if num_envs == 256:
        assert spread[0] / spread[-1] == pytest.approx(SPREAD, rel=0.02)


@pytest.mark.parametrize("distribution", ["none", "quantile", "categorical", "implicit"])
def test_without_exploration_it_acts_as_the_agent(distribution):
    agent, actor = make(replace(CONFIG, distribution=distribution))
    actor.load(agent.exploring_weights(), {"epsilon": 0.0, "repeat": 1.0, "n_step": 2.0})
    observations = observe(np.random.default_rng(3), 2)
    for _ in range(5):
        np.testing.assert_array_equal(actor.act(observations), agent.act(observations, explore=False))


def test_a_share_of_its_actions_is_random_by_environment():
    agent, actor = make(envs=range(2, 4), num_envs=4)
    actor.load(agent.exploring_weights(), {"epsilon": 0.2, "repeat": 1.0, "n_step": 2.0})
    observations = {"vector": np.tile(observe(np.random.default_rng(3), 1)["vector"], (2, 1))}
    greedy = agent.act(observations, explore=False)
    actions = np.array([actor.act(observations) for _ in range(6000)])
    found = (actions != greedy).mean(axis=0) * 3 / 2  # a third of the random ones are the greedy one
    np.testing.assert_allclose(found, 0.2 * exploration_spread(4)[2:], atol=0.02)


def test_td_errors_are_those_of_a_plain_computation():
    agent, actor = make()
    actor.load(agent.exploring_weights(), {"epsilon": 0.5, "repeat": 1.0, "n_step": 2.0})
    rng = np.random.default_rng(0)
    shown = [observe(rng) for _ in range(5)]
    ends = {1: "terminated", 2: "truncated"}  # of the first environment
    steps = []
    for t in range(4):
        end = np.array([t in ends, False])
        false = np.zeros(2, np.bool_)
        terminated, truncated = (end, false) if ends.get(t) == "terminated" else (false, end)
        rewards = np.array([1 + t, 3], np.float32)
        actions = actor.act(shown[t])
        steps.append(actor.observe(Transitions(shown[t], actions, rewards, terminated, truncated, shown[t + 1])))
    assert [step.rewards.tolist() for step in steps] == [[0.5, 1], [1, 1], [1, 1], [1, 1]]  # scaled, then clipped
    q = [agent.inspect(one).q for one in shown]
    value = [each.max(axis=1) for each in q]

    def error(t, env, returns, bootstrap):
        return returns + bootstrap - q[t][env, steps[t].actions[env]]

    expected = [
        [error(0, 0, 0.5 + 0.5 * 1, 0), error(0, 1, 1.5, 0.25 * value[2][1])],
        [error(1, 0, 1, 0), error(1, 1, 1.5, 0.25 * value[3][1])],
        [error(2, 0, 1, 0.5 * value[2][0]), error(2, 1, 1.5, 0.25 * value[3][1])],
        [error(3, 0, 1, 0.5 * value[3][0]), error(3, 1, 1, 0.5 * value[3][1])],
    ]
    np.testing.assert_allclose(actor.td_errors(steps), expected, atol=1e-5)


def test_without_priorities_it_computes_no_errors():
    _, actor = make(replace(CONFIG, per_alpha=0.0))
    actor.act(observe(np.random.default_rng(0)))
    assert actor.td_errors([]) is None
