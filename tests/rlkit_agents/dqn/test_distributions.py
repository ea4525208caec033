"""Bellman targets and losses of every kind of distribution; networks are tables of numbers."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from rlkit_agents.dqn.config import DQNConfig
from rlkit_agents.dqn.distributions import DISTRIBUTIONS
from rlkit_agents.dqn.learner import bellman_target
from rlkit_agents.dqn.losses import quantile_huber_loss

from rlkit.replay import Batch

CONFIG = DQNConfig(
    double=False, num_atoms=3, value_min=-1, value_max=1, num_quantiles=2, num_target_quantiles=4,
    num_eval_quantiles=8, loss="squared",
)  # fmt: skip


def table(values):
    """A network that looks up the state number of an observation in a table (S, A, K)."""
    return lambda observations, fractions=None: torch.as_tensor(values)[observations["state"].long().squeeze(1)]


def batch(discount=0.5, reward=0.5):
    """One transition from state 0 by action 1 to state 1."""
    return Batch(
        observations={"state": torch.tensor([[0.0]])},
        actions=torch.tensor([1]),
        returns=torch.tensor([reward]),
        discounts=torch.tensor([discount]),
        next_observations={"state": torch.tensor([[1.0]])},
        rows=np.arange(1),
        weights=torch.ones(1),
    )


def kind(name, **options):
    config = dataclasses.replace(CONFIG, distribution=name, **options)
    return DISTRIBUTIONS[name](config, torch.Generator().manual_seed(0))


def sample_losses(distribution, online, target, batch):
    targets = bellman_target(distribution, online, target, batch, distribution.config)
    return distribution.losses(online, batch.observations, batch.actions, targets)


# ------------------------------------------------------------------------------------------------------ Bellman target

B, A, K = 7, 3, 2


@pytest.fixture(params=range(3))
def random_batch(request):
    """B transitions between states 0 ... B-1 and B ... 2B-1, and the tables (2B, A, K) of two networks."""
    generator = torch.Generator().manual_seed(request.param)
    states = torch.arange(2.0 * B).unsqueeze(1)
    transitions = Batch(
        observations={"state": states[:B]},
        actions=torch.randint(A, (B,), generator=generator),
        returns=torch.randn(B, generator=generator),
        discounts=torch.rand(B, generator=generator) * (torch.arange(B) > 0),  # the first one terminates
        next_observations={"state": states[B:]},
        rows=np.arange(B),
        weights=torch.ones(B),
    )
    online, target = (2 * torch.randn(2 * B, A, K, generator=generator) for _ in range(2))
    return transitions, online, target


@pytest.mark.parametrize("double", [False, True])
def test_the_target_network_evaluates_the_action_that_it_or_with_double_the_online_network_selects(
    random_batch, double
):
    transitions, online, target = random_batch
    quantile = kind("quantile", double=double)
    targets = bellman_target(quantile, table(online), table(target), transitions, quantile.config)
    selector = (online if double else target).mean(dim=2)
    for b in range(B):
        best = max(range(A), key=lambda a, b=b: float(selector[B + b, a]))
        for k in range(K):
            expected = float(transitions.returns[b] + transitions.discounts[b] * target[B + b, best, k])
            assert targets[b, k].item() == pytest.approx(expected, abs=1e-5)


def softmax(values):
    powers = [math.exp(value - max(values)) for value in values]
    return [power / sum(powers) for power in powers]


def test_the_munchausen_target_is_the_papers_equation_1(random_batch):
    """r + α [τ ln π(a|s)] + γ Σ π(a'|s') (q(s', a') - τ ln π(a'|s')), for each quantile of q."""
    transitions, online, target = random_batch
    alpha, tau, clip = 0.9, 0.3, -1.0
    quantile = kind("quantile", munchausen=True, munchausen_temperature=tau, munchausen_clip=clip)
    targets = bellman_target(quantile, table(online), table(target), transitions, quantile.config)
    for b in range(B):
        here, there = (softmax([float(q) / tau for q in target[state].mean(dim=1)]) for state in (b, B + b))
        bonus = min(max(tau * math.log(here[transitions.actions[b]]), clip), 0)
        for k in range(K):
            value = sum(there[a] * (float(target[B + b, a, k]) - tau * math.log(there[a])) for a in range(A))
            expected = float(transitions.returns[b]) + alpha * bonus + float(transitions.discounts[b]) * value
            assert targets[b, k].item() == pytest.approx(expected, abs=1e-4)


def test_a_cold_munchausen_policy_is_greedy(random_batch):
    transitions, online, target = random_batch
    greedy, cold = kind("quantile"), kind("quantile", munchausen=True, munchausen_scale=0, munchausen_temperature=1e-3)
    targets = [bellman_target(each, table(online), table(target), transitions, each.config) for each in (greedy, cold)]
    torch.testing.assert_close(*targets, rtol=1e-2, atol=5e-3)


# -------------------------------------------------------------------------------------------------------------- losses


def test_scalar_losses_are_squared_td_errors():
    online, target = table([[[1.0], [2.0]], [[5.0], [3.0]]]), table([[[0.0], [0.0]], [[10.0], [20.0]]])
    single = sample_losses(kind("none"), online, target, batch())
    double = sample_losses(kind("none", double=True), online, target, batch())
    assert single.losses.item() == (0.5 + 0.5 * 20 - 2) ** 2
    assert double.losses.item() == (0.5 + 0.5 * 10 - 2) ** 2
    assert double.priorities.item() == 3.5
    assert double.mean_q.item() == 2


def test_quantiles_of_the_action_with_the_best_mean_are_the_targets():
    online = table([[[9.0, 9.0], [1.0, 2.0]], [[0.0, 0.0], [0.0, 0.0]]])
    target = table([[[0.0, 0.0], [0.0, 0.0]], [[4.0, 0.0], [3.0, 2.0]]])
    outcome = sample_losses(kind("quantile"), online, target, batch())
    by_hand = quantile_huber_loss(
        torch.tensor([[1.0, 2.0]]), torch.tensor([0.25, 0.75]), torch.tensor([[0.5 + 1.5, 0.5 + 1.0]]), 1.0
    )
    torch.testing.assert_close(outcome.losses, by_hand)
    assert outcome.priorities.item() == pytest.approx(abs(1.75 - 1.5))


def test_double_chooses_the_distribution_that_is_projected():
    low, middle, high = [9.0, -9.0, -9.0], [-9.0, 9.0, -9.0], [-9.0, -9.0, 9.0]
    online, target = table([[middle, middle], [high, low]]), table([[low, low], [low, high]])
    kinds = kind("categorical"), kind("categorical", double=True)
    single, double = (sample_losses(each, online, target, batch(discount=1.0, reward=0.0)) for each in kinds)
    assert single.losses.item() == pytest.approx(18, abs=1e-3)  # the target is +1 with certainty, the prediction 0
    assert double.losses.item() == pytest.approx(18, abs=1e-3)
    ends = [sample_losses(each, table([[high, high], [high, low]]), target, batch(1.0, 0.0)).losses for each in kinds]
    assert [round(loss.item(), 3) for loss in ends] == [0, 18]


def identity_quantiles(observations, fractions=None):
    """Two actions whose returns are uniform in [0, 1] and [1, 3]: the quantile function is known."""
    return torch.stack([fractions, 1 + 2 * fractions], dim=1)


def test_implicit_means_are_over_fixed_fractions_and_targets_at_random_ones():
    implicit = kind("implicit")
    seen = {"state": torch.zeros(5, 1)}
    torch.testing.assert_close(implicit.expected(identity_quantiles, seen), torch.tensor([[0.5, 2.0]]).expand(5, 2))
    samples, means = implicit.evaluate_target(identity_quantiles, seen)
    assert samples.shape == (5, 2, 4)
    assert len(samples[:, 0].unique()) == 20
    torch.testing.assert_close(means, torch.tensor([[0.5, 2.0]]).expand(5, 2))


def test_random_fractions_depend_on_the_generator_only():
    once, again = (sample_losses(kind("implicit"), identity_quantiles, identity_quantiles, batch()) for _ in range(2))
    assert torch.equal(once.losses, again.losses)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_expected_and_inspected_values_agree(name):
    each = kind(name)
    network = identity_quantiles if name == "implicit" else table([[[0.1, 0.7, 0.3][: each.outputs]] * 2] * 2)
    estimates = each.inspect(network, batch().observations)
    torch.testing.assert_close(estimates["q"], each.expected(network, batch().observations))
    assert estimates["q"].shape == (1, 2)
    if name in ("quantile", "implicit"):
        torch.testing.assert_close(estimates["quantiles"].mean(dim=2), estimates["q"])
    if name == "categorical":
        torch.testing.assert_close(estimates["probabilities"].sum(dim=2), torch.ones(1, 2))
        assert estimates["support"].tolist() == [-1, 0, 1]


@pytest.mark.parametrize("name", ["none", "quantile", "implicit"])
def test_the_munchausen_bonus_is_the_log_probability_of_a_uniform_policy(name):
    """Both actions have equal values in both states: the bonus is α τ ln ½, the entropy of the next policy τ ln 2."""
    flat = table([[[0.0, 0.0][: kind(name).outputs]] * 2] * 2)
    if name == "implicit":
        flat = lambda observations, fractions=None: torch.zeros(1, 2, fractions.shape[1])  # noqa: E731
    outcome = sample_losses(kind(name, munchausen=True, munchausen_temperature=0.5), flat, flat, batch())
    expected = 0.5 - 0.9 * 0.5 * 0.6931472 + 0.5 * 0.5 * 0.6931472
    assert outcome.priorities.item() == pytest.approx(expected, abs=1e-6)


def test_priorities_of_categorical_are_divergences_and_not_cross_entropies(random_batch):
    """Hessel et al. 2018: the Kullback-Leibler divergence of the projected target from the prediction."""
    transitions, _, _ = random_batch
    categorical = kind("categorical")
    generator = torch.Generator().manual_seed(3)
    online, target = (torch.randn(2 * B, A, 3, generator=generator) for _ in range(2))
    targets = bellman_target(categorical, table(online), table(target), transitions, categorical.config)
    outcome = categorical.losses(table(online), transitions.observations, transitions.actions, targets)
    for b in range(B):
        predicted = softmax(online[b, transitions.actions[b]].tolist())
        wanted = targets[b].tolist()
        divergence = sum(m * math.log(m / p) for m, p in zip(wanted, predicted, strict=True) if m > 0)
        assert outcome.priorities[b].item() == pytest.approx(divergence, abs=1e-5)
        entropy = -sum(m * math.log(m) for m in wanted if m > 0)
        assert outcome.losses[b].item() == pytest.approx(divergence + entropy, abs=1e-5)


@pytest.mark.parametrize("name", ["quantile", "implicit"])
@pytest.mark.parametrize("kappa", [0.0, 0.3, 3.0])
def test_kappa_of_the_configuration_is_that_of_the_loss(name, kappa):
    each = kind(name, huber_kappa=kappa)
    fractions = []

    def network(observations, at=None):
        fractions[:] = [torch.tensor([0.25, 0.75]) if at is None else at]
        z = fractions[0].expand(1, -1)
        return torch.stack([z, 2 * z], dim=1)

    targets = torch.tensor([[5.0, 1.0, -0.5]])
    found = each.losses(network, {"state": torch.zeros(1, 1)}, torch.tensor([1]), targets).losses
    expected = quantile_huber_loss(2 * fractions[0].expand(1, -1), fractions[0], targets, kappa)
    torch.testing.assert_close(found, expected)
    others = [
        quantile_huber_loss(2 * fractions[0].expand(1, -1), fractions[0], targets, k)
        for k in (0.0, 0.3, 1.0, 3.0)
        if k != kappa
    ]
    assert all(not torch.allclose(found, other) for other in others)


@pytest.mark.parametrize("policy", ["target", "online"])
def test_the_log_policy_is_of_the_network_that_is_asked_for(random_batch, policy):
    """Clark et al. 2024 add the online network's log-probability, Vieillard et al. 2020 the target network's."""
    transitions, online, target = random_batch
    settings = {"munchausen": True, "munchausen_temperature": 0.3, "munchausen_clip": -5.0}
    none, some = (kind("quantile", **settings, munchausen_scale=a, munchausen_policy=policy) for a in (0.0, 0.9))
    found = [bellman_target(each, table(online), table(target), transitions, each.config) for each in (none, some)]
    for b in range(B):
        chooser = (online if policy == "online" else target)[b].mean(dim=1)
        probability = softmax([float(q) / 0.3 for q in chooser])[transitions.actions[b]]
        bonus = 0.9 * max(0.3 * math.log(probability), -5.0)
        assert (found[1] - found[0])[b].tolist() == pytest.approx([bonus] * K, abs=1e-4)


@pytest.mark.parametrize("name", ["quantile", "implicit"])
def test_priorities_may_be_the_errors_of_all_pairs_of_quantiles(name):
    """Clark et al. 2024: absolute errors summed over the predicted quantiles, averaged over the targets."""
    each = kind(name, per_error="quantiles")
    predicted = []

    def network(observations, at=None):
        z = torch.tensor([[1.0, 4.0]]) if at is None else 5 * at
        predicted[:] = z[0].tolist()
        return torch.stack([0 * z, z], dim=1)

    targets = torch.tensor([[5.0, 1.0, -0.5]])
    found = each.losses(network, {"state": torch.zeros(1, 1)}, torch.tensor([1]), targets)
    expected = sum(abs(t - z) for t in targets[0].tolist() for z in predicted) / 3
    assert found.priorities.tolist() == pytest.approx([expected])
    assert not found.priorities.requires_grad
