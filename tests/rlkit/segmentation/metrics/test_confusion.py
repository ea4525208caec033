import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlkit.segmentation.metrics import Confusion
from rlkit.spaces import IGNORED


def filled(labels, found, classes=3):
    confusion = Confusion(classes)
    confusion.add(np.asarray(labels, np.uint8), np.asarray(found, np.uint8))
    return confusion


def test_figures_are_those_of_a_case_worked_out_by_hand():
    confusion = filled([[0, 0, 1, 1], [2, 2, 2, IGNORED]], [[0, 1, 1, 1], [2, 2, 0, 0]])
    assert confusion.counts.tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 2]]
    assert confusion.iou == pytest.approx([1 / 3, 2 / 3, 2 / 3])
    assert confusion.mean_iou == pytest.approx(5 / 9)
    assert confusion.class_accuracy == pytest.approx([1 / 2, 1.0, 2 / 3])
    assert confusion.mean_accuracy == pytest.approx(13 / 18)
    assert confusion.global_accuracy == pytest.approx(5 / 7)
    assert confusion.pixels == 7


@given(st.integers(2, 6), st.integers(0, 10_000))
def test_figures_agree_with_sets_of_pixels(classes, seed):
    rng = np.random.default_rng(seed)
    labels = rng.choice([*range(classes), IGNORED], size=60)
    found = rng.integers(classes, size=60)
    confusion = filled(labels, found, classes)
    for number in range(classes):
        true = {k for k in range(60) if labels[k] == number}
        drawn = {k for k in range(60) if found[k] == number and labels[k] != IGNORED}
        expected = len(true & drawn) / len(true | drawn) if true | drawn else math.nan
        assert confusion.iou[number] == pytest.approx(expected, nan_ok=True)
    mask = rng.random(classes) < 0.5
    known = labels != IGNORED
    road, seen = mask[np.where(known, labels, 0)] & known, mask[found] & known
    union = (road | seen).sum()
    assert confusion.drivable_iou(mask) == pytest.approx(
        (road & seen).sum() / union if union else math.nan, nan_ok=True
    )


def test_absent_classes_are_excluded_from_the_mean():
    confusion = filled([0, 0, 1], [0, 0, 1])
    assert math.isnan(confusion.iou[2])
    assert confusion.mean_iou == confusion.mean_accuracy == 1.0


def test_confusions_among_drivable_classes_do_not_lower_the_drivable_iou():
    confusion = filled([1, 1, 2, 0], [2, 1, 1, 0])
    mask = np.array([False, True, True])
    assert confusion.drivable_iou(mask) == 1.0
    assert confusion.two_class_mean_iou(mask) == 1.0
    assert confusion.mean_iou < 1.0


def test_the_two_class_mean_is_that_of_drivable_and_background():
    confusion = filled([0, 0, 0, 1], [0, 0, 1, 1], classes=2)
    mask = np.array([False, True])
    assert confusion.drivable_iou(mask) == pytest.approx(1 / 2)
    assert confusion.two_class_mean_iou(mask) == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_metrics_are_of_all_pixels_rather_than_means_over_images():
    one, other = filled([0, 0, 0, 0], [0, 0, 0, 0]), filled([0, 1], [1, 1])
    both = one + other
    assert both.iou[0] == pytest.approx(4 / 5)
    assert both.iou[0] != pytest.approx((one.iou[0] + other.iou[0]) / 2)


def test_nothing_measured_is_not_a_number():
    confusion = Confusion(2)
    assert math.isnan(confusion.mean_iou)
    assert math.isnan(confusion.global_accuracy)


def test_shapes_that_differ_and_numbers_that_are_no_class_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        filled([0, 1], [0])
    with pytest.raises(ValueError, match="class 3 is out of range"):
        filled([0, 3], [0, 0])
    with pytest.raises(ValueError, match="class 7 is out of range"):
        filled([0, 1], [0, 7])
