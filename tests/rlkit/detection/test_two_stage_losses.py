import numpy as np
import pytest
import torch

from rlkit.detection.objects import Objects
from rlkit.detection.targets import padded
from rlkit.detection.two_stage_losses import hard_mean, two_stage_loss
from rlkit.perception.networks import build_detector

SIZE = (48, 64)


def objects(*rows):
    """Objects of (x1, y1, x2, y2, label, ignored, distance)."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 7)
    return Objects(
        table[:, :4].astype(np.float32), table[:, 4].astype(np.int64), table[:, 5] > 0, table[:, 6].astype(np.float32)
    )


def test_the_hardest_negatives_are_averaged_with_the_positives(monkeypatch):
    monkeypatch.setattr("rlkit.detection.two_stage_losses.LEAST_NEGATIVES", 1)
    losses = torch.tensor([[9.0, 1.0, 2.0, 3.0, 4.0, 50.0]])
    positive = torch.tensor([[True, False, False, False, False, False]])
    negative = torch.tensor([[False, True, True, True, True, False]])
    assert float(hard_mean(losses, positive, negative)) == pytest.approx((9 + 2 + 3 + 4) / 4, abs=1e-6)
    assert float(hard_mean(losses, positive & False, negative)) == 4
    assert float(hard_mean(losses, positive & False, negative & False)) == 0


@pytest.fixture(scope="module")
def computed():
    network = build_detector("faster-rcnn-compact", 2, 0, torch.Generator().manual_seed(0))
    return network, network(torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(1)))


def losses(computed, *rows):
    return [loss.item() for loss in two_stage_loss(*computed, padded([objects(*rows)]), SIZE)]


def test_objects_are_learned_by_both_stages(computed):
    scores, boxes, distances = losses(computed, (8, 8, 24, 24, 1, 0, 30))
    assert min(scores, boxes, distances) > 0
    assert losses(computed, (8, 8, 24, 24, 1, 0, np.nan))[2] == 0
    network, output = computed
    network.zero_grad()
    sum(two_stage_loss(network, output, padded([objects((8, 8, 24, 24, 1, 0, 30))]), SIZE)).backward(retain_graph=True)
    for layer in (network.proposal_output, network.region_output, network.hidden, network.lateral[0]):
        assert layer.weight.grad.abs().sum() > 0


def test_without_objects_and_with_ignored_ones_only_the_background_is_learned(computed):
    for rows in ([], [(-99, -99, 199, 199, 0, 1, 1)]):
        scores, boxes, distances = losses(computed, *rows)
        assert (boxes, distances) == (0, 0)
        assert (scores > 0) == (not rows)
