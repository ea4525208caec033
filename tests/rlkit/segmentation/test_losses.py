"""The losses against sums that were worked out pixel by pixel."""

import math

import numpy as np
import pytest
import torch

from rlkit.segmentation.datasets.base import LabelledImages
from rlkit.segmentation.hyperparameters import Hyperparameters
from rlkit.segmentation.losses import class_weights, cross_entropy, dice, median_frequency_weights
from rlkit.spaces import IGNORED


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
def test_a_batch_without_labels_has_no_gradient(weights):
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    loss = cross_entropy(logits, torch.full((1, 2, 2), IGNORED), weights)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_label_smoothing_penalises_certain_predictions():
    logits, labels = torch.tensor([100.0, 0.0]).view(1, 2, 1, 1), torch.zeros(1, 1, 1, dtype=torch.long)
    assert cross_entropy(logits, labels).item() == pytest.approx(0, abs=1e-6)
    assert cross_entropy(logits, labels, smoothing=0.1).item() == pytest.approx(0.05 * 100, rel=1e-4)


def test_dice_is_0_for_the_truth_and_near_1_for_its_complement():
    labels = torch.tensor([[[0, 1], [1, IGNORED]]]).repeat(1, 50, 50)
    truth = torch.nn.functional.one_hot(labels.where(labels != IGNORED, 0), 2).permute(0, 3, 1, 2) * 40.0 - 20.0
    assert dice(truth, labels).item() == pytest.approx(0, abs=1e-3)
    assert dice(-truth, labels).item() == pytest.approx(1, abs=1e-3)


def test_dice_excludes_absent_classes():
    labels = torch.zeros(1, 8, 8, dtype=torch.long)
    certain = torch.zeros(1, 3, 8, 8)
    certain[:, 0] = 30
    assert dice(certain, labels).item() == pytest.approx(0, abs=1e-6)
    half = torch.zeros(1, 2, 8, 8)  # p = 1/2 everywhere: overlap 2·32 + 1 of 32 + 64 + 1
    assert dice(half, labels).item() == pytest.approx(1 - (2 * 32 + 1) / (32 + 64 + 1), rel=1e-5)
    assert math.isfinite(dice(half, torch.full((1, 8, 8), IGNORED)).item())


def test_class_weights_none_means_equal_weights(source):
    assert class_weights(Hyperparameters(), source, 0) is None
    assert source.drawn == 0


@pytest.mark.parametrize("pictures", [None, 10])
def test_median_frequency_weights_are_the_same_whenever_asked(pictures, make_source):
    recipe = Hyperparameters(class_weights="median-frequency", batch_size=4)
    source = make_source(pictures)
    weights = class_weights(recipe, source, 3)
    assert weights.shape == (2,)
    assert np.array_equal(weights, class_weights(recipe, make_source(pictures), 3))
    if pictures:
        assert source.drawn == 3


def test_root_weights_are_the_square_roots_of_those_by_median_frequency(make_source):
    plain, root = (
        class_weights(Hyperparameters(class_weights=name, batch_size=4), make_source(10), 3)
        for name in ("median-frequency", "root-median-frequency")
    )
    assert np.allclose(root, np.sqrt(plain))


def batch(*labels):
    stacked = np.array(labels, dtype=np.uint8)
    names = ("",) * len(stacked)
    return LabelledImages(np.zeros((*stacked.shape, 3), np.uint8), stacked, names, names)


def test_weights_are_those_of_a_case_worked_out_by_hand():
    # Class 0: 6 of the 8 known pixels of both pictures. Class 1: 1 of 4 (first only). Class 2: 1 of 4 (second only).
    pictures = batch([[0, 0], [0, 1]], [[0, 0], [0, 2]])
    # Frequencies 3/4, 1/4, 1/4, whose median is 1/4.
    assert median_frequency_weights([pictures], 3) == pytest.approx([1 / 3, 1.0, 1.0])


def test_a_class_in_few_images_but_large_there_has_no_larger_weight():
    pictures = batch(*([[[0, 0], [0, 1]]] * 9), [[2, 2], [2, 1]])
    weights = median_frequency_weights([pictures], 3)
    assert weights[2] == pytest.approx(weights[0])  # three quarters of the pictures that hold it, as class 0


def test_ignored_pixels_do_not_change_class_weights():
    pictures = batch([[0, 0], [1, 255]])
    assert median_frequency_weights([pictures], 2) == pytest.approx([0.75, 1.5])  # frequencies 2/3 and 1/3


def test_an_absent_class_has_weight_0():
    assert median_frequency_weights([batch([[0, 1]])], 3)[2] == 0.0
    assert median_frequency_weights([], 3).tolist() == [0.0, 0.0, 0.0]


def test_batches_add_up_to_the_whole():
    rng = np.random.default_rng(0)
    labels = [rng.integers(4, size=(5, 7)) for _ in range(6)]
    one = median_frequency_weights([batch(*labels)], 4)
    assert median_frequency_weights([batch(*labels[:2]), batch(*labels[2:])], 4) == pytest.approx(one)


def test_the_weights_of_camvid_equal_those_of_the_segnet_tutorial(camvid):
    from rlkit.segmentation.datasets import open_dataset

    source = open_dataset(camvid, size=(90, 120), held_out=0.0)
    weights = median_frequency_weights(source.measured("train"), 11)
    published = [0.2595, 0.1826, 4.5640, 0.1417, 0.9051, 0.3826, 9.6446, 1.8418, 0.6823, 6.2478, 7.3614]
    # Theirs count otherwise (the car's weight, for one); the order of magnitude and of the classes is the same.
    assert np.corrcoef(np.log(weights), np.log(published))[0, 1] > 0.9
