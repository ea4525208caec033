"""Losses of a detector, pure functions of its output and the targets."""

import torch
import torch.nn.functional as F
from torch import Tensor

from rlkit.detection.targets import Targets
from rlkit.perception.networks.decoding import DetectorOutput, cell_boxes

ALPHA, BETA = 2.0, 4.0  # Law, Deng 2018


def centre_loss(logits: Tensor, centres: Tensor, valid: Tensor) -> Tensor:
    """Penalty-reduced focal loss (CornerNet, Law, Deng 2018), divided by the number of objects or 1.

    Args:
        logits: (B, K, h, w).
        centres: (B, K, h, w) of `Targets`.
        valid: (B, 1, h, w) bool, cells that count.
    """
    probability = logits.sigmoid()
    positive = centres == 1
    hit = (1 - probability) ** ALPHA * F.logsigmoid(logits)
    miss = (1 - centres) ** BETA * probability**ALPHA * F.logsigmoid(-logits)
    counted = torch.where(positive, hit, miss) * valid
    return -counted.sum() / positive.sum().clamp_min(1)


def generalised_iou(boxes: Tensor, others: Tensor, dim: int = -1) -> Tensor:
    """Generalised IoU of pairs of boxes (Rezatofighi et al. 2019), from -1 to 1.

    Args:
        boxes: x1, y1, x2, y2 along `dim`.
        others: Of the same shape.
        dim: The axis of the four numbers, which the result lacks.
    """
    ax1, ay1, ax2, ay2 = boxes.unbind(dim)
    bx1, by1, bx2, by2 = others.unbind(dim)
    across = (torch.minimum(ax2, bx2) - torch.maximum(ax1, bx1)).clamp_min(0)
    down = (torch.minimum(ay2, by2) - torch.maximum(ay1, by1)).clamp_min(0)
    common = across * down
    union = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - common
    hull = (torch.maximum(ax2, bx2) - torch.minimum(ax1, bx1)) * (torch.maximum(ay2, by2) - torch.minimum(ay1, by1))
    return common / union.clamp_min(1e-6) - (hull - union) / hull.clamp_min(1e-6)


def box_loss(output: DetectorOutput, targets: Targets) -> Tensor:
    """1 - generalised IoU, the weighted mean over cells with an object; 0 without any."""
    overlap = generalised_iou(cell_boxes(output.boxes), targets.boxes, 1)
    return ((1 - overlap) * targets.weights).sum() / targets.weights.sum().clamp_min(1e-6)


def distance_loss(output: DetectorOutput, targets: Targets) -> Tensor:
    """Absolute error of the logarithm of the distance, the weighted mean as in `box_loss`: 0.05 are 5 %."""
    error = (output.distances - targets.log_distances).abs()
    return (error * targets.distance_weights).sum() / targets.distance_weights.sum().clamp_min(1e-6)
