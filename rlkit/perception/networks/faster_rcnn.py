"""A small two-stage detector in the manner of Faster R-CNN (Ren et al. 2015), for comparison with the one-stage one.

The first stage scores anchors, boxes of fixed shapes around every cell, and moves them (region proposals). The second
cuts features of each proposal (RoI align, He et al. 2017), classifies it, moves it again and measures its distance.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlkit.perception.networks.decoding import FARTHEST, STRIDE, Candidates, clipped
from rlkit.perception.networks.shared_encoder import WIDTH, SharedEncoder

SIDES = (8.0, 16.0, 32.0, 64.0)  # pixels, square roots of the anchors' areas
RATIOS = (0.5, 1.0, 2.0)  # of width to height
SCORED = 300  # anchors that are considered
PROPOSALS = 64  # per picture
PROPOSAL_OVERLAP, OBJECT_OVERLAP = 0.7, 0.5  # IoU above which of two boxes the less certain is dropped
BINS, SAMPLES = 4, 2  # of RoI align along each axis, and points per bin
HIDDEN = 64
SPREAD = (0.1, 0.1, 0.2, 0.2)  # of the second stage's corrections, as published
LARGEST_STEP = 4.0  # logarithm of the change of a side


class ProposalOutput(NamedTuple):
    """What the first stage computes of B images, for A anchors in each of h × w cells.

    Args:
        objectness: (B, h · w · A) logits that an anchor is around an object.
        deltas: (B, h · w · A, 4), corrections of the anchors, see `moved`.
        features: (B, F, h, w).
        classes: (B, C, H, W) logits of every pixel; None for a network without that head.
    """

    objectness: Tensor
    deltas: Tensor
    features: Tensor
    classes: Tensor | None

    def floats(self) -> "ProposalOutput":
        """The same in float32."""
        classes = None if self.classes is None else self.classes.float()
        return ProposalOutput(self.objectness.float(), self.deltas.float(), self.features.float(), classes)


class RegionOutput(NamedTuple):
    """What the second stage computes of R boxes in each of B pictures.

    Args:
        scores: (B, R, K + 1) logits of the kinds of objects; the last is none of them.
        deltas: (B, R, 4), corrections of the boxes.
        distances: (B, R), logarithms of metres.
    """

    scores: Tensor
    deltas: Tensor
    distances: Tensor


def anchors(cells: tuple[int, int], device: torch.device) -> Tensor:
    """(h · w · A, 4) anchors in pixels: cells by row, the anchors of a cell behind each other."""
    shapes = torch.tensor([(side * ratio**0.5, side / ratio**0.5) for side in SIDES for ratio in RATIOS])
    rows, columns = (STRIDE * (torch.arange(count) + 0.5) for count in cells)
    centres = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1).flip(-1).view(-1, 1, 2)
    return torch.cat([centres - shapes / 2, centres + shapes / 2], -1).view(-1, 4).to(device)


def moved(boxes: Tensor, deltas: Tensor) -> Tensor:
    """Boxes (..., 4) corrected by (..., 4): shifts in widths and heights, and logarithms of factors of these."""
    sides = boxes[..., 2:] - boxes[..., :2]
    centres = boxes[..., :2] + 0.5 * sides + deltas[..., :2] * sides
    half = 0.5 * sides * deltas[..., 2:].clamp(max=LARGEST_STEP).exp()
    return torch.cat([centres - half, centres + half], -1)


def box_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """IoU of all pairs: (..., n, 4) and (..., m, 4) -> (..., n, m)."""
    low = torch.maximum(boxes[..., :, None, :2], others[..., None, :, :2])
    high = torch.minimum(boxes[..., :, None, 2:], others[..., None, :, 2:])
    common = (high - low).clamp_min(0).prod(-1)
    areas, other_areas = ((each[..., 2:] - each[..., :2]).prod(-1) for each in (boxes, others))
    return common / (areas[..., :, None] + other_areas[..., None, :] - common).clamp_min(1e-6)


def suppressed(boxes: Tensor, overlap: float) -> Tensor:
    """Greedy non-maximum suppression of (B, n, 4) boxes, the most certain first: (B, n) bool, those to keep."""
    covers = box_iou(boxes, boxes) > overlap
    later = torch.arange(boxes.shape[1], device=boxes.device)
    keep = torch.ones(boxes.shape[:2], dtype=torch.bool, device=boxes.device)
    for n in range(boxes.shape[1]):
        keep &= ~(keep[:, n, None] & covers[:, n] & (later > n))
    return keep


def roi_align(features: Tensor, boxes: Tensor) -> Tensor:
    """Features of boxes (He et al. 2017): means of bilinearly sampled points in 4×4 bins.

    Args:
        features: (B, F, h, w).
        boxes: (B, R, 4), in pixels.

    Returns:
        (B, R, F, 4, 4).
    """
    count, points = boxes.shape[1], BINS * SAMPLES
    share = (torch.arange(points, device=boxes.device, dtype=boxes.dtype) + 0.5) / points
    x, y = (boxes[..., k, None] + share * (boxes[..., k + 2, None] - boxes[..., k, None]) for k in (0, 1))  # (B, R, p)
    # grid_sample has the outer edges of the cells at -1 and 1.
    x, y = 2 * x / (STRIDE * features.shape[-1]) - 1, 2 * y / (STRIDE * features.shape[-2]) - 1
    square = (-1, -1, points, points)
    grid = torch.stack([x[:, :, None, :].expand(square), y[:, :, :, None].expand(square)], -1)  # (B, R, p, p, 2)
    sampled = F.grid_sample(features, grid.flatten(1, 2).to(features.dtype), padding_mode="border", align_corners=False)
    pooled = F.avg_pool2d(sampled, SAMPLES)  # (B, F, R · bins, bins)
    return pooled.view(len(boxes), -1, count, BINS, BINS).transpose(1, 2)


class FasterRCNNCompact(SharedEncoder):
    """`SharedEncoder` with region proposals and a second stage that classifies them.

    472,013 parameters for 2 kinds of objects and 9 classes of pixels.

    Args:
        num_objects: K.
        num_classes: C; 0 for no classes of pixels.
    """

    def __init__(self, num_objects: int, num_classes: int = 0):
        super().__init__(num_classes)
        shapes = len(SIDES) * len(RATIOS)
        self.proposal_output = nn.Conv2d(WIDTH, 5 * shapes, 1)
        self.hidden = nn.Linear(WIDTH * BINS**2, HIDDEN)
        self.region_output = nn.Linear(HIDDEN, num_objects + 1 + 5)

    def forward(self, images: Tensor) -> ProposalOutput:  # type: ignore[override]
        """The first stage: (B, 3, H, W) floats from 0 to 1, at least 32 pixels high and wide."""
        features, classes = self.features(images)
        found = self.proposal_output(features).permute(0, 2, 3, 1).flatten(1).view(len(images), -1, 5)
        return ProposalOutput(found[..., 0], found[..., 1:], features, classes)

    def propose(self, output: ProposalOutput, size: tuple[int, int]) -> Tensor:
        """The most certain boxes of the first stage: (B, `PROPOSALS`, 4) in pixels, clipped to the picture.

        Args:
            output: Of the first stage.
            size: Height and width of the pictures.
        """
        cells = (output.features.shape[-2], output.features.shape[-1])
        scores, best = output.objectness.topk(min(SCORED, output.objectness.shape[1]))
        deltas = output.deltas.gather(1, best[..., None].expand(-1, -1, 4))
        boxes = clipped(moved(anchors(cells, scores.device)[best], deltas), size)
        sound = ((boxes[..., 2:] - boxes[..., :2]) >= 1).all(-1) & suppressed(boxes, PROPOSAL_OVERLAP)
        chosen = scores.masked_fill(~sound, -torch.inf).topk(min(PROPOSALS, scores.shape[1])).indices
        return boxes.gather(1, chosen[..., None].expand(-1, -1, 4))

    def regions(self, features: Tensor, boxes: Tensor) -> RegionOutput:
        """The second stage, of (B, R, 4) boxes in pixels."""
        cut = roi_align(features.to(self.hidden.weight.dtype), boxes.to(self.hidden.weight.dtype))
        found = self.region_output(F.relu(self.hidden(cut.flatten(2)))).float()
        deltas = found[..., -5:-1] * found.new_tensor(SPREAD)
        return RegionOutput(found[..., :-5], deltas, found[..., -1])

    def candidates(self, output: ProposalOutput, size: tuple[int, int], most: int) -> Candidates:
        """The most certain objects of an output, after non-maximum suppression within each kind."""
        proposals = self.propose(output, size)
        found = self.regions(output.features, proposals)
        shares = found.scores.softmax(-1)[..., :-1]  # (B, R, K)
        kinds = shares.shape[-1]
        scores, place = shares.flatten(1).topk(shares[0].numel())
        region, labels = place // kinds, place % kinds
        boxes = clipped(moved(proposals, found.deltas), size).gather(1, region[..., None].expand(-1, -1, 4))
        # Kinds are set apart, so that boxes of two kinds do not overlap.
        keep = suppressed(boxes + (labels * 4 * max(size))[..., None], OBJECT_OVERLAP)
        scores, chosen = scores.masked_fill(~keep, 0.0).topk(min(most, scores.shape[1]))
        distances = found.distances.gather(1, region).gather(1, chosen).clamp(max=FARTHEST).exp()
        return Candidates(
            boxes.gather(1, chosen[..., None].expand(-1, -1, 4)), labels.gather(1, chosen), scores, distances
        )
