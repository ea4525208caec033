import math

import pytest
import torch

from rlkit.perception.networks import build_detector
from rlkit.perception.networks.faster_rcnn import (
    PROPOSALS,
    RATIOS,
    SIDES,
    anchors,
    box_iou,
    moved,
    roi_align,
    suppressed,
)


def boxes(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def test_anchors_lie_around_the_middles_of_their_cells():
    made = anchors((2, 3), torch.device("cpu")).view(2, 3, len(SIDES), len(RATIOS), 4)
    assert made[1, 2, 1, 1].tolist() == [10 - 8, 6 - 8, 10 + 8, 6 + 8]
    wide = made[0, 0, 0, 2]
    assert float((wide[2] - wide[0]) / (wide[3] - wide[1])) == pytest.approx(2, abs=1e-6)
    assert float((wide[2:] - wide[:2]).prod()) == pytest.approx(64, abs=1e-4)


def test_a_moved_box_is_shifted_by_its_sides_and_scaled_about_its_centre():
    found = moved(boxes((10, 20, 20, 40)), boxes((0.5, -0.1, math.log(2), math.log(0.5))))
    assert found[0].tolist() == pytest.approx([20 - 10, 28 - 5, 20 + 10, 28 + 5], abs=1e-6)


def test_overlaps_of_all_pairs():
    found = box_iou(boxes((0, 0, 2, 2), (5, 5, 6, 6)), boxes((1, 0, 3, 2), (0, 0, 2, 2), (0, 0, 0, 0)))
    assert found[0].tolist() == pytest.approx([1 / 3, 1, 0], abs=1e-6)
    assert found[1].tolist() == [0, 0, 0]


def test_a_box_that_was_dropped_drops_no_other():
    # Each overlaps the next by 0.6 of the union and the one after by 0.33.
    row = boxes((0, 0, 8, 1), (2, 0, 10, 1), (4, 0, 12, 1), (0, 0, 8, 1))
    assert suppressed(torch.stack([row, row.flip(0)]), 0.5).tolist() == [
        [True, False, True, False],
        [True, True, False, False],
    ]


def test_cut_features_of_a_ramp_are_its_values_at_the_middles_of_the_bins():
    # A feature that is its own position in pixels: bilinear sampling of it is exact.
    x = (4 * (torch.arange(10, dtype=torch.float64) + 0.5)).expand(8, 10)
    y = (4 * (torch.arange(8, dtype=torch.float64) + 0.5))[:, None].expand(8, 10)
    found = roi_align(torch.stack([x, y])[None], boxes((6, 5, 22, 21), (3.5, 9, 7.5, 17))[None])
    assert found.shape == (1, 2, 2, 4, 4)
    assert found[0, 0, 0, 0].tolist() == pytest.approx([8, 12, 16, 20], abs=1e-6)
    assert found[0, 0, 1, :, 0].tolist() == pytest.approx([7, 11, 15, 19], abs=1e-6)
    assert found[0, 1, 0, 2].tolist() == pytest.approx([4, 5, 6, 7], abs=1e-6)
    assert found[0, 1, 1, :, 3].tolist() == pytest.approx([10, 12, 14, 16], abs=1e-6)


def test_it_finds_objects_of_a_batch_and_has_less_than_half_a_million_parameters():
    network = build_detector("faster-rcnn-compact", 2, 9, torch.Generator().manual_seed(0)).eval()
    assert sum(parameter.numel() for parameter in network.parameters()) == 472_013
    with torch.inference_mode():
        output = network(torch.rand(2, 3, 50, 70))
        proposals = network.propose(output, (50, 70))
        found = network.candidates(output, (50, 70), 10)
    assert proposals.shape == (2, PROPOSALS, 4)
    assert float(proposals[..., 2].max()) <= 70
    assert [tuple(part.shape) for part in found] == [(2, 10, 4), (2, 10), (2, 10), (2, 10)]
    assert (found.scores.diff(dim=1) <= 0).all()
    assert output.classes.shape == (2, 9, 50, 70)
