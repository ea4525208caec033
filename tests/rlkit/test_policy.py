import inspect
import json

import gymnasium
import numpy as np
import pytest

import rlkit
from rlkit.env.config import EnvConfig
from rlkit.env.make import make_vec_env
from rlkit.errors import UserError
from rlkit.training.progress import PlainReporter

SMALL = {"batch_size": "16", "hidden": "16", "learning_starts": "100"}


def trained(env, folder, **options):
    return rlkit.train(
        env,
        steps=300,
        settings=options.pop("settings", SMALL),
        eval_episodes=1,
        run_dir=folder,
        reporter=lambda total: PlainReporter(total, quiet=True),
        **options,
    ).path


class Moving(gymnasium.Env):
    """A dot that moves: pictures only, so that the agent sees several frames at once."""

    observation_space = gymnasium.spaces.Box(0, 255, (20, 20), np.uint8)
    action_space = gymnasium.spaces.Discrete(2, start=5)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = int(self.np_random.integers(20))
        return self.picture(), {}

    def step(self, action):
        self.place = (self.place + (1 if action == 6 else -1)) % 20
        return self.picture(), float(self.place == 10), False, bool(self.np_random.random() < 0.05), {}

    def picture(self):
        picture = np.zeros((20, 20), np.uint8)
        picture[self.place] = 255
        return picture


@pytest.fixture
def moving():
    gymnasium.register("Moving-v0", entry_point=Moving, max_episode_steps=30)
    yield "Moving-v0"
    gymnasium.registry.pop("Moving-v0")


def test_a_loaded_policy_acts_on_plain_observations(tmp_path):
    policy = rlkit.load_policy(trained("CartPole-v1", tmp_path / "run"))
    env = gymnasium.make("CartPole-v1")
    observation, _ = env.reset(seed=0)
    for _ in range(5):
        action = policy.act(observation)
        assert env.action_space.contains(action)
        assert action == int(policy.q_values(observation).argmax())
        observation, *_ = env.step(action)


def test_a_policy_stacks_frames_as_the_agent_saw_them_in_training(moving, tmp_path):
    run = trained(moving, tmp_path / "run")
    policy = rlkit.load_policy(run)
    config = EnvConfig(moving, frame_stack=4)
    with make_vec_env(config, 1) as environments:
        for seed in (1, 2):
            policy.reset()
            env = gymnasium.make(moving)
            observation, _ = env.reset(seed=seed)
            leaves = environments.reset([seed])
            for _ in range(8):
                expected = policy.agent.act(leaves, explore=False)
                action = policy.act(observation)
                assert action == expected[0] + 5
                step = environments.step(expected)
                observation, _, _, truncated, _ = env.step(action)
                leaves = step.observations
                if truncated:
                    break


def test_q_values_and_actions_count_each_observation_once(moving, tmp_path):
    run = trained(moving, tmp_path / "run")
    asked, plain = rlkit.load_policy(run), rlkit.load_policy(run)
    env = gymnasium.make(moving)
    observation, _ = env.reset(seed=3)
    for count in range(8):
        before = asked.q_values(observation)
        action = asked.act(observation)
        np.testing.assert_array_equal(asked.q_values(observation), before)
        if count % 2:
            asked.q_values(observation)
        assert action == plain.act(observation) == int(before.argmax()) + 5
        observation, _, _, truncated, _ = env.step(action)
        if truncated:
            break


@pytest.mark.parametrize(
    ("observation", "said"),
    [
        ((np.zeros(4, np.float32), {}), r"A tuple of 2 values is no observation: env.reset\(\) returns"),
        (np.full(4, np.nan, np.float32), "is not finite"),
        (np.zeros(3, np.float32), r"shape \(1, 3\)"),
    ],
)
def test_what_is_no_observation_is_refused_with_the_reason(observation, said):
    policy = rlkit.load_policy("random", env="CartPole-v1")
    with pytest.raises(UserError, match=said):
        policy.act(observation)


def test_a_missing_key_is_named():
    policy = rlkit.load_policy("random", env="rlkit/Driving-v0")
    observation, _ = gymnasium.make("rlkit/Driving-v0").reset(seed=0)
    assert policy.act(observation) in range(15)
    key, *_ = observation
    del observation[key]
    with pytest.raises(UserError, match=f"should be a dict with .*{key}.*given was a dict with"):
        policy.act(observation)


def test_training_shows_all_its_parameters_and_takes_values_as_numbers(tmp_path):
    parameters = inspect.signature(rlkit.train).parameters
    assert {"env", "run_dir", "steps", "settings", "seed", "env_kwargs"} <= parameters.keys()
    run = trained("CartPole-v1", tmp_path / "run", settings={**SMALL, "gamma": 0.98, "hidden": [16, 16]})
    config = json.loads((run / "config.json").read_text())["hyperparameters"]
    assert (config["gamma"], config["hidden"]) == (0.98, [16, 16])


def test_a_run_with_long_n_step_returns_can_be_evaluated(tmp_path):
    """The small replay buffer of an agent that does not learn holds them all the same."""
    settings = SMALL | {"n_step": "100", "n_step_final": "90"}
    policy = rlkit.load_policy(trained("CartPole-v1", tmp_path / "run", settings=settings))
    assert policy.act(np.zeros(4, np.float32)) in (0, 1)


def test_an_agent_ignores_observations_that_it_was_not_trained_with():
    spec = rlkit.policy.find_policy("pretrained:traffic")
    further = {"sensors": ["birdview", "state", "preview", "lidar"]}
    with make_vec_env(spec.environment, 2) as plain, make_vec_env(spec.environment.with_kwargs(further), 2) as rich:
        known, seen = plain.reset([1, 2]), rich.reset([1, 2])
        assert set(seen) - set(known) == {"lidar"}
        agents = spec.agent(plain.spaces, 2), spec.agent(rich.spaces, 2)
        assert (agents[0].act(known, explore=False) == agents[1].act(seen, explore=False)).all()
        assert (agents[0].inspect(known).q == agents[1].inspect(seen).q).all()
