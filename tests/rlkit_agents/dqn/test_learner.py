"""Gradient steps: networks, targets and optimizer."""

import dataclasses

import numpy as np
import pytest
import torch
from rlkit_agents.dqn.config import DQNConfig
from rlkit_agents.dqn.distributions import DISTRIBUTIONS
from rlkit_agents.dqn.learner import DQNLearner, bellman_target, build_optimizer
from rlkit_agents.dqn.network import build_network

from rlkit.nn.layers import NoisyLinear
from rlkit.replay import Batch
from rlkit.spaces import Leaf, Spaces

SPACES = Spaces(
    {"view": Leaf("view", (24, 24, 1), "uint8"), "speed": Leaf("speed", (2,), "float32")}, ("left", "right")
)
CONFIG = DQNConfig(hidden=(32,), batch_size=8, update_interval=4, target_update_interval=12, num_quantiles=4)


def learner(**options):
    config = dataclasses.replace(CONFIG, **options)
    generator = torch.Generator().manual_seed(1)
    distribution = DISTRIBUTIONS[config.distribution](config, generator)
    network = build_network(SPACES, config, distribution.outputs, torch.Generator().manual_seed(0))
    return DQNLearner(network, lambda: build_optimizer(network, config), distribution, config, generator)


def batch(seed=0, weights=None):
    generator = torch.Generator().manual_seed(seed)

    def observations():
        return {
            "view": torch.randint(0, 256, (8, 24, 24, 1), generator=generator, dtype=torch.uint8),
            "speed": torch.randn(8, 2, generator=generator),
        }

    tensors = Batch(
        observations=observations(),
        actions=torch.randint(0, 2, (8,), generator=generator),
        returns=torch.randn(8, generator=generator),
        discounts=torch.full((8,), 0.9),
        next_observations=observations(),
        rows=np.arange(8),
        weights=torch.ones(8) if weights is None else weights,
    )
    return tensors.map(torch.Tensor.numpy)


def flat(module):
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


def test_gradient_steps_decrease_the_loss():
    trained = learner(target_update_interval=10**9)
    losses = [trained.step(batch(), 1e-3)[0]["loss"].item() for _ in range(80)]
    assert losses[-1] < 0.2 * losses[0]


def test_importance_weights_multiply_the_losses():
    even, uneven, alone = learner(), learner(), learner()
    weights = torch.tensor([1.0] + [0.0] * 7)
    _, priorities = even.step(batch(), 1e-3)
    metrics, _ = uneven.step(batch(weights=weights), 1e-3)
    tensors = batch().map(torch.from_numpy)
    targets = bellman_target(alone.distribution, alone.online, alone.target, tensors, alone.config)
    outcome = alone.distribution.losses(alone.online, tensors.observations, tensors.actions, targets)
    assert metrics["loss"].item() == pytest.approx(outcome.losses[0].item() / 8)
    assert torch.equal(priorities, outcome.priorities)
    assert not torch.allclose(flat(even.online), flat(uneven.online))


def test_the_target_is_copied_at_intervals():
    trained = learner()  # every 12 steps, of which an update takes 4
    for number in range(1, 7):
        trained.step(batch(number), 1e-3)
        assert torch.equal(flat(trained.target), flat(trained.online)) == (number % 3 == 0)


def test_the_target_moves_by_tau_at_every_update():
    trained = learner(tau=0.25)
    expected = flat(trained.online)
    for number in range(5):
        trained.step(batch(number), 1e-3)
        expected = 0.75 * expected + 0.25 * flat(trained.online)
        torch.testing.assert_close(flat(trained.target), expected)


def test_a_reset_reinitialises_dense_layers_and_interpolates_the_encoder():
    trained = learner(reset_interval=3, reset_encoder_fraction=0.25)
    for number in range(2):
        trained.step(batch(number), 1e-2)
    uninterrupted = learner(reset_interval=0)
    for number in range(3):
        uninterrupted.step(batch(number), 1e-2)
    trained.step(batch(2), 1e-2)

    assert trained.updates_since_reset == 0
    assert not trained.optimizer.state
    for part in ("dense", "head"):
        assert torch.equal(flat(getattr(trained.online, part)), flat(getattr(trained.target, part)))
    dense = torch.stack([each.online.dense[0].weight.detach().flatten() for each in (trained, uninterrupted)])
    assert torch.corrcoef(dense)[0, 1].abs() < 0.1
    before, after = flat(uninterrupted.online.encoder), flat(trained.online.encoder)
    drawn = (after - 0.75 * before) / 0.25  # what the new initialisation must have been
    weights = drawn[: 16 * 64]  # of the first convolution: He et al. 2015
    assert weights.std().item() == pytest.approx((2 / 64) ** 0.5, rel=0.1)
    assert torch.corrcoef(torch.stack([weights, before[: 16 * 64]]))[0, 1].abs() < 0.15


