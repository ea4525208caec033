import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlkit.segmentation.metrics import ErrorDetection
from rlkit.segmentation.metrics.error_detection import near_border


def filled(labels, found, uncertainty):
    detection = ErrorDetection()
    detection.add(np.asarray(labels, np.uint8), np.asarray(found, np.uint8), np.asarray(uncertainty, np.float32))
    return detection


@given(st.integers(0, 10_000))
def test_auroc_is_the_fraction_of_pairs_with_the_wrong_pixel_more_uncertain(seed):
    rng = np.random.default_rng(seed)
    labels = np.zeros((1, 5, 8), np.uint8)
    found = (rng.random((1, 5, 8)) < 0.3).astype(np.uint8)
    uncertainty = rng.integers(0, 9, size=(1, 5, 8)) / 8.0
    wrong, right = uncertainty[found == 1], uncertainty[found == 0]
    pairs = [1.0 if w > r else 0.5 if w == r else 0.0 for w in wrong for r in right]
    expected = np.mean(pairs) if pairs else math.nan
    assert filled(labels, found, uncertainty).auroc == pytest.approx(expected, nan_ok=True)


def test_auroc_is_1_for_uncertain_errors_and_0_for_certain_errors():
    labels, found = np.zeros((1, 1, 4)), [[[1, 1, 0, 0]]]
    assert filled(labels, found, [[[0.9, 0.8, 0.1, 0.2]]]).auroc == 1.0
    assert filled(labels, found, [[[0.1, 0.2, 0.9, 0.8]]]).auroc == 0.0


def test_errors_near_borders_are_counted_separately():
    labels = np.zeros((1, 40, 40), np.uint8)
    labels[:, :, 20:] = 1
    found = labels.copy()
    found[:, :, 20] = 0  # wrong at the border, and sure of it
    found[:, 5, 2] = 1  # wrong far away, and unsure
    uncertainty = np.full((1, 40, 40), 0.5, np.float32)
    uncertainty[:, :, 20] = 0.0
    uncertainty[:, 5, 2] = 1.0
    detection = filled(labels, found, uncertainty)
    assert detection.auroc_inside == 1.0
    assert detection.auroc < 0.2
    assert detection.border_share == pytest.approx(40 / 41)


def test_ignored_pixels_are_not_counted():
    detection = filled([[[0, 0, 255]]], [[[1, 0, 1]]], [[[0.9, 0.1, 0.0]]])
    assert detection.auroc == 1.0


def test_auroc_is_nan_without_errors():
    assert math.isnan(filled([[[0, 0]]], [[[0, 0]]], [[[0.1, 0.2]]]).auroc)


def test_near_border_is_within_the_distance_and_edges_to_ignored_pixels_are_no_border():
    labels = np.zeros((9, 30), np.uint8)
    labels[:, 15:] = 2
    near = near_border(labels, 3)
    assert near[4].nonzero()[0].tolist() == list(range(11, 18))
    labels[labels == 2] = 255
    assert not near_border(labels).any()
