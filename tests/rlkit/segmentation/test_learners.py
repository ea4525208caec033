"""Two learners with half of a batch each take the steps of one learner with the whole batch."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from torch import nn

from rlkit.nn.distributed import ALONE, LearnerGroup
from rlkit.segmentation.hyperparameters import Hyperparameters
from rlkit.segmentation.learner import SegmentationLearner, seeded
from rlkit.segmentation.loader import TrainingPictures
from rlkit.spaces import IGNORED

SETTINGS = {
    "plain": {},
    "weighted, with dice": {"dice": 0.5, "label_smoothing": 0.1},
}


class Tiny(nn.Sequential):
    """Two classes of each pixel, with batch norm."""

    def __init__(self, seed):
        with seeded(seed):
            super().__init__(
                nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
                nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 2, 1),
            )  # fmt: skip


@pytest.mark.parametrize("kind", SETTINGS)
def test_gradients_losses_and_statistics_equal_those_of_one_learner(kind, together, source):
    """Labels are missing, and classes are rare, in one half only."""
    pictures = [source.batch(4, np.random.default_rng(number)) for number in range(2)]
    batches = [(one.images, one.labels.copy()) for one in pictures]
    for _, labels in batches:
        labels[:2, :5] = IGNORED
        labels[0] = 0
    settings = Hyperparameters(batch_size=4, max_grad_norm=1.0, optimizer="sgd", precision="float32")
    settings = dataclasses.replace(settings, **SETTINGS[kind])
    weights = None if kind == "plain" else np.array([0.5, 2.0], dtype=np.float32)

    def learn(group):
        network = Tiny(3 + group.rank)  # all begin with the weights of the first
        learner = SegmentationLearner(network, settings, 10, class_weights=weights, group=group)
        rows = slice(group.rank * 4 // group.count, (group.rank + 1) * 4 // group.count)
        found = []
        for step, (images, labels) in enumerate(batches):
            loss = learner.update(images[rows], labels[rows], step)
            gradients = [parameter.grad.clone() for parameter in learner.network.parameters()]
            found.append((loss, gradients, {name: value.clone() for name, value in learner.weights().items()}))
        return found, learner.averaged([]).state_dict()

    expected = learn(ALONE)
    halves = together(2, learn)
    for found in halves:
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    assert all(torch.equal(tensor, halves[1][1][name]) for name, tensor in halves[0][1].items())


@pytest.mark.parametrize("pictures", [None, 10])
def test_learners_divide_each_batch(pictures, make_source):
    def taken(group):
        loader = TrainingPictures(make_source(pictures), lambda batch, _: batch, 4, 7, statistics=6, group=group)
        return [batch.images for batch in itertools.islice(loader.batches(), 5)], loader

    whole, _ = taken(ALONE)
    (first, loader), (second, other) = (taken(LearnerGroup(rank, 2)) for rank in range(2))
    for number, batch in enumerate(whole):
        parts = np.concatenate([first[number], second[number]])
        assert parts.shape == batch.shape
        assert len({picture.tobytes() for picture in parts}) == len({picture.tobytes() for picture in batch})
        assert pictures is None or np.array_equal(parts, batch)
    assert sum(map(len, loader.statistics)) == 6
    assert loader.ready
    assert other.ready
    assert other.statistics == []