def test_networks_learn_again_after_a_reset():
    trained = learner(reset_interval=40, target_update_interval=10**9)
    losses = [trained.step(batch(), 1e-3)[0]["loss"].item() for _ in range(80)]
    assert losses[40] > 2 * losses[39]
    assert losses[-1] < 0.3 * losses[40]


def test_noise_is_drawn_for_updates_and_exploration_but_not_for_greedy_actions():
    trained = learner(noisy=True, ema_decay=0.0)
    seen = batch().map(torch.from_numpy).observations
    first, second = (trained.exploration_values(seen) for _ in range(2))
    assert not torch.equal(first, second)
    state = trained.generator.get_state()
    greedy = trained.inspect(seen)["q"]
    assert torch.equal(greedy, trained.inspect(seen)["q"])
    assert torch.equal(trained.generator.get_state(), state)
    noisy = [layer for layer in trained.online.modules() if isinstance(layer, NoisyLinear)]
    before = noisy[0].in_noise.clone()
    trained.step(batch(), 1e-3)
    assert not torch.equal(noisy[0].in_noise, before)


def test_dropout_applies_to_updates_only():
    trained = learner(dropout=0.5, ema_decay=0.0)
    plain = learner(ema_decay=0.0)
    seen = batch().map(torch.from_numpy).observations
    assert torch.equal(trained.inspect(seen)["q"], plain.inspect(seen)["q"])
    assert trained.step(batch(), 1e-3)[0]["loss"] != plain.step(batch(), 1e-3)[0]["loss"]
    assert torch.equal(trained.exploration_values(seen), trained.exploration_values(seen))


def test_bfloat16_is_close_to_float32_and_outputs_float32():
    exact, short = learner(distribution="quantile"), learner(distribution="quantile", precision="bfloat16")
    seen = batch().map(torch.from_numpy).observations
    quantiles = [each.inspect(seen)["quantiles"] for each in (exact, short)]
    assert quantiles[1].dtype == torch.float32
    assert not torch.equal(*quantiles)
    torch.testing.assert_close(*quantiles, rtol=0.05, atol=0.05)
    assert next(short.online.parameters()).dtype == torch.float32
    loss = [each.step(batch(), 1e-3)[0]["loss"].item() for each in (exact, short)]
    assert loss[1] == pytest.approx(loss[0], rel=0.05)


@pytest.mark.parametrize("dueling", [False, True])
@pytest.mark.parametrize("distribution", ["none", "quantile", "categorical", "implicit"])
def test_bfloat16_chooses_the_same_of_values_near_50_that_differ_by_hundredths(distribution, dueling):
    """bfloat16 rounds numbers near 50 to multiples of 0.25: layers after the encoder must not compute in it."""
    options = {"distribution": distribution, "dueling": dueling, "value_min": 0.0, "value_max": 100.0}
    exact, short = (learner(**options, precision=each) for each in ("float32", "bfloat16"))
    generator = torch.Generator().manual_seed(4)
    seen = {
        "view": torch.randint(0, 256, (500, 24, 24, 1), generator=generator, dtype=torch.uint8),
        "speed": torch.randn(500, 2, generator=generator),
    }
    raised = dict(exact.online.state_dict())
    if distribution != "categorical":  # whose support makes its values about 50 in any case
        (bias,) = (name for name in raised if name.endswith(f"{'value' if dueling else 'values'}.output.bias"))
        raised[bias] = raised[bias] + 50
    for each in (exact, short):
        each.online.load_state_dict(raised)
        each.ema.load_state_dict(raised)
    right, found = (each.inspect(seen)["q"] for each in (exact, short))
    assert found.dtype == torch.float32
    assert not torch.equal(right, found)
    assert (right - 50).abs().max() < 20
    near = (right[:, 0] - right[:, 1]).abs()
    assert (near < 0.1).sum() > 20
    decided = near > 0.02
    assert torch.equal(found.argmax(1)[decided], right.argmax(1)[decided])


