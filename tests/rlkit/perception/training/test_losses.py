"""The losses against sums that were worked out pixel by pixel."""

import math

import numpy as np
import pytest
import torch

from rlkit.classes import IGNORED
from rlkit.perception.training.losses import cross_entropy, dice


def worked_out(logits, labels, weights):
    """Cross-entropy as its formula says it, one pixel after the other."""
    total = weight = 0.0
    for n, i, j in np.ndindex(*labels.shape):
        truth = int(labels[n, i, j])
        if truth != IGNORED:
            scores = logits[n, :, i, j].double()
            total += float(weights[truth] * (torch.logsumexp(scores, 0) - scores[truth]))
            weight += float(weights[truth])
    return total / weight


@pytest.mark.parametrize("weights", [None, [0.5, 2.0, 1.0]])
def test_cross_entropy_is_the_weighted_mean_over_the_pixels_that_are_known(weights):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, 5, generator=generator)
    labels = torch.randint(0, 3, (2, 4, 5), generator=generator)
    labels[0, :2] = IGNORED
    weights = None if weights is None else torch.tensor(weights)
    expected = worked_out(logits, labels, torch.ones(3) if weights is None else weights)
    assert cross_entropy(logits, labels, weights).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("weights", [None, torch.ones(3)])
def test_a_batch_of_which_nothing_is_known_teaches_nothing(weights):
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    loss = cross_entropy(logits, torch.full((1, 2, 2), IGNORED), weights)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_smoothing_keeps_a_certain_answer_from_being_perfect():
    logits, labels = torch.tensor([100.0, 0.0]).view(1, 2, 1, 1), torch.zeros(1, 1, 1, dtype=torch.long)
    assert cross_entropy(logits, labels).item() == pytest.approx(0, abs=1e-6)
    assert cross_entropy(logits, labels, smoothing=0.1).item() == pytest.approx(0.05 * 100, rel=1e-4)


def test_dice_is_0_for_the_truth_and_near_1_for_its_contrary():
    labels = torch.tensor([[[0, 1], [1, IGNORED]]]).repeat(1, 50, 50)
    truth = torch.nn.functional.one_hot(labels.where(labels != IGNORED, 0), 2).permute(0, 3, 1, 2) * 40.0 - 20.0
    assert dice(truth, labels).item() == pytest.approx(0, abs=1e-3)
    assert dice(-truth, labels).item() == pytest.approx(1, abs=1e-3)


def test_dice_leaves_out_classes_that_are_not_there():
    labels = torch.zeros(1, 8, 8, dtype=torch.long)
    certain = torch.zeros(1, 3, 8, 8)
    certain[:, 0] = 30
    assert dice(certain, labels).item() == pytest.approx(0, abs=1e-6)
    half = torch.zeros(1, 2, 8, 8)  # p = 1/2 everywhere: overlap 2·32 + 1 of 32 + 64 + 1
    assert dice(half, labels).item() == pytest.approx(1 - (2 * 32 + 1) / (32 + 64 + 1), rel=1e-5)
    assert math.isfinite(dice(half, torch.full((1, 8, 8), IGNORED)).item())
