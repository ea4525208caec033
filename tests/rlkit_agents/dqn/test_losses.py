"""Every loss against plain loops over the papers' equations, by hand, and against another library's."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rlkit_agents.dqn.losses import (
    bootstrap,
    categorical_loss,
    categorical_targets,
    chosen,
    divergence,
    midpoints,
    munchausen_bonus,
    project,
    quantile_huber_loss,
    soft_bootstrap,
    value_loss,
)

B, A, K, J = 7, 3, 5, 4


@pytest.fixture(params=range(3))
def draw(request):
    generator = torch.Generator().manual_seed(request.param)
    return lambda *shape: 2 * torch.randn(shape, generator=generator)


def actions(draw):
    return (draw(B).abs() * 10).long() % A


def close(ours, reference):
    torch.testing.assert_close(ours, torch.tensor(reference, dtype=torch.float32), rtol=1e-5, atol=1e-5)


def softmax(values):
    highest = max(values)
    powers = [math.exp(value - highest) for value in values]
    return [power / sum(powers) for power in powers]


# ---------------------------------------------------------------------------------------------------- expected returns


def test_chosen_picks_each_samples_own_action(draw):
    a, q, z = actions(draw), draw(B, A), draw(B, A, K)
    assert torch.equal(chosen(q, a), torch.stack([q[b, a[b]] for b in range(B)]))
    assert torch.equal(chosen(z, a), torch.stack([z[b, a[b]] for b in range(B)]))


def test_double_targets_value_by_one_network_what_the_other_chose(draw):
    r, d, z, selector = draw(B), draw(B).abs(), draw(B, A, K), draw(B, A)
    reference = [
        [float(r[b] + d[b] * z[b, max(range(A), key=lambda a: float(selector[b, a])), k]) for k in range(K)]
        for b in range(B)
    ]
    close(bootstrap(r, d, z, selector), reference)


def test_nothing_is_expected_after_a_true_end(draw):
    r = draw(B)
    assert torch.equal(bootstrap(r, torch.zeros(B), draw(B, A, 1), draw(B, A)).squeeze(1), r)


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


def test_quantile_regression_finds_the_quantiles_of_what_it_sees():
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
def test_an_atom_is_shared_between_its_neighbours(atom, expected):
    projected = project(torch.full((1, 5), atom), torch.full((1, 5), 0.2), SUPPORT)
    close(projected[0], expected)


@given(
    atoms=hnp.arrays(np.float32, (2, 5), elements=st.floats(-8, 8, width=32)),
    weights=hnp.arrays(np.float32, (2, 5), elements=st.floats(0.125, 1, width=32)),
)
def test_projection_keeps_all_probability_and_the_mean_of_what_lies_inside(atoms, weights):
    probabilities = torch.from_numpy(weights / weights.sum(axis=1, keepdims=True))
    projected = project(torch.from_numpy(atoms), probabilities, SUPPORT)
    assert (projected >= 0).all()
    torch.testing.assert_close(projected.sum(dim=1), torch.ones(2))
    inside = torch.from_numpy(atoms).clamp(-2, 2)
    torch.testing.assert_close(projected @ SUPPORT, (inside * probabilities).sum(dim=1), rtol=1e-4, atol=1e-4)


def test_categorical_targets_and_loss_are_algorithm_1(draw):
    r, d, logits_t, selector = draw(B), draw(B).abs(), draw(B, A, 5), draw(B, A)
    targets = categorical_targets(r, d, logits_t, selector, SUPPORT)
    reference = []
    for b in range(B):
        best = max(range(A), key=lambda a: float(selector[b, a]))
        atoms = [float(r[b] + d[b] * value) for value in SUPPORT]
        reference.append(project_reference(atoms, softmax(logits_t[b, best].tolist()), -2, 2, 5))
    close(targets, reference)

    logits, a = draw(B, A, 5), actions(draw)
    losses = []
    for b in range(B):
        predicted = softmax(logits[b, a[b]].tolist())
        losses.append(-sum(m * math.log(p) for m, p in zip(reference[b], predicted, strict=True)))
    close(categorical_loss(logits, a, targets), losses)


def test_divergence_is_zero_where_the_prediction_is_right(draw):
    logits = draw(B, 1, 5)
    right = torch.softmax(logits.squeeze(1), dim=1)
    losses = categorical_loss(logits, torch.zeros(B, dtype=torch.int64), right)
    close(divergence(losses, right), [0.0] * B)
    wrong = right.roll(1, dims=0)
    reference = [sum(float(m * (m / p).log()) for m, p in zip(wrong[b], right[b], strict=True)) for b in range(B)]
    close(divergence(categorical_loss(logits, torch.zeros(B, dtype=torch.int64), wrong), wrong), reference)


# ---------------------------------------------------------------------------------------------------------- munchausen

ALPHA, TAU, CLIP = 0.9, 0.3, -1.0


def test_munchausen_targets_are_the_papers_equation_1(draw):
    """r + α [τ ln π(a|s)] + γ Σ π(a'|s') (q(s', a') - τ ln π(a'|s')), for each quantile of q."""
    r, d, q_tm1, z_t, a = draw(B), draw(B).abs(), draw(B, A), draw(B, A, K), actions(draw)
    q_t = z_t.mean(dim=2)
    bonus = munchausen_bonus(q_tm1, a, ALPHA, TAU, CLIP)
    targets = soft_bootstrap(r + bonus, d, z_t, q_t, TAU)
    reference = torch.zeros(B, K)
    for b in range(B):
        here, there = (softmax([value / TAU for value in q[b].tolist()]) for q in (q_tm1, q_t))
        reward = float(r[b]) + ALPHA * min(max(TAU * math.log(here[a[b]]), CLIP), 0)
        for k in range(K):
            value = sum(there[x] * (float(z_t[b, x, k]) - TAU * math.log(there[x])) for x in range(A))
            reference[b, k] = reward + float(d[b]) * value
    close(targets, reference.tolist())


def test_a_cold_policy_is_a_greedy_one(draw):
    r, d, z_t = draw(B), draw(B).abs(), draw(B, A, 1)
    cold = soft_bootstrap(r, d, z_t, z_t.squeeze(2), temperature=1e-3)
    torch.testing.assert_close(cold, bootstrap(r, d, z_t, z_t.squeeze(2)), rtol=1e-2, atol=5e-3)


def test_bonus_never_leaves_its_bounds(draw):
    for scale, q in itertools.product((0.5, 1.0), (draw(B, A) * 100, torch.zeros(B, A))):
        bonus = munchausen_bonus(q, actions(draw), scale, 0.03, -1.0)
        assert (bonus <= 0).all()
        assert (bonus >= -scale).all()
