import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import binary_erosion, distance_transform_edt

from rlkit.segmentation.metrics import BoundaryF1
from rlkit.segmentation.metrics.boundary import boundary_f1, boundary_of, within
from rlkit.spaces import IGNORED


@given(st.integers(0, 10_000), st.floats(0.0, 9.0))
def test_within_equals_scipys_distance_transform(seed, reach):
    points = np.random.default_rng(seed).random((17, 23)) < 0.03
    expected = distance_transform_edt(~points) <= reach if points.any() else np.zeros_like(points)
    assert (within(points, reach) == expected).all()


@given(st.integers(0, 10_000))
def test_boundary_is_the_difference_from_the_erosion_except_at_the_edge(seed):
    region = np.random.default_rng(seed).random((9, 11)) < 0.7
    expected = region & ~binary_erosion(region, border_value=1)
    assert (boundary_of(region, np.zeros_like(region)) == expected).all()


@given(st.integers(0, 10_000), st.floats(0.5, 4.0))
def test_the_score_agrees_with_distances_between_all_pairs_of_pixels(seed, reach):
    rng = np.random.default_rng(seed)
    truth, found = rng.random((2, 8, 9)) < 0.6
    none = np.zeros_like(truth)
    real, drawn = (np.argwhere(boundary_of(region, none)) for region in (truth, found))
    distances = np.linalg.norm(real[:, None] - drawn[None], axis=-1)
    if len(real) and len(drawn):
        recall, precision = (distances.min(1) <= reach).mean(), (distances.min(0) <= reach).mean()
        expected = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    else:
        expected = math.nan if not len(real) and not len(drawn) else 0.0
    assert boundary_f1(truth, found, none, reach) == pytest.approx(expected, nan_ok=True)


def square(offset=0, size=60):
    labels = np.zeros((1, size, size), np.uint8)
    labels[:, 20 + offset : 40 + offset, 20:40] = 1
    return labels


def test_boundary_f1_is_1_for_the_true_boundary_and_less_beyond_the_tolerance():
    scores = []
    for offset in (0, 1, 6):  # the tolerance is 1 % of a diagonal of 85 pixels
        metric = BoundaryF1(2, tolerance=0.012)
        metric.add(square(), square(offset))
        scores.append(metric.mean)
    assert scores[0] == scores[1] == 1.0
    assert scores[2] < 0.7


def test_a_class_that_is_never_predicted_scores_0():
    metric = BoundaryF1(2)
    metric.add(square(), np.zeros_like(square()))
    assert metric.by_class.tolist() == [0.0, 0.0]


def test_a_class_counts_only_in_pictures_that_hold_it():
    metric = BoundaryF1(3)
    metric.add(np.concatenate([square(), np.zeros_like(square())]), np.concatenate([square(), np.zeros_like(square())]))
    assert metric.by_class[1] == 1.0
    assert math.isnan(metric.by_class[2])
    assert metric.mean == 1.0  # the second picture has no boundary


def test_an_edge_to_what_is_ignored_is_no_boundary():
    labels = square()
    labels[labels == 0] = IGNORED
    metric = BoundaryF1(2)
    metric.add(labels, np.zeros_like(labels))
    assert math.isnan(metric.mean) or metric.mean == 0.0
    assert not boundary_of(labels[0] == 1, labels[0] == IGNORED).any()
