import dataclasses

import numpy as np
import pytest
import torch
from rlkit_agents.pqn import PQN, PQNConfig
from rlkit_agents.pqn.network import build_network
from torch import nn

from rlkit.replay import Transitions
from rlkit.spaces import Leaf, Spaces
from rlkit.training import run as training_run
from rlkit.training.checkpoint import read_checkpoint
from rlkit.training.progress import PlainReporter

VECTOR = Spaces({"state": Leaf("state", (2,), "float32")}, ("left", "right"))
PICTURE = Spaces({"view": Leaf("view", (36, 36, 4), "uint8", stack=4)}, ("left", "right"))
LARGE = Spaces({"view": Leaf("view", (84, 84, 4), "uint8", stack=4)}, ("left", "right"))
GRID = Spaces({"grid": Leaf("grid", (10, 10, 4), "uint8")}, ("left", "right"))
SMALL = PQNConfig(hidden=(16,), rollout_steps=8, minibatches=2, epochs=2, learning_rate=1e-2, exploration_steps=400)


def numbers(seed, count=4):
    return {"state": np.random.default_rng(seed).normal(size=(count, 2)).astype(np.float32)}


def step_of(agent, seen):
    """Episodes of one step: the reward is 1 for right if the first number is positive, and for left if not."""
    actions = agent.act(seen, explore=True)
    rewards = (actions == (seen["state"][:, 0] > 0)).astype(np.float32)
    ended = np.ones(len(actions), bool)
    return Transitions(seen, actions, rewards, ended, ~ended, seen)


def trained(agent, first, last):
    metrics = {}
    for number in range(first, last):
        agent.observe(step_of(agent, numbers(number)))
        metrics = agent.update(agent.steps) or metrics
    return metrics


def test_it_learns_the_rewarded_action():
    agent = PQN.build(VECTOR, SMALL, 4, "cpu", seed=0)
    metrics = trained(agent, 0, 400)
    seen = numbers(10_000, count=200)
    right = agent.act(seen, explore=False) == (seen["state"][:, 0] > 0)
    assert right.mean() > 0.95
    assert metrics["train/n_updates"] == agent.updates == 400 // 8 * 4
    assert agent.inspect(seen).q.max() == pytest.approx(1, abs=0.2)


def test_nothing_is_learned_before_a_rollout_is_full():
    agent = PQN.build(VECTOR, SMALL, 4, "cpu", seed=0)
    for number in range(7):
        agent.observe(step_of(agent, numbers(number)))
        assert agent.update(agent.steps) == {}
    agent.observe(step_of(agent, numbers(7)))
    assert agent.update(agent.steps)["train/loss"] > 0


def test_rewards_are_clipped_as_configured():
    agent = PQN.build(VECTOR, dataclasses.replace(SMALL, reward_clip=0.5), 4, "cpu", seed=0)
    one = step_of(agent, numbers(0))
    agent.observe(dataclasses.replace(one, rewards=np.array([9, -9, 0.25, 0], np.float32)))
    assert agent.state()["rollout"]["rewards"][0].tolist() == [0.5, -0.5, 0.25, 0]


def test_every_layer_but_the_last_is_normalized():
    network = build_network(PICTURE, PQNConfig(encoder="nature"), torch.Generator())
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    norms = [layer for layer in network.modules() if isinstance(layer, nn.GroupNorm | nn.LayerNorm)]
    assert len(norms) == len(layers) - 1 == 5
    bare = build_network(PICTURE, PQNConfig(encoder="nature", layer_norm=False), torch.Generator())
    assert not [layer for layer in bare.modules() if isinstance(layer, nn.GroupNorm | nn.LayerNorm)]
    shown = {"view": torch.randint(0, 256, (3, 36, 36, 4), dtype=torch.uint8)}
    with torch.no_grad():
        convolved = network.encoder.encoders[0][0](shown["view"].permute(0, 3, 1, 2) / 255)
    assert convolved.mean(dim=(1, 2, 3)).numpy() == pytest.approx(0, abs=1e-5)
    assert convolved.var(dim=(1, 2, 3)).numpy() == pytest.approx(1, abs=0.05)


