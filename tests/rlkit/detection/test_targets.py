import math

import numpy as np
import pytest
import torch

from rlkit.detection.objects import Objects
from rlkit.detection.targets import make_targets, padded

CELLS = (6, 8)


def objects(*rows):
    """Objects of (x1, y1, x2, y2, label, ignored, distance)."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 7)
    return Objects(
        table[:, :4].astype(np.float32), table[:, 4].astype(np.int64), table[:, 5] > 0, table[:, 6].astype(np.float32)
    )


def targets(*pictures):
    return make_targets(padded([objects(*rows) for rows in pictures]), 2, CELLS)


def test_a_centre_is_one_in_its_cell_and_a_gaussian_around_it():
    # 16 pixels wide and 8 high are 4 and 2 cells; the centre (16, 12) is in cell (3, 4).
    made = targets([(8, 8, 24, 16, 1, 0, 30)])
    across, down = (0.54 * 4 + 1) / 6, (0.54 * 2 + 1) / 6
    centres = made.centres[0, 1]
    assert centres[3, 4] == 1
    assert float(centres[3, 5]) == pytest.approx(math.exp(-0.5 / across**2), abs=1e-6)
    assert float(centres[4, 4]) == pytest.approx(math.exp(-0.5 / down**2), abs=1e-6)
    assert float(centres[4, 3]) == pytest.approx(math.exp(-0.5 / across**2 - 0.5 / down**2), abs=1e-6)
    assert not made.centres[0, 0].any()
    assert made.valid.all()


def test_cells_near_the_centre_regress_the_box_and_the_distance():
    made = targets([(8, 8, 24, 16, 1, 0, 30)])
    assert made.boxes[0, :, 3, 4].tolist() == [8, 8, 24, 16]
    assert float(made.log_distances[0, 3, 4]) == pytest.approx(math.log(30), abs=1e-6)
    assert (made.weights > 0).sum() == 3  # the centre, and its neighbours on the longer axis
    assert torch.equal(made.weights, made.distance_weights)


def test_an_unknown_distance_is_not_learned():
    made = targets([(8, 8, 24, 16, 1, 0, math.nan)])
    assert made.weights[0, 3, 4] == 1
    assert not made.distance_weights.any()
    assert made.log_distances.isfinite().all()


def test_of_two_objects_with_one_centre_the_smaller_is_regressed_and_both_are_centres():
    large, small = (0, 0, 32, 24, 0, 0, 5), (12, 8, 20, 16, 1, 0, 50)
    for rows in ([large, small], [small, large]):
        made = targets(rows)
        assert made.boxes[0, :, 3, 4].tolist() == [12, 8, 20, 16]
        assert made.centres[0, :, 3, 4].tolist() == [1, 1]


def test_two_objects_of_a_kind_keep_the_higher_value_where_they_meet():
    one, other = (4, 8, 12, 16, 0, 0, 1), (12, 8, 20, 16, 0, 0, 1)
    both = targets([one, other]).centres
    alone = torch.stack([targets([rows]).centres for rows in (one, other)])
    assert torch.equal(both, alone.max(0).values)


def test_cells_in_an_ignored_box_do_not_count_except_the_centre_of_another_object():
    made = targets([(8, 8, 24, 16, 0, 1, 1), (14, 10, 18, 14, 1, 0, 1)])
    valid = made.valid[0, 0]
    assert valid[3, 4]
    expected = torch.ones(CELLS, dtype=torch.bool)
    expected[2:4, 2:6] = False
    expected[3, 4] = True
    assert torch.equal(valid, expected)
    assert not made.centres[0, 0].any()


def test_pictures_with_other_numbers_of_objects_are_padded():
    made = targets([], [(8, 8, 24, 16, 1, 0, 30), (0, 0, 4, 4, 0, 0, 1)])
    assert not made.centres[0].any()
    assert not made.weights[0].any()
    assert (made.centres[1] == 1).sum() == 2
    assert not targets([]).centres.any()


def test_a_box_that_is_smaller_than_a_cell_and_one_at_the_edge_have_centres():
    made = targets([(29, 21, 31, 22, 0, 0, 1), (31.5, 0, 32, 24, 1, 0, 1)])
    assert made.centres[0, 0, 5, 7] == made.centres[0, 1, 3, 7] == 1
