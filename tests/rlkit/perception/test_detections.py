import math

import numpy as np
import pytest
import torch

from rlkit.perception.detections import Detections, find_objects, split
from rlkit.perception.networks.decoding import DetectorOutput, cell_boxes, decode

SIZE = (24, 32)


def output(places, kinds=2, cells=(6, 8)):
    """A detector's output with a box of 8×12 pixels, 20 m away, in each of (picture, kind, row, column, logit)."""
    count = 1 + max(place[0] for place in places)
    centres = torch.full((count, kinds, *cells), -20.0)
    boxes = torch.zeros(count, 4, *cells)
    for picture, kind, row, column, logit in places:
        centres[picture, kind, row, column] = logit
        boxes[picture, :, row, column] = torch.tensor([0.25, -0.25, math.log(2.0), math.log(3.0)])
    return DetectorOutput(centres, boxes, torch.full((count, *cells), math.log(20.0)), None)


def test_a_cell_box_is_its_centre_and_size_in_cells():
    boxes = torch.zeros(1, 4, 6, 8, dtype=torch.float64)
    boxes[0, :, 2, 3] = torch.tensor([0.25, -0.25, math.log(2.0), math.log(3.0)])
    found = cell_boxes(boxes)[0, :, 2, 3]
    # The cell's middle is (14, 10) in pixels, the box's (15, 9).
    assert found.tolist() == pytest.approx([15 - 4, 9 - 6, 15 + 4, 9 + 6], abs=1e-6)


def test_objects_are_decoded_by_picture_kind_and_score():
    found = split(decode(output([(0, 1, 2, 3, 0.0), (0, 0, 4, 6, 2.0), (1, 0, 1, 1, 1.0)]), SIZE), 0.1)
    assert [len(one) for one in found] == [2, 1]
    first = found[0]
    assert first.labels.tolist() == [0, 1]
    assert first.scores == pytest.approx([1 / (1 + math.exp(-2)), 0.5], abs=1e-6)
    assert first.boxes[1] == pytest.approx([11, 3, 19, 15], abs=1e-5)
    assert first.distances == pytest.approx([20, 20], abs=1e-4)
    assert (first.boxes.dtype, first.labels.dtype) == (np.float32, np.int64)


def test_of_neighbouring_cells_only_the_best_is_an_object_and_kinds_do_not_suppress_each_other():
    found = split(
        decode(output([(0, 0, 2, 3, 2.0), (0, 0, 2, 4, 1.0), (0, 0, 2, 6, 1.0), (0, 1, 2, 4, 1.0)]), SIZE), 0.1
    )
    assert found[0].labels.tolist() == [0, 0, 1]


def test_boxes_are_clipped_to_the_picture_and_those_without_area_left_out():
    made = output([(0, 0, 0, 0, 2.0), (0, 0, 5, 7, 2.0)])
    made.boxes[0, :2, 5, 7] = 4.0  # outside of the picture
    (found,) = split(decode(made, SIZE), 0.1)
    assert found.boxes.tolist() == [pytest.approx([0, 0, 7, 7])]


def test_a_threshold_and_a_model_without_distances():
    (found,) = split(decode(output([(0, 0, 0, 0, 2.0), (0, 0, 3, 3, -2.0)]), SIZE, most=5), 0.0, has_distances=False)
    assert len(found) == 5
    assert np.isnan(found.distances).all()
    assert len(found.above(0.5)) == 1


def test_detections_follow_a_picture_that_is_resized():
    found = Detections(np.array([[1, 2, 3, 4]], np.float32), np.zeros(1, np.int64), *2 * [np.ones(1, np.float32)])
    assert found.resized((10, 20), (30, 40)).boxes.tolist() == [[2, 6, 6, 12]]


@pytest.mark.parametrize(("threshold", "most"), [(0.0, 5), (0.3, 100), (0.9, 100), (1.0, 100)])
def test_the_kernel_finds_what_the_operators_find(threshold, most):
    generator = torch.Generator().manual_seed(0)
    made = DetectorOutput(
        torch.randn(3, 2, 6, 8, generator=generator),
        torch.randn(3, 4, 6, 8, generator=generator),
        torch.randn(3, 6, 8, generator=generator),
        None,
    )
    for one, other in zip(
        find_objects(made, SIZE, threshold, most), split(decode(made, SIZE, most), threshold), strict=True
    ):
        assert one.boxes == pytest.approx(other.boxes, abs=1e-4)
        assert one.labels.tolist() == other.labels.tolist()
        assert one.scores == pytest.approx(other.scores, abs=1e-6)
        assert one.distances == pytest.approx(other.distances, rel=1e-5)
        assert [part.dtype for part in (one.boxes, one.labels, one.scores, one.distances)] == [
            np.float32, np.int64, np.float32, np.float32
        ]  # fmt: skip