def test_the_papers_networks_normalize_the_channels_of_each_pixel():
    """purejaxql: flax's LayerNorm has the last axis, the channels."""
    for spaces in (LARGE, GRID):
        config = PQN.presets["paper"](spaces, 10_000)
        network = build_network(spaces, config, torch.Generator())
        (leaf,) = spaces.observations.values()
        shown = torch.randint(0, 256, (3, *leaf.shape), dtype=torch.uint8)
        with torch.no_grad():
            convolved = network.encoder.encoders[0][0](shown.permute(0, 3, 1, 2) / 255)
        assert convolved.mean(dim=1).abs().max() < 1e-5
        torch.testing.assert_close(
            convolved.var(dim=1, correction=0), torch.ones(3, *convolved.shape[2:]), rtol=0.05, atol=0.05
        )
        assert network({leaf.name: shown}).shape == (3, 2)


def test_the_papers_step_size_is_constant_on_atari_and_decays_on_minatar():
    minatar = PQN.presets["paper"](GRID, 10_000)
    atari = PQN.presets["paper"](LARGE, 10_000)
    assert atari.learning_rate == atari.learning_rate_final == 2.5e-4
    assert (minatar.learning_rate, minatar.learning_rate_final) == (5e-4, 0.0)


def test_the_seed_determines_the_weights():
    agents = [PQN.build(VECTOR, SMALL, 4, "cpu", seed=seed) for seed in (1, 1, 2)]
    for agent in agents:
        trained(agent, 0, 20)
    first, same, other = (torch.cat([w.ravel() for w in agent.weights().values()]) for agent in agents)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_a_restored_agent_continues_in_the_middle_of_a_rollout():
    whole, part = (PQN.build(VECTOR, SMALL, 4, "cpu", seed=3) for _ in range(2))
    trained(whole, 0, 30)
    trained(part, 0, 13)
    again = PQN.build(VECTOR, SMALL, 4, "cpu", seed=9)
    again.load_weights(part.weights())
    again.load_state(part.state())
    trained(again, 13, 30)
    for name, weights in whole.weights().items():
        assert torch.equal(weights, again.weights()[name])


def test_presets_fit_spaces_and_budget():
    vectors, pictures = PQN.presets["paper"](VECTOR, 50_000), PQN.presets["paper"](PICTURE, 50_000)
    assert vectors.learning_rate_steps == pictures.learning_rate_steps == 50_000
    assert vectors != pictures
    clipped = dataclasses.replace(PICTURE, reward_clip=1.0)
    assert PQN.presets["paper"](clipped, 50_000).reward_clip == 1.0


def test_more_minibatches_than_transitions_are_refused():
    with pytest.raises(ValueError, match=r"minibatches = 33 .*rollout_steps = 8"):
        PQN.build(VECTOR, dataclasses.replace(SMALL, minibatches=33), 4, "cpu", seed=0)


def test_the_summary_names_rollouts_and_replay():
    agent = PQN.build(PICTURE, SMALL, 4, "cpu", seed=0)
    summary = "\n".join(agent.describe())
    assert "no replay" in summary
    assert "8 steps of 4 environments" in summary
    assert agent.memory_estimate() > 2 * 8 * 4 * 36 * 36 * 4


def test_the_step_size_decays_linearly_to_its_final_value():
    settings = dataclasses.replace(SMALL, learning_rate_final=1e-3, learning_rate_steps=320)
    agent = PQN.build(VECTOR, settings, 4, "cpu", seed=0)
    used = []
    agent.optimizer.register_step_pre_hook(lambda optimizer, *_: used.append(optimizer.param_groups[0]["lr"]))
    trained(agent, 0, 120)  # 15 rollouts of 32 transitions, 4 gradient steps each
    expected = [1e-2 - 9e-3 * min(32 * rollout / 320, 1) for rollout in range(1, 16) for _ in range(4)]
    assert used == pytest.approx(expected)


