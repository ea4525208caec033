"""The confusion matrix over all pixels of a data set, and the IoU and accuracy computed from it."""

import numpy as np
import numpy.typing as npt

from rlkit.spaces import IGNORED, Pixels
from rlkit.utils.jit import kernel

Shares = npt.NDArray[np.float64]


class Confusion:
    """A confusion matrix accumulated over images. `IGNORED` pixels are not counted.

    Every metric is of the pixels of all images together, not a mean over images.

    Args:
        num_classes: C.

    Attributes:
        counts: (C, C) int64 pixels, by true class (rows) and predicted class (columns).
    """

    def __init__(self, num_classes: int):
        self.counts: npt.NDArray[np.int64] = np.zeros((num_classes, num_classes), dtype=np.int64)

    def add(self, labels: Pixels, predictions: Pixels) -> None:
        """Count pixels.

        Args:
            labels: True classes, of any shape.
            predictions: Predicted classes, of the same shape.

        Raises:
            ValueError: The shapes differ, or a class is C or above.
        """
        if labels.shape != predictions.shape:
            raise ValueError(f"labels {labels.shape} and predictions {predictions.shape} differ in shape")
        wrong = _count(np.ascontiguousarray(labels).ravel(), np.ascontiguousarray(predictions).ravel(), self.counts)
        if wrong >= 0:
            raise ValueError(f"class {wrong} is out of range: there are {len(self.counts)} classes")

    def __add__(self, other: "Confusion") -> "Confusion":
        return _confusion(self.counts + other.counts)

    @property
    def pixels(self) -> int:
        """Number of pixels counted."""
        return int(self.counts.sum())

    @property
    def iou(self) -> Shares:
        """(C,) intersection over union of each class; NaN for one that is neither present nor predicted."""
        hits = np.diag(self.counts)
        return _ratio(hits, self.counts.sum(0) + self.counts.sum(1) - hits)

    @property
    def mean_iou(self) -> float:
        """Mean of `iou` over the classes that are present or predicted."""
        return _mean(self.iou)

    @property
    def class_accuracy(self) -> Shares:
        """(C,) recall of each class; NaN for a class that is not present."""
        return _ratio(np.diag(self.counts), self.counts.sum(1))

    @property
    def mean_accuracy(self) -> float:
        """Mean of `class_accuracy` over the classes that are present (class average in the SegNet paper)."""
        return _mean(self.class_accuracy)

    @property
    def global_accuracy(self) -> float:
        """Fraction of all pixels that are correct."""
        return float(np.diag(self.counts).sum() / self.pixels) if self.pixels else float("nan")

    def joined(self, mask: npt.NDArray[np.bool_]) -> "Confusion":
        """Merge the classes into two: 0 outside of a mask of classes (C,), 1 within it."""
        groups = np.stack([~mask, mask]).astype(np.int64)
        return _confusion(groups @ self.counts @ groups.T)

    def drivable_iou(self, mask: npt.NDArray[np.bool_]) -> float:
        """IoU of the drivable area.

        Args:
            mask: (C,) bool, drivable classes.
        """
        return float(self.joined(mask).iou[1])

    def two_class_mean_iou(self, mask: npt.NDArray[np.bool_]) -> float:
        """Mean IoU of drivable area and background, called mIoU in some papers."""
        return self.joined(mask).mean_iou


@kernel
def _count(labels: Pixels, predictions: Pixels, counts: npt.NDArray[np.int64]) -> int:
    """Count pixels (n,) into (C, C); returns the first class out of range, or -1."""
    classes = len(counts)
    for k in range(len(labels)):
        if labels[k] == IGNORED:
            continue
        if labels[k] >= classes or predictions[k] >= classes:
            return int(max(labels[k], predictions[k]))
        counts[labels[k], predictions[k]] += 1
    return -1


def _confusion(counts: npt.NDArray[np.int64]) -> Confusion:
    made = Confusion(len(counts))
    made.counts = counts
    return made


def _ratio(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> Shares:
    shares: Shares = np.full(len(part), np.nan)
    np.divide(part, whole, out=shares, where=whole > 0)
    return shares


def _mean(values: Shares) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
