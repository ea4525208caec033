"""A resumed agent equals an uninterrupted one bit for bit, with everything on that draws random numbers."""

import dataclasses

import numpy as np
import pytest
import torch
from rlkit_agents.dqn import DQN, DQNConfig

from rlkit.replay import Transitions
from rlkit.spaces import Leaf, Spaces
from rlkit.training.checkpoint import Checkpoints

SPACES = Spaces({"view": Leaf("view", (16, 16, 4), "uint8", 4), "speed": Leaf("speed", (2,), "float32")}, ("a", "b"))
CONFIG = DQNConfig(
    hidden=(16,), batch_size=8, update_interval=4, learning_starts=40, buffer_size=200, target_update_interval=40,
    per_alpha=0.6, noisy=True, dropout=0.1, random_shift=2, reset_interval=30, n_step=5, n_step_final=2,
    n_step_decay_updates=50, num_quantiles=4, num_target_quantiles=4, num_eval_quantiles=4,
)  # fmt: skip
NUM_ENVS = 4


def world(step):
    """Observations, rewards and terminations after a number of steps, independent of the actions."""
    generator = np.random.default_rng(step)
    seen = {
        "view": generator.integers(256, size=(NUM_ENVS, 16, 16, 4), dtype=np.uint8),
        "speed": generator.standard_normal((NUM_ENVS, 2)).astype(np.float32),
    }
    return seen, generator.standard_normal(NUM_ENVS).astype(np.float32), generator.random(NUM_ENVS) < 0.1


def live(agent, start, stop):
    actions = []
    for step in range(start, stop):
        seen, rewards, ends = world(step)
        actions.append(agent.act(seen, explore=True))
        agent.update(step * NUM_ENVS)
        agent.observe(Transitions(seen, actions[-1], rewards, ends, np.zeros_like(ends), world(step + 1)[0]))
    return np.array(actions)


@pytest.mark.parametrize(
    "options",
    [
        {"distribution": "categorical"},
        {"distribution": "implicit", "double": False, "munchausen": True},
        {"distribution": "quantile", "precision": "bfloat16", "tau": 0.1},
    ],
)
def test_interrupted_and_resumed_equals_uninterrupted(options, tmp_path):
    config = dataclasses.replace(CONFIG, **options)
    whole, first, second = (DQN.build(SPACES, config, NUM_ENVS, "cpu", seed=3) for _ in range(3))
    live(whole, 0, 60)
    live(first, 0, 60)
    Checkpoints(tmp_path).save(60, first, {})
    checkpoints = Checkpoints(tmp_path)
    checkpoints.restore(checkpoints.newest(pytest.fail), second)
    assert np.array_equal(live(whole, 60, 100), live(second, 60, 100))
    assert second.updates == whole.updates > 60
    for name, tensor in whole.state()["online"].items():
        assert torch.equal(tensor, second.state()["online"][name])
