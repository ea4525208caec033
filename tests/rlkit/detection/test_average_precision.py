import math

import numpy as np
import pytest

from rlkit.detection.average_precision import AveragePrecision
from rlkit.detection.objects import Objects
from rlkit.perception.detections import Detections


def truth(*rows):
    """Objects of (x1, y1, x2, y2, kind, ignored)."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    distances = np.full(len(table), 20, np.float32)
    return Objects(table[:, :4], table[:, 4].astype(np.int64), table[:, 5] > 0, distances)


def found(*rows):
    """Found objects of (x1, y1, x2, y2, kind, score)."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4].astype(np.int64), table[:, 5], np.full(len(table), 21, np.float32))


def measure(*pictures, min_height=0.0):
    precision = AveragePrecision(("car", "cone"), min_height)
    for true, one in pictures:
        precision.add(true, one)
    return precision.result()


CAR, CONE = (0, 0, 20, 10, 0, 0), (30, 0, 34, 6, 1, 0)


def test_all_found_exactly_is_one():
    result = measure((truth(CAR, CONE), found((*CAR[:5], 0.9), (*CONE[:5], 0.8))))
    assert (result.ap, result.ap50, result.ap75, result.small) == pytest.approx((1, 1, 1, 1))
    assert math.isnan(result.large)
    assert result.by_kind == pytest.approx({"car": 1, "cone": 1})
    assert result.objects == 2
    assert result.distance_error == pytest.approx(0.05)


def test_nothing_found_is_zero_and_nothing_to_find_is_unknown():
    assert measure((truth(CAR), found())).ap == 0
    assert math.isnan(measure((truth(), found((*CAR[:5], 0.9)))).ap)


def test_the_figure_counts_thresholds_of_the_overlap():
    # The found box has an IoU of 0.6 with the true one: found at 0.50, 0.55 and 0.60 of ten thresholds.
    result = measure((truth((0, 0, 10, 10, 0, 0)), found((0, 0, 10, 6, 0, 0.9))))
    assert (result.ap50, result.ap75) == pytest.approx((1, 0))
    assert result.ap == pytest.approx(0.3, abs=1e-6)


def test_a_more_certain_ghost_halves_the_precision_and_one_in_an_ignored_box_does_not():
    ghost = (50, 50, 60, 60, 0, 0.95)
    assert measure((truth(CAR), found((*CAR[:5], 0.9), ghost))).ap50 == pytest.approx(0.5, abs=1e-6)
    for kind in (0, -1):  # of the kind, and of none
        assert measure((truth(CAR, (40, 40, 70, 70, kind, 1)), found((*CAR[:5], 0.9), ghost))).ap50 == pytest.approx(1)


def test_objects_below_the_height_are_neither_missed_nor_ghosts():
    low = (30, 0, 36, 6, 0, 0)
    pictures = [(truth(CAR, low), found((*CAR[:5], 0.9), (60, 0, 66, 6, 0, 0.95)))]
    assert measure(*pictures).ap50 < 0.5
    result = measure(*pictures, min_height=8)
    assert result.ap50 == pytest.approx(1)
    assert result.objects == 1


def test_kinds_are_told_apart():
    result = measure((truth(CAR, CONE), found((*CAR[:4], 1, 0.9), (*CONE[:4], 1, 0.8))))
    assert result.ap50_by_kind == {"car": 0, "cone": pytest.approx(0.5, abs=1e-6)}
