"""What an agent does with its spaces and its configuration."""

import dataclasses

import numpy as np
import pytest
import torch
from rlkit_agents.dqn import DQN, DQNConfig

from rlkit.replay import Transitions
from rlkit.spaces import Leaf, Mirror, Spaces

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


@pytest.mark.parametrize(
    ("settings", "stored"),
    [
        ({"reward_clip": 1.0}, {-1.0, 0.5}),
        ({"reward_scale": 0.5}, {-3.5, 0.25}),
        ({"reward_scale": 2.0}, {-14.0, 1.0}),
        ({"reward_scale": 4.0, "reward_clip": 3.0}, {-3.0, 2.0}),
    ],
)
def test_scaled_and_clipped_rewards_stay_in_the_buffer(settings, stored):
    config = dataclasses.replace(QUICK, **settings)
    agent = DQN.build(VECTOR, config, num_envs=2, device="cpu", seed=0)
    rng = np.random.default_rng(0)
    rewards = np.array([-7, 0.5], dtype=np.float32)
    ends = np.ones(2, bool)
    agent.observe(
        Transitions(
            observations(VECTOR, 2, rng), np.zeros(2, np.int64), rewards, ends, ends, observations(VECTOR, 2, rng)
        )
    )
    assert set(agent.replay.sample(50).returns) == stored
    assert rewards.tolist() == [-7, 0.5]


@pytest.mark.parametrize("encoder", ["auto", "flat"])
@pytest.mark.parametrize("dueling", [True, False])
def test_images_and_vectors_give_one_value_per_action(encoder, dueling):
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


def test_random_actions_replace_greedy_ones_in_a_share_epsilon_of_the_environments():
    settings = {"exploration_initial_epsilon": 0.3, "exploration_final_epsilon": 0.3, "buffer_size": 6_000}
    agent = DQN.build(VECTOR, dataclasses.replace(QUICK, **settings), num_envs=3_000, device="cpu", seed=0)
    seen = observations(VECTOR, 3_000, np.random.default_rng(0))
    greedy = agent.act(seen, explore=False)
    assert len(np.unique(greedy)) > 1
    changed = (agent.act(seen, explore=True) != greedy).mean()
    assert changed == pytest.approx(0.3 * 2 / 3, abs=0.03)  # a random action is the greedy one in a third


def test_random_actions_are_repeated_less_as_epsilon_decays_and_not_beyond_an_episode():
    settings = {"exploration_repeat": 50.0, "exploration_final_epsilon": 1.0, "learning_starts": 2_000}
    agent = DQN.build(VECTOR, dataclasses.replace(QUICK, **settings), num_envs=200, device="cpu", seed=0)
    seen = observations(VECTOR, 200, np.random.default_rng(0))
    no = np.zeros(200, bool)

    def repeated(ended):
        """The share of environments whose random action lasts into the next step."""
        before = agent.act(seen, explore=True)
        agent.observe(Transitions(seen, before, np.zeros(200, np.float32), ended & False, ended, seen))
        return (np.array(agent.state()["exploration"]["remaining"]) > 0).mean()

    assert repeated(no) > 0.9
    assert repeated(~no) == 0
    for _ in range(10):
        repeated(no)
    assert agent.steps > QUICK.exploration_steps
    assert repeated(~no) == repeated(no) == 0


def test_half_of_each_batch_is_mirrored_where_the_task_is_symmetric(monkeypatch):
    mirror = Mirror({"state.now": (1.0, -1.0)}, (1, 0))
    spaces = dataclasses.replace(PICTURE, mirror=mirror)
    settings = {"batch_size": 40, "learning_starts": 8, "update_interval": 8}
    for wanted, flipped in ((True, 20), (False, 0)):
        config = dataclasses.replace(QUICK, **settings, mirror=wanted)
        agent = DQN.build(spaces, config, num_envs=4, device="cpu", seed=0)
        batches, step = [], agent.learner.step

        def record(batch, learning_rate, batches=batches, step=step):
            batches.append(batch)
            return step(batch, learning_rate)

        monkeypatch.setattr(agent.learner, "step", record)
        rng = np.random.default_rng(0)
        no = np.zeros(4, bool)
        for taken in range(4, 17, 4):
            seen = observations(PICTURE, 4, rng) | {"state.now": np.full((4, 2), 3.0, np.float32)}
            agent.observe(Transitions(seen, np.zeros(4, np.int64), np.ones(4, np.float32), no, no, seen))
            agent.update(taken)
        (batch,) = batches
        assert (batch.observations["state.now"] == [3, -3]).all(axis=1).sum() == flipped
        assert (batch.next_observations["state.now"] == [3, -3]).all(axis=1).sum() == flipped
        assert (batch.actions == 1).sum() == flipped
        assert any("mirrored" in line for line in agent.describe()) == wanted


