"""Losses of a two-stage detector (Ren et al. 2015).

Where the paper draws a sample of boxes, the hardest negatives are taken (Liu et al. 2016, SSD), three for each
positive: a step depends on the state and the batch alone.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from rlkit.detection.losses import generalised_iou
from rlkit.detection.targets import PaddedObjects
from rlkit.perception.networks.faster_rcnn import FasterRCNNCompact, ProposalOutput, anchors, box_iou, moved

NEGATIVES = 3  # for each positive
LEAST_NEGATIVES = 8  # per picture
OBJECT, BACKGROUND = 0.6, 0.3  # IoU of an anchor from which it is positive, and up to which negative
REGION = 0.5  # IoU of a region from which it is an object's
IGNORED_SHARE = 0.5  # of a box that lies in an ignored one, from which it counts nowhere


def hard_mean(losses: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """Mean loss of the positives and of the hardest negatives, three for each positive, of (B, n) boxes."""
    wanted = (NEGATIVES * positive.sum(1)).clamp_min(LEAST_NEGATIVES)
    hardness = losses.detach().masked_fill(~negative, -torch.inf)
    rank = hardness.argsort(dim=1, descending=True, stable=True).argsort(dim=1, stable=True)
    chosen = positive | (negative & (rank < wanted[:, None]))
    return (losses * chosen).sum() / chosen.sum().clamp_min(1)


def two_stage_loss(
    network: FasterRCNNCompact, output: ProposalOutput, objects: PaddedObjects, size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """The losses of both stages.

    Args:
        network: Computes the second stage.
        output: Of the first stage.
        objects: The objects of the batch.
        size: Height and width of the pictures.

    Returns:
        Loss of the scores, of the boxes, and of the logarithms of the distances.
    """
    learned = (objects.labels >= 0) & ~objects.ignored
    shapes = anchors((output.features.shape[-2], output.features.shape[-1]), output.objectness.device)
    every = shapes.expand(len(learned), -1, -1)
    overlap, owner, hidden = _matches(every, objects, learned)
    best = _best_anchors(every, objects, learned)
    positive = ((overlap >= OBJECT) & ~hidden) | best
    negative = (overlap < BACKGROUND) & ~hidden & ~best
    scores = hard_mean(
        F.binary_cross_entropy_with_logits(output.objectness, positive.float(), reduction="none"), positive, negative
    )
    boxes = _box_loss(moved(every, output.deltas), objects.boxes, owner, positive)

    with torch.no_grad():
        # True boxes among the regions let the second stage learn from the beginning.
        regions = torch.cat([network.propose(output, size), objects.boxes], 1)
        regions = torch.cat([regions[..., :2], torch.maximum(regions[..., 2:], regions[..., :2] + 1)], -1)
    overlap, owner, hidden = _matches(regions, objects, learned)
    padding = torch.zeros_like(hidden)
    padding[:, -learned.shape[1] :] = ~learned
    positive, negative = (overlap >= REGION) & ~padding, (overlap < REGION) & ~hidden & ~padding
    found = network.regions(output.features, regions)
    none = found.scores.shape[-1] - 1
    labels = torch.where(positive, objects.labels.gather(1, owner), none)
    scores = scores + hard_mean(
        F.cross_entropy(found.scores.transpose(1, 2), labels, reduction="none"), positive, negative
    )
    boxes = boxes + _box_loss(moved(regions, found.deltas), objects.boxes, owner, positive)
    metres = objects.distances.gather(1, owner)
    known = positive & metres.isfinite() & (metres > 0)
    errors = (found.distances - torch.where(known, metres, 1.0).log()).abs() * known
    return scores, boxes, errors.sum() / known.sum().clamp_min(1)


def _matches(boxes: Tensor, objects: PaddedObjects, learned: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of (B, n, 4) boxes: the largest IoU with an object, which object, and whether an ignored box hides them."""
    overlap, owner = (box_iou(boxes, objects.boxes) * learned[:, None]).max(2)
    low = torch.maximum(boxes[:, :, None, :2], objects.boxes[:, None, :, :2])
    high = torch.minimum(boxes[:, :, None, 2:], objects.boxes[:, None, :, 2:])
    inside = (high - low).clamp_min(0).prod(-1) / (boxes[..., 2:] - boxes[..., :2]).prod(-1).clamp_min(1e-6)[..., None]
    hidden = ((inside >= IGNORED_SHARE) & objects.ignored[:, None]).any(2)
    return overlap, owner, hidden


def _best_anchors(boxes: Tensor, objects: PaddedObjects, learned: Tensor) -> Tensor:
    """(B, n) bool, the anchors of the largest IoU with each object, so that every object has one."""
    overlap = box_iou(boxes, objects.boxes).masked_fill(~learned[:, None], -1.0)
    best = overlap.argmax(1)  # (B, N)
    found = torch.zeros(overlap.shape[:2], dtype=torch.int64, device=overlap.device)
    found.scatter_add_(1, best, learned.long())
    owned = overlap.max(2).values > 0
    return (found > 0) & owned


def _box_loss(boxes: Tensor, truth: Tensor, owner: Tensor, positive: Tensor) -> Tensor:
    wanted = truth.gather(1, owner[..., None].expand(-1, -1, 4))
    return ((1 - generalised_iou(boxes, wanted)) * positive).sum() / positive.sum().clamp_min(1)
