import gymnasium
import numpy as np
import pytest

import rlkit
from rlkit.env.config import EnvConfig
from rlkit.env.make import make_vec_env
from rlkit.training.progress import PlainReporter

SMALL = {"batch_size": "16", "hidden": "16", "learning_starts": "100"}


def trained(env, folder, **options):
    return rlkit.train(
        env,
        steps=300,
        settings=SMALL,
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