def test_vectors_are_normalized_by_the_replayed_ones_from_the_first_update_on_in_all_networks():
    config = dataclasses.replace(QUICK, normalize_observations=True, learning_starts=400)
    agent = DQN.build(VECTOR, config, num_envs=4, device="cpu", seed=0)
    rng = np.random.default_rng(0)
    no = np.zeros(4, bool)
    scale = np.array([1, 10, 100], np.float32)

    def go_on(first, last):
        for taken in range(first, last, 4):
            seen = {"observation": 50 + scale * rng.standard_normal((4, 3)).astype(np.float32)}
            agent.observe(Transitions(seen, np.zeros(4, np.int64), np.ones(4, np.float32), no, no, seen))
            agent.update(taken)

    go_on(4, 420)
    assert agent.updates > 0
    shown = torch.from_numpy(50 + scale * rng.standard_normal((4_000, 3)).astype(np.float32))
    networks = (agent.learner.online, agent.learner.target, agent.learner.ema)
    normalized = [network.encoder({"observation": shown}) for network in networks]
    for each in normalized:
        assert each.mean(dim=0).tolist() == pytest.approx([0] * 3, abs=0.3)
        assert each.std(dim=0).tolist() == pytest.approx([1] * 3, abs=0.2)
    go_on(420, 440)
    assert torch.equal(networks[0].encoder({"observation": shown}), normalized[0])  # computed once


def test_memory_is_that_of_the_buffer_and_six_numbers_per_weight():
    """Three networks, the gradient and two moments, of four bytes each."""
    narrow, wide = (
        DQN.build(VECTOR, dataclasses.replace(QUICK, hidden=(width,)), num_envs=1, device="cpu", seed=0)
        for width in (8, 512)
    )
    weights = [sum(tensor.numel() for tensor in agent.weights().values()) for agent in (narrow, wide)]
    assert wide.memory_estimate() - narrow.memory_estimate() == 24 * (weights[1] - weights[0])


def test_several_threads_are_used_for_large_images_only():
    large = Spaces({"view": Leaf("view", (84, 84, 1), "uint8")}, ("a", "b"))
    both = Spaces(large.observations | PICTURE.observations, ("a", "b"))
    agents = [DQN.build(spaces, QUICK, num_envs=1, device="cpu", seed=0) for spaces in (VECTOR, PICTURE, large, both)]
    assert [agent.threads for agent in agents] == [1, 1, None, None]


def test_images_get_a_larger_budget():
    assert DQN.default_steps(PICTURE) > DQN.default_steps(VECTOR)


def test_rows_shown_to_the_viewer_are_only_computed_if_wanted():
    agent = DQN.build(VECTOR, dataclasses.replace(QUICK, distribution="quantile"), num_envs=1, device="cpu", seed=0)
    seen = observations(VECTOR, 2, np.random.default_rng(0))
    shown = agent.inspect(seen, want=("network_input",))
    assert shown.network_input is seen
    assert shown.q is shown.quantiles is None
    shown = agent.inspect(seen, want=("q",))
    assert shown.network_input is shown.quantiles is None
    assert shown.q.shape == (2, 3)


@pytest.mark.parametrize(
    ("settings", "said", "unsaid"),
    [
        ({"n_step": 10, "n_step_final": 3}, "; 10- to 3-step returns", ""),
        ({"n_step": 3, "n_step_final": 3}, "; 3-step returns", "to 3-step"),
        ({"n_step": 3}, "; 3-step returns", "to None-step"),
        ({"per_alpha": 0.6}, "prioritized, alpha 0.6", ""),
        ({}, "batches of 32, one every 4 steps", "prioritized"),
        ({"update_interval": 1}, "one every step", "every 1 step"),
        ({"noisy": True}, "noisy 32", "linear 32"),
        ({}, "linear 32", "noisy"),
        ({"random_shift": 2, "random_intensity": 0.05}, "shifted by up to 2 pixels, their intensity varied by 5 %", ""),
        ({"reset_interval": 20_000}, "reset every 20,000 updates", ""),
        ({}, "learns: expected returns, huber loss, double, dueling, layer_norm", "reset"),
        ({"precision": "bfloat16"}, "convolutions in bfloat16, the rest in float32", ""),
    ],
)
def test_the_summary_says_what_is_on_and_not_what_is_off(settings, said, unsaid):
    agent = DQN.build(PICTURE, dataclasses.replace(QUICK, **settings), num_envs=1, device="cpu", seed=0)
    summary = "\n".join(agent.describe())
    assert said in summary
    assert not unsaid or unsaid not in summary
