import dataclasses

import numpy as np
import pytest
import torch
from rlkit_agents.dqn import DQN, DQNConfig

from rlkit.agent import Transitions
from rlkit.errors import UserError
from rlkit.hyperparameters import validated
from rlkit.spaces import Leaf, Spaces

VECTOR = Spaces({"observation": Leaf("observation", (3,), "float32")}, ("a", "b", "c"))
PICTURE = Spaces(
    {"birdview": Leaf("birdview", (24, 24, 2), "uint8"), "state.now": Leaf("state.now", (2,), "float32")},
    ("left", "right"),
)
QUICK = DQNConfig(
    batch_size=32, hidden=(32,), update_interval=4, learning_starts=64, buffer_size=2_000, n_step=1, gamma=0.0,
    exploration_steps=500, learning_rate=3e-3, learning_rate_steps=10**9, target_update_interval=40,
)  # fmt: skip


def observations(spaces, count, rng):
    return {
        leaf.name: rng.integers(256, size=(count, *leaf.shape), dtype=np.uint8)
        if leaf.is_picture
        else rng.standard_normal((count, *leaf.shape)).astype(np.float32)
        for leaf in spaces.observations.values()
    }


def identity_task(rng, count):
    """The best action is the number of the component that is 1."""
    return {"observation": np.eye(3, dtype=np.float32)[rng.integers(3, size=count)]}


def teach(agent, steps, seed=0, num_envs=4):
    """Reward 1 for naming the component that is 1; every episode lasts one step."""
    rng = np.random.default_rng(seed)
    ends = np.ones(num_envs, bool)
    seen = identity_task(rng, num_envs)
    for taken in range(num_envs, steps + 1, num_envs):
        actions = agent.act(seen, explore=True)
        rewards = (seen["observation"].argmax(1) == actions).astype(np.float32)
        following = identity_task(rng, num_envs)
        agent.observe(Transitions(seen, actions, rewards, ends, ~ends, following))
        agent.update(taken)
        seen = following


def test_it_learns_the_identity():
    agent = DQN.build(VECTOR, QUICK, num_envs=4, device="cpu", seed=0)
    teach(agent, 2_000)
    states = {"observation": np.eye(3, dtype=np.float32)}
    assert agent.act(states, explore=False).tolist() == [0, 1, 2]
    q = agent.inspect(states).q
    np.testing.assert_allclose(q, np.eye(3), atol=0.15)


def test_one_seed_fixes_everything_and_another_differs():
    def weights(seed):
        agent = DQN.build(VECTOR, QUICK, num_envs=4, device="cpu", seed=seed)
        teach(agent, 400)
        return torch.cat([tensor.flatten() for tensor in agent.weights().values()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_acting_greedily_changes_nothing_that_learning_depends_on():
    plain, measured = (DQN.build(VECTOR, QUICK, num_envs=4, device="cpu", seed=0) for _ in range(2))
    rng = np.random.default_rng(1)
    for _ in range(5):
        teach(plain, 200)
        teach(measured, 200)
        measured.act(observations(VECTOR, 7, rng), explore=False)
        measured.inspect(observations(VECTOR, 7, rng))
    for name, tensor in plain.weights().items():
        assert torch.equal(tensor, measured.weights()[name])


def test_updates_follow_the_steps_and_not_the_calls():
    agent = DQN.build(VECTOR, QUICK, num_envs=4, device="cpu", seed=0)
    teach(agent, 400)
    assert agent.updates == (400 - QUICK.learning_starts) // QUICK.update_interval
    assert agent.epsilon == pytest.approx(1 - (1 - QUICK.exploration_final_epsilon) * 400 / 500)


def test_clipped_rewards_stay_in_the_buffer():
    config = dataclasses.replace(QUICK, reward_clip=1.0)
    agent = DQN.build(VECTOR, config, num_envs=2, device="cpu", seed=0)
    rng = np.random.default_rng(0)
    rewards = np.array([-7, 0.5], dtype=np.float32)
    ends = np.ones(2, bool)
    agent.observe(
        Transitions(
            observations(VECTOR, 2, rng), np.zeros(2, np.int64), rewards, ends, ends, observations(VECTOR, 2, rng)
        )
    )
    assert set(agent.replay.sample(50).returns) == {-1.0, 0.5}
    assert rewards.tolist() == [-7, 0.5]


@pytest.mark.parametrize("encoder", ["auto", "compact", "flat"])
@pytest.mark.parametrize("dueling", [True, False])
def test_pictures_and_vectors_go_in_and_one_value_per_action_comes_out(encoder, dueling):
    config = dataclasses.replace(QUICK, encoder=encoder, dueling=dueling)
    agent = DQN.build(PICTURE, config, num_envs=1, device="cpu", seed=0)
    seen = observations(PICTURE, 5, np.random.default_rng(0))
    assert agent.inspect(seen).q.shape == (5, 2)
    assert agent.inspect(seen, want=("network_input",)).network_input is seen
    assert any("parameters" in line for line in agent.describe())


def test_memory_estimate_covers_the_replay_buffer():
    config = dataclasses.replace(QUICK, buffer_size=100_000)
    agent = DQN.build(PICTURE, config, num_envs=1, device="cpu", seed=0)
    assert agent.memory_estimate() > 100_000 * 24 * 24 * 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch_size": 5_000}, "larger than buffer_size"),
        ({"gamma": 1.5}, "gamma = 1.5 is out of range"),
        ({"gamma": float("nan")}, "gamma = nan is out of range"),
        ({"encoder": "natur"}, "not one of auto"),
        ({"hidden": (256, 0)}, "hidden = 0"),
    ],
)
def test_impossible_hyperparameters_are_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        validated(dataclasses.replace(QUICK, **wrong))
