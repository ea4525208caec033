import gymnasium
import numpy as np
import pytest

from rlkit.env.config import EnvConfig
from rlkit.env.make import make_vec_env
from rlkit.errors import UserError
from rlkit.plugins import agent_class
from rlkit.training.evaluation import evaluate


def build(name, environments, seed=0):
    agent = agent_class(name)
    return agent.build(environments.spaces, agent.Config(), environments.num_envs, "cpu", seed)


def test_random_play_uses_every_action_and_repeats_by_its_seed():
    with make_vec_env(EnvConfig("Acrobot-v1"), 50) as environments:
        observations = environments.reset(range(50))
        first, again, other = (
            build("random", environments, seed).act(observations, explore=False) for seed in (1, 1, 2)
        )
    assert set(first) == {0, 1, 2}
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_expert_drives_laps_that_random_play_does_not():
    config = EnvConfig("rlkit/Driving-v0", {"split": "test"})
    with make_vec_env(config, 5) as environments:
        rates = {
            name: evaluate(build(name, environments), name, environments, range(5)).means["lap_rate"]
            for name in ("expert", "random")
        }
    assert rates == {"expert": 1.0, "random": 0.0}


def test_the_expert_drives_laps_with_continuous_actions_too():
    config = EnvConfig("rlkit/DrivingContinuous-v0", {"split": "test"})
    with make_vec_env(config, 5) as environments:
        assert "steer 1, pedal 0" in environments.spaces.action_names
        assert evaluate(build("expert", environments), "expert", environments, range(5)).means["lap_rate"] == 1.0


class Target(gymnasium.Env):
    """A Box to be hit; the expert knows where."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1,))
    action_space = gymnasium.spaces.Box(-1, 1, (2,))
    aim = np.array([0.9, -0.1])

    def reset(self, *, seed=None, options=None):
        return np.zeros(1, np.float32), {}

    def expert_action(self):
        return self.aim


def test_the_expert_of_a_box_takes_the_nearest_of_the_grid(monkeypatch):
    gymnasium.register("Target-v0", Target)
    with make_vec_env(EnvConfig("Target-v0"), 2) as environments:
        expert = build("expert", environments)
        expert.bind(environments)
        observations = environments.reset(range(2))
        taken = environments.actions.decode(expert.act(observations, explore=False))
        assert taken.tolist() == [[1.0, 0.0]] * 2
        monkeypatch.setattr(Target, "aim", 1)
        with pytest.raises(UserError, match=r"actions of shape \(2,\) are expected"):
            expert.act(observations, explore=False)


def test_the_expert_says_where_there_is_none():
    with make_vec_env(EnvConfig("CartPole-v1"), 1) as environments:
        expert = build("expert", environments)
        with pytest.raises(UserError, match="no scripted expert"):
            expert.bind(environments)