def test_the_gradient_is_clipped_to_the_norm_that_is_allowed():
    free, clipped = (
        PQN.build(VECTOR, dataclasses.replace(SMALL, max_grad_norm=norm), 4, "cpu", seed=0) for norm in (1e6, 1e-3)
    )
    for agent in (free, clipped):
        trained(agent, 0, 8)
    norms = [
        torch.sqrt(sum(parameter.grad.square().sum() for parameter in agent.network.parameters())).item()
        for agent in (free, clipped)
    ]
    assert norms[0] > 1e-2
    assert norms[1] == pytest.approx(1e-3, rel=1e-3)


def test_minibatches_are_drawn_anew_in_every_epoch():
    agent = PQN.build(VECTOR, dataclasses.replace(SMALL, epochs=3), 4, "cpu", seed=0)
    for number in range(8):
        agent.observe(step_of(agent, numbers(number)))
    batches = []

    def record(module, arguments):
        if torch.is_grad_enabled():
            batches.append(arguments[0]["state"][:, 0].tolist())

    agent.network.register_forward_pre_hook(record)
    agent.update(agent.steps)
    assert [len(batch) for batch in batches] == [16] * 6
    epochs = [batches[k] + batches[k + 1] for k in (0, 2, 4)]
    rollout = sorted(value for number in range(8) for value in numbers(number)["state"][:, 0].tolist())
    assert [sorted(epoch) for epoch in epochs] == [rollout] * 3
    first = [frozenset(batches[k]) for k in (0, 2, 4)]
    assert len(set(first)) == 3
    assert epochs[0] != rollout


class StopAfter(PlainReporter):
    def __init__(self, total, steps):
        super().__init__(total, quiet=True)
        self.steps = steps

    def progress(self, steps, figures):
        if steps >= self.steps:
            self.steps = float("inf")
            import os
            import signal

            os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupted_run_equals_an_uninterrupted_one(tmp_path, monkeypatch):
    monkeypatch.setattr("rlkit.training.trainer.REFRESH", 0)
    monkeypatch.setattr("rlkit.plugins.agent_class", lambda name: PQN)
    settings = {"hidden": "16", "rollout_steps": "24", "minibatches": "2"}

    def train(folder, stop):
        training_run.train(
            "CartPole-v1", algo="pqn", steps=1_600, settings=settings, run_dir=folder, deterministic=True,
            eval_freq=0, save_freq=300, reporter=lambda total: StopAfter(total, stop),
        )  # fmt: skip

    train(tmp_path / "whole", 10**9)
    train(tmp_path / "parts", 700)
    training_run.resume(tmp_path / "parts", reporter=lambda total: StopAfter(total, 10**9))
    for name in ("weights", "training"):
        digests = [
            {
                key: value
                for key, value in read_checkpoint(max((tmp_path / run / "checkpoints").iterdir()))
                .manifest["files"]
                .items()
                if key.startswith(name) and key.endswith(".safetensors")
            }
            for run in ("whole", "parts")
        ]
        assert digests[0] == digests[1]
        assert digests[0]


def test_the_loss_is_half_the_mean_squared_error_of_the_lambda_returns():
    settings = dataclasses.replace(SMALL, minibatches=1, epochs=1, gamma=0.5, lambda_=0.0)
    agent = PQN.build(VECTOR, settings, 4, "cpu", seed=0)
    squares, values = [], []
    for number in range(8):
        seen = numbers(number)
        taken = step_of(agent, seen)  # every step ends its episode: the targets are the rewards
        q = agent.inspect(seen).q[np.arange(4), taken.actions]
        squares += ((q - taken.rewards) ** 2).tolist()
        values += q.tolist()
        agent.observe(taken)
    metrics = agent.update(agent.steps)
    assert metrics["train/loss"] == pytest.approx(0.5 * np.mean(squares), rel=1e-4)
    assert metrics["train/mean_q"] == pytest.approx(np.mean(values), rel=1e-3, abs=1e-5)
    assert metrics["train/n_updates"] == 1
    assert metrics["rollout/exploration_rate"] == agent.epsilon


