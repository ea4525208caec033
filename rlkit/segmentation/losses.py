"""Losses of segmentation networks: pure functions of scores and labels, and weights of the classes in them."""

import itertools
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch.nn.functional as F
from torch import Tensor

from rlkit.segmentation.datasets.base import Dataset, LabelledImages
from rlkit.segmentation.hyperparameters import Hyperparameters
from rlkit.segmentation.loader import WEIGHTS, batches_in_a_pass, opened_stream
from rlkit.spaces import IGNORED

SIMULATED_BATCHES = 32  # by which classes are counted where pictures never end


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


def median_frequency_weights(batches: Iterable[LabelledImages], num_classes: int) -> npt.NDArray[np.float32]:
    """Weigh classes by how rare they are where they occur: the median frequency over their own (Eigen, Fergus 2015).

    The frequency of a class is its pixels over all known pixels of the pictures that hold it; so a class that is small
    weighs more, one that is merely seldom does not.

    Args:
        batches: Of training pictures.
        num_classes: C.

    Returns:
        (C,) float32; 1 for the class of the median frequency, 0 for one that no picture holds.
    """
    pixels = np.zeros(num_classes)
    around = np.zeros(num_classes)  # known pixels of the pictures that hold the class
    for batch in batches:
        for labels in batch.labels:
            counts = np.bincount(labels[labels != IGNORED], minlength=num_classes)[:num_classes]
            pixels += counts
            around += np.where(counts > 0, counts.sum(), 0)
    there = pixels > 0
    if not there.any():
        return np.zeros(num_classes, dtype=np.float32)
    frequency = pixels[there] / around[there]
    weights = np.zeros(num_classes, dtype=np.float32)
    weights[there] = np.median(frequency) / frequency
    return weights


def class_weights(recipe: Hyperparameters, source: Dataset, seed: int) -> npt.NDArray[np.float32] | None:
    """(C,) weights by the recipe, or None where all classes count alike; the same whenever it is asked.

    Args:
        recipe: Says how.
        source: Its training pictures are counted: once each, or some hundreds where they never end.
        seed: Fixes which these are.
    """
    if recipe.class_weights == "none":
        return None
    size = recipe.batch_size
    pictures = source.training_pictures
    batches = SIMULATED_BATCHES if pictures is None else batches_in_a_pass(pictures, size)
    with opened_stream(source, size, np.random.default_rng([seed, WEIGHTS])) as stream:
        weights = median_frequency_weights(itertools.islice(stream, batches), len(source.classes))
    return np.sqrt(weights) if recipe.class_weights == "root-median-frequency" else weights
