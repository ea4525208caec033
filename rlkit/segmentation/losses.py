"""Losses of segmentation networks, pure functions of logits and labels; and class weights."""

import itertools
from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch.nn.functional as F
from torch import Tensor

from rlkit.segmentation.datasets.base import LabelledImages
from rlkit.segmentation.hyperparameters import Hyperparameters
from rlkit.segmentation.loader import WEIGHTS, TrainingSource, batches_in_a_pass, opened_stream
from rlkit.spaces import IGNORED, Classes

SIMULATED_BATCHES = 32  # to estimate class frequencies of a simulator


def _itself(tensor: Tensor) -> Tensor:
    return tensor


def cross_entropy(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None = None,
    smoothing: float = 0.0,
    total: Callable[[Tensor], Tensor] = _itself,
) -> Tensor:
    """Weighted mean cross-entropy over the labelled pixels; 0 if there are none.

    Args:
        logits: (B, C, H, W) float.
        labels: (B, H, W) int64, `IGNORED` for unlabelled pixels.
        weights: (C,) float, class weights; None for equal ones.
        smoothing: Label smoothing, 0 to 1.
        total: Sums a tensor over all batches that the loss is of, see `LearnerGroup.total`.
    """
    losses = F.cross_entropy(logits, labels, weights, ignore_index=IGNORED, reduction="sum", label_smoothing=smoothing)
    known = labels != IGNORED
    if weights is None:
        return total(losses) / total(known.sum()).clamp_min(1)
    # The clamp avoids 0 / 0 for a batch of weight 0.
    return total(losses) / total((weights[labels.where(known, 0)] * known).sum()).clamp_min(1e-6)


def dice(logits: Tensor, labels: Tensor, total: Callable[[Tensor], Tensor] = _itself) -> Tensor:
    """Soft Dice loss (Milletari 2016), mean over the classes present in the batch.

    Args:
        logits: (B, C, H, W) float.
        labels: (B, H, W) int64, `IGNORED` for unlabelled pixels.
        total: Sums a tensor over all batches that the loss is of, see `LearnerGroup.total`.
    """
    known = labels != IGNORED
    probabilities = logits.softmax(1) * known.unsqueeze(1)
    truth = F.one_hot(labels.where(known, 0), logits.shape[1]).permute(0, 3, 1, 2) * known.unsqueeze(1)
    intersection, sizes = total((probabilities * truth).sum((0, 2, 3))), total((probabilities + truth).sum((0, 2, 3)))
    present = (total(truth.sum((0, 2, 3))) > 0).to(logits.dtype)
    loss = 1 - (2 * intersection + 1) / (sizes + 1)
    return (loss * present).sum() / present.sum().clamp_min(1)


def median_frequency_weights(batches: Iterable[LabelledImages], num_classes: int) -> npt.NDArray[np.float32]:
    """Median frequency balancing (Eigen, Fergus 2015): weight = median frequency / frequency of the class.

    The frequency of a class is its pixels divided by all labelled pixels of the images that contain it.

    Args:
        batches: Of training images.
        num_classes: C.

    Returns:
        (C,) float32; 1 for the class of median frequency, 0 for an absent class.
    """
    pixels = np.zeros(num_classes)
    around = np.zeros(num_classes)  # labelled pixels of the images that contain the class
    for batch in batches:
        for labels in batch.labels:
            counts = np.bincount(labels[labels != IGNORED], minlength=num_classes)[:num_classes]
            pixels += counts
            around += np.where(counts > 0, counts.sum(), 0)
    present = pixels > 0
    if not present.any():
        return np.zeros(num_classes, dtype=np.float32)
    frequency = pixels[present] / around[present]
    weights = np.zeros(num_classes, dtype=np.float32)
    weights[present] = np.median(frequency) / frequency
    return weights


class WeighedSource(TrainingSource[LabelledImages], Protocol):
    """A data set whose classes can be weighed."""

    @property
    def classes(self) -> Classes | None:
        """Classes of pixels; None if they are unknown."""
        ...


def class_weights(recipe: Hyperparameters, source: WeighedSource, seed: int) -> npt.NDArray[np.float32] | None:
    """(C,) class weights according to the hyperparameters, or None for equal ones; reproducible.

    Args:
        recipe: The hyperparameters.
        source: Its training images are counted: all of a folder, some hundreds of a simulator.
        seed: Selects these.
    """
    if recipe.class_weights == "none" or source.classes is None:
        return None
    size = recipe.batch_size
    pictures = source.training_pictures
    batches = SIMULATED_BATCHES if pictures is None else batches_in_a_pass(pictures, size)
    with opened_stream(source, size, np.random.default_rng([seed, WEIGHTS])) as stream:
        weights = median_frequency_weights(itertools.islice(stream, batches), len(source.classes))
    return np.sqrt(weights) if recipe.class_weights == "root-median-frequency" else weights
