import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlkit.segmentation.metrics import Calibration


def spread(confidence, winner, classes=2):
    """(1, C, 1, N) probabilities whose largest ones are given."""
    confidence = np.asarray(confidence, np.float32)
    likely = np.repeat((1 - confidence)[None] / (classes - 1), classes, axis=0)
    likely[winner, np.arange(len(confidence))] = confidence
    return likely[None, :, None].astype(np.float32)


def filled(labels, probabilities):
    calibration = Calibration()
    calibration.add(np.asarray(labels, np.uint8)[None, None], probabilities)
    return calibration


def test_calibrated_probabilities_have_error_0():
    labels = [0] * 8 + [1] * 2
    assert filled(labels, spread([0.8] * 10, [0] * 10)).expected_error == pytest.approx(0.0, abs=1e-6)


def test_certain_predictions_with_accuracy_one_half_have_error_one_half():
    calibration = filled([0, 1] * 5, spread([1.0] * 10, [0] * 10))
    assert calibration.expected_error == pytest.approx(0.5)
    assert calibration.brier_score == pytest.approx(1.0)  # half the pixels cost 2


def test_errors_of_bins_are_weighted_by_their_pixels():
    labels = [0] * 6 + [1, 1]
    confidence = [0.9] * 6 + [0.6] * 2
    # 0.9 and all right, 0.6 and all wrong
    expected = (6 * 0.1 + 2 * 0.6) / 8
    assert filled(labels, spread(confidence, [0] * 8)).expected_error == pytest.approx(expected, abs=1e-6)


@given(st.integers(0, 10_000))
def test_figures_agree_with_plain_loops(seed):
    rng = np.random.default_rng(seed)
    raw = rng.random((2, 4, 3, 5)).astype(np.float32)
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    labels = rng.choice(np.array([0, 1, 2, 3, 255], np.uint8), size=(2, 3, 5))
    calibration = Calibration()
    calibration.add(labels, probabilities)
    bins, squares, known = {}, 0.0, 0
    for n, i, j in np.argwhere(labels != 255):
        p, truth = probabilities[n, :, i, j].astype(float), labels[n, i, j]
        known += 1
        squares += ((p - np.eye(4)[truth]) ** 2).sum()
        bins.setdefault(math.ceil(p.max() * 15), []).append((p.max(), p.argmax() == truth))
    gaps = [abs(np.mean([r for _, r in b]) - np.mean([c for c, _ in b])) * len(b) for b in bins.values()]
    if known:
        assert calibration.expected_error == pytest.approx(sum(gaps) / known, abs=1e-6)
        assert calibration.brier_score == pytest.approx(squares / known, abs=1e-5)
        assert calibration.pixels == known


def test_nothing_measured_is_not_a_number():
    assert math.isnan(filled([255], spread([0.7], [0])).expected_error)
    assert math.isnan(Calibration().brier_score)