def test_values_of_more_observations_than_a_forward_pass_takes_are_those_of_each():
    settings = dataclasses.replace(SMALL, rollout_steps=2, minibatches=1, epochs=1, gamma=0.5, lambda_=0.0)
    agent = PQN.build(VECTOR, settings, 1_300, "cpu", seed=0)
    goes_on = np.zeros(1_300, bool)
    squares = []
    for number in range(2):
        seen, following = numbers(number, 1_300), numbers(number + 1, 1_300)
        actions = agent.act(seen, explore=True)
        targets = 1 + 0.5 * agent.inspect(following).q.max(axis=1)
        squares += ((agent.inspect(seen).q[np.arange(1_300), actions] - targets) ** 2).tolist()
        agent.observe(Transitions(seen, actions, np.ones(1_300, np.float32), goes_on, goes_on, following))
    assert agent.update(agent.steps)["train/loss"] == pytest.approx(0.5 * np.mean(squares), rel=1e-4)


def test_a_share_epsilon_of_the_actions_is_random():
    settings = dataclasses.replace(SMALL, exploration_initial_epsilon=0.3, exploration_final_epsilon=0.1)
    agent = PQN.build(VECTOR, settings, 10_000, "cpu", seed=0)
    seen = numbers(0, 10_000)
    greedy = agent.act(seen, explore=False)
    assert np.array_equal(greedy, agent.inspect(seen).q.argmax(axis=1))
    assert (agent.act(seen, explore=True) != greedy).mean() == pytest.approx(0.15, abs=0.02)
    agent.observe(step_of(agent, seen))
    assert agent.epsilon == pytest.approx(0.1)


def test_only_what_is_wanted_is_inspected():
    agent = PQN.build(VECTOR, SMALL, 4, "cpu", seed=0)
    seen = numbers(0)
    assert agent.inspect(seen, want=("network_input",)).q is None
    assert agent.inspect(seen, want=("network_input",)).network_input is seen
    assert agent.inspect(seen).network_input is None


def test_as_many_minibatches_as_transitions_are_allowed():
    agent = PQN.build(VECTOR, dataclasses.replace(SMALL, minibatches=32, epochs=1), 4, "cpu", seed=0)
    trained(agent, 0, 8)
    assert agent.updates == 32


def test_several_threads_are_used_for_large_images_only():
    assert [PQN.build(spaces, SMALL, 4, "cpu", seed=0).threads for spaces in (VECTOR, PICTURE, LARGE)] == [1, 1, None]
    assert PQN.default_steps(PICTURE) > PQN.default_steps(VECTOR)


def test_memory_is_that_of_two_rollouts_and_four_numbers_per_weight():
    """The rollout and its minibatches; weights, gradient and two moments of four bytes each."""
    narrow, wide = (
        PQN.build(VECTOR, dataclasses.replace(SMALL, hidden=(width,)), 4, "cpu", seed=0) for width in (8, 512)
    )
    weights = [sum(tensor.numel() for tensor in agent.weights().values()) for agent in (narrow, wide)]
    assert wide.memory_estimate() - narrow.memory_estimate() == 16 * (weights[1] - weights[0])
    step = 2 * 4 + 8 + 4 + 1 + 1  # bytes: two numbers, the action, the reward and two flags
    assert narrow.memory_estimate() - 16 * weights[0] == 2 * 8 * 4 * step


def test_the_exploration_of_presets_depends_on_the_kind_of_observation():
    shares = {name: PQN.presets["paper"](spaces, 1_000) for name, spaces in (("vector", VECTOR), ("image", LARGE))}
    assert shares["vector"].exploration_steps == 200
    assert shares["image"].exploration_steps == 100
    assert PQN.presets["paper"](GRID, 1_000).norm_over == PQN.presets["paper"](LARGE, 1_000).norm_over == "pixel"
    assert PQN.presets["paper"](PICTURE, 1_000).norm_over == "image"
    for spaces in (VECTOR, LARGE):
        assert PQN.presets["paper"](spaces, 1).exploration_steps == 1


def test_episodes_that_are_cut_bootstrap_from_their_last_observation():
    agent = PQN.build(VECTOR, SMALL, 4, "cpu", seed=0)
    goes_on = np.zeros(4, bool)
    agent.observe(dataclasses.replace(step_of(agent, numbers(0)), terminated=goes_on, truncated=goes_on))
    agent.cut()
    rollout = agent.state()["rollout"]
    assert rollout["truncated"][0].all()
    assert np.array_equal(rollout["truncation_observations"]["state"], numbers(0)["state"])
