"""What a segmentation network learns to make small; pure functions of scores and truth."""

import torch.nn.functional as F
from torch import Tensor

from rlkit.classes import IGNORED


def cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor | None = None, smoothing: float = 0.0) -> Tensor:
    """Weighted mean of -log p(truth) over the pixels whose truth is known; 0 where none is.

    Args:
        logits: (B, C, H, W) float.
        labels: (B, H, W) int64, `IGNORED` where nothing is known.
        weights: (C,) float, how much a pixel of each class counts; None for all alike.
        smoothing: Share of the truth that is spread over all classes.
    """
    total = F.cross_entropy(logits, labels, weights, ignore_index=IGNORED, reduction="sum", label_smoothing=smoothing)
    known = labels != IGNORED
    if weights is None:
        return total / known.sum().clamp_min(1)
    # Where a batch holds nothing of weight, the mean is 0 and not 0 / 0.
    return total / (weights[labels.where(known, 0)] * known).sum().clamp_min(1e-6)


def dice(logits: Tensor, labels: Tensor) -> Tensor:
    """1 - overlap of what is found and what is there (Milletari 2016), mean over the classes that the batch holds.

    Args:
        logits: (B, C, H, W) float.
        labels: (B, H, W) int64, `IGNORED` where nothing is known.
    """
    known = labels != IGNORED
    found = logits.softmax(1) * known.unsqueeze(1)
    truth = F.one_hot(labels.where(known, 0), logits.shape[1]).permute(0, 3, 1, 2) * known.unsqueeze(1)
    overlap, sizes = (found * truth).sum((0, 2, 3)), (found + truth).sum((0, 2, 3))
    there = (truth.sum((0, 2, 3)) > 0).to(logits.dtype)
    lost = 1 - (2 * overlap + 1) / (sizes + 1)
    return (lost * there).sum() / there.sum().clamp_min(1)
