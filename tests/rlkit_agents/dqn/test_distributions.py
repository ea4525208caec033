"""Kinds of distribution as the agent meets them: networks are tables that are written down."""

import dataclasses

import pytest
import torch
from rlkit_agents.dqn.batch import TensorBatch
from rlkit_agents.dqn.config import DQNConfig
from rlkit_agents.dqn.distributions import build_distribution
from rlkit_agents.dqn.losses import quantile_huber_loss

KINDS = ("none", "categorical", "quantile", "implicit")
CONFIG = DQNConfig(
    double=False, num_atoms=3, value_min=-1, value_max=1, num_quantiles=2, num_target_quantiles=4,
    num_eval_quantiles=8, loss="squared",
)  # fmt: skip


def table(values):
    """A network that looks an observation, the number of a state, up in a table (S, A, K)."""
    return lambda observations, fractions=None: torch.tensor(values)[observations["state"].long().squeeze(1)]


def batch(discount=0.5, reward=0.5):
    return TensorBatch(
        observations={"state": torch.tensor([[0.0]])},
        actions=torch.tensor([1]),
        returns=torch.tensor([reward]),
        discounts=torch.tensor([discount]),
        next_observations={"state": torch.tensor([[1.0]])},
        weights=torch.ones(1),
    )


def kind(name, **options):
    config = dataclasses.replace(CONFIG, distribution=name, **options)
    return build_distribution(config, torch.Generator().manual_seed(0))


def test_the_target_network_values_its_own_best_action_and_double_lets_the_online_one_choose():
    online, target = table([[[1.0], [2.0]], [[5.0], [3.0]]]), table([[[0.0], [0.0]], [[10.0], [20.0]]])
    single = kind("none").sample_losses(online, target, batch())
    double = kind("none", double=True).sample_losses(online, target, batch())
    assert single.losses.item() == (0.5 + 0.5 * 20 - 2) ** 2
    assert double.losses.item() == (0.5 + 0.5 * 10 - 2) ** 2
    assert double.priorities.item() == 3.5
    assert double.mean_q.item() == 2


def test_quantiles_of_the_action_with_the_best_mean_are_the_targets():
    online = table([[[9.0, 9.0], [1.0, 2.0]], [[0.0, 0.0], [0.0, 0.0]]])
    target = table([[[0.0, 0.0], [0.0, 0.0]], [[4.0, 0.0], [3.0, 2.0]]])
    outcome = kind("quantile").sample_losses(online, target, batch())
    by_hand = quantile_huber_loss(
        torch.tensor([[1.0, 2.0]]), torch.tensor([0.25, 0.75]), torch.tensor([[0.5 + 1.5, 0.5 + 1.0]]), 1.0
    )
    torch.testing.assert_close(outcome.losses, by_hand)
    assert outcome.priorities.item() == pytest.approx(abs(1.75 - 1.5))


def test_double_chooses_the_distribution_that_is_projected():
    low, middle, high = [9.0, -9.0, -9.0], [-9.0, 9.0, -9.0], [-9.0, -9.0, 9.0]
    online, target = table([[middle, middle], [high, low]]), table([[low, low], [low, high]])
    kinds = kind("categorical"), kind("categorical", double=True)
    single, double = (each.sample_losses(online, target, batch(discount=1.0, reward=0.0)) for each in kinds)
    assert single.losses.item() == pytest.approx(18, abs=1e-3)  # the target holds +1 sure, the online network 0
    assert double.losses.item() == pytest.approx(18, abs=1e-3)
    ends = [each.sample_losses(table([[high, high], [high, low]]), target, batch(1.0, 0.0)).losses for each in kinds]
    assert [round(loss.item(), 3) for loss in ends] == [0, 18]


def identity_quantiles(observations, fractions=None):
    """Two actions whose returns are spread evenly from 0 to 1 and from 1 to 3: the quantile function is known."""
    return torch.stack([fractions, 1 + 2 * fractions], dim=1)


def test_implicit_quantiles_are_asked_at_even_fractions_for_means_and_at_chance_for_learning():
    implicit = kind("implicit")
    seen = {"state": torch.zeros(5, 1)}
    torch.testing.assert_close(implicit.expected(identity_quantiles, seen), torch.tensor([[0.5, 2.0]]).expand(5, 2))
    samples, means = implicit.returns(identity_quantiles, seen)
    assert samples.shape == (5, 2, 4)
    assert len(samples[:, 0].unique()) == 20
    torch.testing.assert_close(means, torch.tensor([[0.5, 2.0]]).expand(5, 2))


def test_fractions_have_their_own_reproducible_chance():
    once, again = (kind("implicit").sample_losses(identity_quantiles, identity_quantiles, batch()) for _ in range(2))
    assert torch.equal(once.losses, again.losses)


@pytest.mark.parametrize("name", KINDS)
def test_expected_and_inspected_values_agree(name):
    each = kind(name)
    network = identity_quantiles if name == "implicit" else table([[[0.1, 0.7, 0.3][: each.outputs]] * 2] * 2)
    thoughts = each.inspect(network, batch().observations)
    torch.testing.assert_close(thoughts["q"], each.expected(network, batch().observations))
    assert thoughts["q"].shape == (1, 2)
    if name in ("quantile", "implicit"):
        torch.testing.assert_close(thoughts["quantiles"].mean(dim=2), thoughts["q"])
    if name == "categorical":
        torch.testing.assert_close(thoughts["probabilities"].sum(dim=2), torch.ones(1, 2))
        assert thoughts["support"].tolist() == [-1, 0, 1]


@pytest.mark.parametrize("name", ["none", "quantile", "implicit"])
def test_munchausen_pays_less_for_what_the_policy_was_unsure_of(name):
    """Both states value both actions alike: the bonus is α τ ln ½, the entropy at the state reached τ ln 2."""
    flat = table([[[0.0, 0.0][: kind(name).outputs]] * 2] * 2)
    if name == "implicit":
        flat = lambda observations, fractions=None: torch.zeros(1, 2, fractions.shape[1])  # noqa: E731
    outcome = kind(name, munchausen=True, munchausen_temperature=0.5).sample_losses(flat, flat, batch())
    expected = 0.5 - 0.9 * 0.5 * 0.6931472 + 0.5 * 0.5 * 0.6931472
    assert outcome.priorities.item() == pytest.approx(expected, abs=1e-6)
