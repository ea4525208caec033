import math

import pytest
import torch

from rlkit.detection.losses import box_loss, centre_loss, distance_loss, generalised_iou
from rlkit.detection.targets import Targets
from rlkit.perception.networks.decoding import DetectorOutput


def test_the_focal_loss_of_each_kind_of_cell():
    # A centre, a cell beside it, one far away, and one that does not count; probabilities of 0.25.
    logits = torch.full((1, 1, 1, 4), math.log(0.25 / 0.75), dtype=torch.float64)
    centres = torch.tensor([1.0, 0.5, 0.0, 0.0], dtype=torch.float64).view(1, 1, 1, 4)
    valid = torch.tensor([True, True, True, False]).view(1, 1, 1, 4)
    hit = -(0.75**2) * math.log(0.25)
    far = -(0.25**2) * math.log(0.75)
    assert float(centre_loss(logits, centres, valid)) == pytest.approx(hit + (0.5**4 + 1) * far, abs=1e-6)


def test_the_focal_loss_is_divided_by_the_number_of_objects_or_one():
    logits, valid = torch.zeros(1, 2, 2, 2), torch.ones(1, 1, 2, 2, dtype=torch.bool)
    none = torch.zeros(1, 2, 2, 2)
    two = none.clone()
    two[0, 0, 0, 0] = two[0, 1, 1, 1] = 1
    cell = 0.25 * math.log(2)
    assert float(centre_loss(logits, none, valid)) == pytest.approx(8 * cell, abs=1e-6)
    assert float(centre_loss(logits, two, valid)) == pytest.approx(4 * cell, abs=1e-6)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 0, 2, 2), (0, 0, 2, 2), 1.0),
        ((0, 0, 2, 2), (1, 0, 3, 2), 2 / 6),
        ((0, 0, 2, 2), (1, 1, 3, 3), 1 / 7 - 2 / 9),
        ((0, 0, 1, 1), (3, 0, 4, 1), -0.5),
    ],
)
def test_generalised_iou(one, other, expected):
    boxes = [torch.tensor(box, dtype=torch.float64) for box in (one, other)]
    assert float(generalised_iou(*boxes)) == pytest.approx(expected, abs=1e-6)
    assert float(generalised_iou(*boxes[::-1])) == pytest.approx(expected, abs=1e-6)


def test_box_and_distance_are_weighted_means_over_cells_with_an_object():
    boxes = torch.zeros(1, 4, 1, 3, dtype=torch.float64)  # cells of 4 pixels, which are their own boxes
    wanted = torch.tensor([[0, 0, 4, 4], [6, 0, 10, 4], [0, 0, 1, 1]], dtype=torch.float64).T.view(1, 4, 1, 3)
    weights = torch.tensor([1.0, 0.5, 0.0], dtype=torch.float64).view(1, 1, 3)
    distances = torch.tensor([2.0, 3.0, 9.0], dtype=torch.float64).view(1, 1, 3)
    unused = torch.zeros(1, 1, 1, 3)
    output = DetectorOutput(unused, boxes, torch.full((1, 1, 3), 2.5, dtype=torch.float64), None)
    targets = Targets(unused, unused, wanted, weights, distances, weights)
    overlap = 8 / 24  # of the second, shifted by half of its width; the hull is the union
    assert float(box_loss(output, targets)) == pytest.approx(0.5 * (1 - overlap) / 1.5, abs=1e-6)
    assert float(distance_loss(output, targets)) == pytest.approx(0.5, abs=1e-6)
    nothing = targets._replace(weights=weights * 0, distance_weights=weights * 0)
    assert float(box_loss(output, nothing)) == float(distance_loss(output, nothing)) == 0