def test_weight_decay_is_decoupled_from_the_gradient():
    """AdamW subtracts learning rate × decay of each weight (Loshchilov and Hutter 2019)."""
    plain, decaying = learner(ema_decay=0.0), learner(ema_decay=0.0, weight_decay=0.1)
    start = flat(plain.online)
    for each in (plain, decaying):
        each.step(batch(), 1e-2)
    torch.testing.assert_close(flat(plain.online) - flat(decaying.online), 1e-3 * start, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"noisy": True, "dropout": 0.2, "random_shift": 2, "random_intensity": 0.05, "reset_interval": 4},
        {"distribution": "implicit", "double": False, "munchausen": True},
        {"distribution": "categorical", "tau": 0.1},
        {"optimizer": "rmsprop", "distribution": "quantile"},
        {"optimizer": "rmsprop-published", "dueling": False, "shared_bias": True},
    ],
)
def test_a_restored_learner_continues_exactly(options):
    whole, parts = learner(**options), learner(**options)
    for number in range(6):
        whole.step(batch(number), 1e-3)
    for number in range(3):
        parts.step(batch(number), 1e-3)
    resumed = learner(**options)
    resumed.load_state(parts.state())
    for number in range(3, 6):
        resumed.step(batch(number), 1e-3)
    assert resumed.updates == whole.updates
    for network in ("online", "target", "ema"):
        assert torch.equal(flat(getattr(whole, network)), flat(getattr(resumed, network)))


def noises_of_a_step(trained, number=0):
    """The noise of the first noisy layer in each forward pass of a gradient step, with the network that made it."""
    used = []
    hooks = [
        network.register_forward_pre_hook(lambda module, _, name=name: used.append((name, first_noise(module))))
        for name, network in (("online", trained.online), ("target", trained.target))
    ]
    trained.step(batch(number), 1e-3)
    for hook in hooks:
        hook.remove()
    return used


def first_noise(network):
    return next(layer.in_noise.clone() for layer in network.modules() if isinstance(layer, NoisyLinear))


@pytest.mark.parametrize("distribution", ["none", "categorical", "implicit"])
def test_selector_learner_and_target_draw_noise_of_their_own_at_every_update(distribution):
    """Hessel et al. 2018 evaluate three networks per update, as dqn_zoo does with three keys."""
    trained = learner(noisy=True, double=True, distribution=distribution)
    used = [noises_of_a_step(trained, number) for number in range(2)]
    assert [sorted(name for name, _ in step) for step in used] == [["online", "online", "target"]] * 2
    drawn = torch.stack([noise for step in used for _, noise in step])
    assert len(drawn.unique(dim=0)) == 6
    assert (drawn != 0).all()


def test_without_double_online_and_target_network_draw_fresh_noise():
    trained = learner(noisy=True, double=False)
    drawn = torch.stack([noise for number in range(2) for _, noise in noises_of_a_step(trained, number)])
    assert len(drawn.unique(dim=0)) == len(drawn) == 4


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_greedy_values_are_those_of_the_mean_weights_whatever_noise_was_drawn(ema_decay):
    trained = learner(noisy=True, ema_decay=ema_decay)
    seen = batch().map(torch.from_numpy).observations
    before = trained.inspect(seen)["q"]
    noisy = trained.exploration_values(seen)
    assert not torch.allclose(noisy, before)
    assert torch.equal(trained.inspect(seen)["q"], before)


def grad_norm(network):
    return torch.sqrt(sum(parameter.grad.square().sum() for parameter in network.parameters())).item()


def test_the_gradient_is_clipped_to_the_norm_that_is_allowed():
    free, clipped, loose = learner(max_grad_norm=None), learner(max_grad_norm=1e-2), learner(max_grad_norm=1e6)
    norms = [each.step(batch(), 1e-3)[0]["grad_norm"].item() for each in (free, clipped, loose)]
    assert norms == [norms[0]] * 3
    assert norms[0] > 0.1
    assert grad_norm(clipped.online) == pytest.approx(1e-2, rel=1e-3)
    assert grad_norm(free.online) == grad_norm(loose.online) == pytest.approx(norms[0], rel=1e-5)


def test_the_published_rmsprop_is_centred_and_torchs_one_too():
    gradients = [0.3, -0.1, 0.25, 0.4]
    for optimizer, inside in (("rmsprop-published", True), ("rmsprop", False)):
        config = dataclasses.replace(CONFIG, optimizer=optimizer, adam_epsilon=1e-2, learning_rate=0.1)
        layer = torch.nn.Linear(1, 1, bias=False)
        start = layer.weight.item()
        built = build_optimizer(layer, config)
        square = mean = moved = 0.0
        for gradient in gradients:
            layer.weight.grad = torch.tensor([[gradient]])
            built.step()
            square, mean = 0.95 * square + 0.05 * gradient**2, 0.95 * mean + 0.05 * gradient
            variance = square - mean**2
            moved -= 0.1 * gradient / ((variance + 1e-2) ** 0.5 if inside else variance**0.5 + 1e-2)
        assert layer.weight.item() - start == pytest.approx(moved, rel=1e-3)


