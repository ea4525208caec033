"""Losses against loops over the papers' equations, and against another library."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rlkit_agents.dqn.losses import (
    cross_entropy,
    kl_divergence,
    midpoints,
    project,
    quantile_huber_loss,
    value_loss,
)

B, K, J = 7, 5, 4


@pytest.fixture(params=range(3))
def draw(request):
    generator = torch.Generator().manual_seed(request.param)
    return lambda *shape: 2 * torch.randn(shape, generator=generator)


def close(ours, reference):
    torch.testing.assert_close(ours, torch.tensor(reference, dtype=torch.float32), rtol=1e-5, atol=1e-5)


def softmax(values):
    highest = max(values)
    powers = [math.exp(value - highest) for value in values]
    return [power / sum(powers) for power in powers]


# ---------------------------------------------------------------------------------------------------- expected returns


def test_huber_loss_is_linear_where_the_squared_one_explodes():
    q, targets = torch.tensor([2.0, 2.0]), torch.tensor([5.5, 2.5])
    assert value_loss(q, targets, "squared").tolist() == [3.5**2, 0.25]
    assert value_loss(q, targets, "huber").tolist() == [3.0, 0.125]


# ----------------------------------------------------------------------------------------------------------- quantiles


def quantile_reference(z, fractions, targets, kappa):
    """Dabney et al. 2018a, equations 9 and 10, term by term."""
    losses = []
    for b in range(len(z)):
        total = 0.0
        for i in range(z.shape[1]):
            for j in range(targets.shape[1]):
                u = float(targets[b, j] - z[b, i])
                huber = u * u / 2 if abs(u) <= kappa else kappa * (abs(u) - kappa / 2)
                size = huber / kappa if kappa > 0 else abs(u)
                total += abs(float(fractions[b, i]) - (u < 0)) * size / targets.shape[1]
        losses.append(total)
    return losses


@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.0])
def test_quantile_loss_is_the_papers(draw, kappa):
    z, fractions, targets = draw(B, K), draw(B, K).sigmoid(), draw(B, J)
    close(quantile_huber_loss(z, fractions, targets, kappa), quantile_reference(z, fractions, targets, kappa))


def test_quantile_loss_equals_that_of_sb3_contrib(draw):
    peer = pytest.importorskip("sb3_contrib.common.utils", reason="sb3-contrib comes with the bench extra")
    z, targets = draw(B, K), draw(B, J)
    ours = quantile_huber_loss(z, midpoints(K), targets, kappa=1.0).mean()
    theirs = peer.quantile_huber_loss(z, targets, sum_over_quantiles=True)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_quantile_regression_converges_to_the_quantiles_of_its_targets():
    returns = torch.arange(1.0, 101.0).unsqueeze(0)
    z = torch.zeros(1, 4, requires_grad=True)
    optimizer = torch.optim.Adam([z], 1.0)
    for _ in range(1_500):
        optimizer.zero_grad()
        quantile_huber_loss(z, midpoints(4), returns, kappa=0.0).sum().backward()
        optimizer.step()
        optimizer.param_groups[0]["lr"] *= 0.997
    np.testing.assert_allclose(z.detach()[0], [12.5, 37.5, 62.5, 87.5], atol=1)


# --------------------------------------------------------------------------------------------------------- categorical

SUPPORT = torch.linspace(-2, 2, 5)


def project_reference(atoms, probabilities, low, high, count):
    """Bellemare et al. 2017, algorithm 1, term by term."""
    step = (high - low) / (count - 1)
    out = [0.0] * count
    for atom, probability in zip(atoms, probabilities, strict=True):
        place = (min(max(atom, low), high) - low) / step
        below, above = math.floor(place), math.ceil(place)
        if below == above:
            out[below] += probability
        else:
            out[below] += probability * (above - place)
            out[above] += probability * (place - below)
    return out


@pytest.mark.parametrize(
    ("atom", "expected"),
    [
        (1.0, [0, 0, 0, 1, 0]),
        (0.25, [0, 0, 0.75, 0.25, 0]),
        (-1.5, [0.5, 0.5, 0, 0, 0]),
        (17.0, [0, 0, 0, 0, 1]),
        (-17.0, [1, 0, 0, 0, 0]),
    ],
)
def test_the_probability_of_an_atom_is_split_between_its_neighbours(atom, expected):
    projected = project(torch.full((1, 5), atom), torch.full((1, 5), 0.2), SUPPORT)
    close(projected[0], expected)


@given(
    atoms=hnp.arrays(np.float32, (2, 5), elements=st.floats(-8, 8, width=32)),
    weights=hnp.arrays(np.float32, (2, 5), elements=st.floats(0.125, 1, width=32)),
)
def test_projection_preserves_total_probability_and_the_mean_of_clipped_atoms(atoms, weights):
    probabilities = torch.from_numpy(weights / weights.sum(axis=1, keepdims=True))
    projected = project(torch.from_numpy(atoms), probabilities, SUPPORT)
    assert (projected >= 0).all()
    torch.testing.assert_close(projected.sum(dim=1), torch.ones(2))
    inside = torch.from_numpy(atoms).clamp(-2, 2)
    torch.testing.assert_close(projected @ SUPPORT, (inside * probabilities).sum(dim=1), rtol=1e-4, atol=1e-4)


def test_projection_is_algorithm_1(draw):
    atoms, probabilities = draw(B, 5), draw(B, 5).softmax(dim=1)
    reference = [project_reference(atoms[b].tolist(), probabilities[b].tolist(), -2, 2, 5) for b in range(B)]
    close(project(atoms, probabilities, SUPPORT), reference)


def test_cross_entropy_is_the_papers(draw):
    logits, targets = draw(B, 5), draw(B, 5).softmax(dim=1)
    reference = [
        -sum(float(m) * math.log(p) for m, p in zip(targets[b], softmax(logits[b].tolist()), strict=True))
        for b in range(B)
    ]
    close(cross_entropy(logits, targets), reference)


def test_divergence_is_zero_where_the_prediction_is_right(draw):
    logits = draw(B, 5)
    right = torch.softmax(logits, dim=1)
    close(kl_divergence(cross_entropy(logits, right), right), [0.0] * B)
    wrong = right.roll(1, dims=0)
    reference = [sum(float(m * (m / p).log()) for m, p in zip(wrong[b], right[b], strict=True)) for b in range(B)]
    close(kl_divergence(cross_entropy(logits, wrong), wrong), reference)