def test_a_noisy_network_that_gives_the_munchausen_policy_learns_with_other_noise():
    trained = learner(noisy=True, double=False, munchausen=True, munchausen_policy="online")
    used = noises_of_a_step(trained)
    assert [name for name, _ in used] == ["target", "online", "online"]
    assert len(torch.stack([noise for _, noise in used]).unique(dim=0)) == 3


def test_all_actions_share_one_bias_if_asked_for():
    """van Hasselt et al. 2016, the tuned version."""
    shared, own = learner(dueling=False, shared_bias=True), learner(dueling=False)
    difference = sum(map(torch.numel, own.online.parameters())) - sum(map(torch.numel, shared.online.parameters()))
    assert difference == SPACES.num_actions - 1
    seen = batch().map(torch.from_numpy).observations
    before = shared.exploration_values(seen)
    with torch.no_grad():
        shared.online.head.bias += 3.0
    torch.testing.assert_close(shared.exploration_values(seen), before + 3.0)
    before = shared.online.head.bias.clone()
    shared.step(batch(), 1e-2)
    assert shared.online.head.bias != before


def test_pictures_of_floats_are_read_like_bytes_and_left_as_they_are():
    trained = learner()
    seen = batch().map(torch.from_numpy).observations
    floats = {name: leaf.float() for name, leaf in seen.items()}
    before = {name: leaf.clone() for name, leaf in floats.items()}
    for _ in range(2):
        torch.testing.assert_close(trained.inspect(floats)["q"], trained.inspect(seen)["q"])
    assert all(torch.equal(leaf, before[name]) for name, leaf in floats.items())


def test_the_intensity_of_images_changes_the_loss_at_every_update():
    plain, varied = learner(), learner(random_intensity=0.05)
    losses = [each.step(batch(), 1e-3)[0]["loss"].item() for each in (plain, varied)]
    assert losses[0] != losses[1] == pytest.approx(losses[0], rel=0.2)


def test_the_target_is_copied_at_every_update_where_updates_are_rarer_than_copies():
    trained = learner(target_update_interval=1)  # an update takes 4 steps
    for number in range(3):
        trained.step(batch(number), 1e-3)
        assert torch.equal(flat(trained.target), flat(trained.online))


@pytest.mark.parametrize("reset_interval", [0, 4])
def test_the_average_begins_with_the_first_update_and_its_decay_grows(reset_interval):
    """The decay after n updates is n / (n + 10), as far as that is below its final value."""
    trained = learner(ema_decay=0.15, reset_interval=reset_interval, target_update_interval=10**9)
    expected = torch.zeros_like(flat(trained.online))
    for updates in range(3):
        trained.step(batch(updates), 1e-2)
        decay = min(0.15, updates / (updates + 10))
        expected = decay * expected + (1 - decay) * flat(trained.online)
        torch.testing.assert_close(flat(trained.ema), expected)
    assert not torch.allclose(flat(trained.ema), flat(trained.online))


def test_without_averaging_the_online_network_acts():
    averaged, latest = learner(ema_decay=0.9), learner(ema_decay=0.0)
    assert averaged.greedy is averaged.ema
    assert latest.greedy is latest.online


def test_a_reset_after_every_update_and_two_resets_draw_other_weights():
    trained = learner(reset_interval=1)
    drawn = []
    for number in range(2):
        trained.step(batch(number), 1e-3)
        assert trained.updates_since_reset == 0
        drawn.append(flat(trained.online.dense))
        for network in (trained.target, trained.ema):
            assert torch.equal(flat(network.dense), drawn[-1])
    assert not torch.equal(*drawn)


def test_every_optimizer_takes_the_configured_epsilon_and_learning_rate():
    layer = torch.nn.Linear(1, 1)
    for options in ({}, {"weight_decay": 0.1}, {"optimizer": "rmsprop"}, {"optimizer": "rmsprop-published"}):
        config = dataclasses.replace(CONFIG, **options, adam_epsilon=0.25, learning_rate=0.125)
        group = build_optimizer(layer, config).param_groups[0]
        assert (group["eps"], group["lr"]) == (0.25, 0.125)


def test_a_step_has_the_learning_rate_that_it_is_given():
    slow, fast = learner(optimizer="rmsprop"), learner(optimizer="rmsprop")
    start = flat(slow.online)
    slow.step(batch(), 1e-4)
    fast.step(batch(), 3e-4)
    torch.testing.assert_close(flat(fast.online) - start, 3 * (flat(slow.online) - start), rtol=1e-2, atol=1e-6)
