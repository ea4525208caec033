"""How often each class was taken for each other, over all pixels of a data set, and what follows from it."""

import numpy as np
import numpy.typing as npt

from rlkit.spaces import IGNORED, Pixels
from rlkit.utils.jit import kernel

Shares = npt.NDArray[np.float64]


class Confusion:
    """A confusion matrix that is filled picture by picture; every figure is of the pixels of all pictures together.

    A mean of the figures of single pictures would be another number. Pixels that are `IGNORED` count nowhere.

    Args:
        num_classes: C.

    Attributes:
        counts: (C, C) int64 pixels, by true class (rows) and found class (columns).
    """

    def __init__(self, num_classes: int):
        self.counts: npt.NDArray[np.int64] = np.zeros((num_classes, num_classes), dtype=np.int64)

    def add(self, labels: Pixels, found: Pixels) -> None:
        """Count pixels.

        Args:
            labels: True classes, of any shape.
            found: What they were taken for, of the same shape.

        Raises:
            ValueError: The shapes differ, or a number is no class.
        """
        if labels.shape != found.shape:
            raise ValueError(f"labels {labels.shape} and what was found {found.shape} differ in shape")
        wrong = _count(np.ascontiguousarray(labels).ravel(), np.ascontiguousarray(found).ravel(), self.counts)
        if wrong >= 0:
            raise ValueError(f"class {wrong} among {len(self.counts)} classes")

    def __add__(self, other: "Confusion") -> "Confusion":
        return _confusion(self.counts + other.counts)

    @property
    def pixels(self) -> int:
        """How many were counted."""
        return int(self.counts.sum())

    @property
    def iou(self) -> Shares:
        """(C,) intersection over union of each class: NaN for one that neither is there nor was found."""
        hits = np.diag(self.counts)
        return _ratio(hits, self.counts.sum(0) + self.counts.sum(1) - hits)

    @property
    def mean_iou(self) -> float:
        """Mean of `iou` over the classes that are there or were found."""
        return _mean(self.iou)

    @property
    def class_accuracy(self) -> Shares:
        """(C,) share of each class's pixels that were found: NaN for a class that is not there."""
        return _ratio(np.diag(self.counts), self.counts.sum(1))

    @property
    def mean_accuracy(self) -> float:
        """Mean of `class_accuracy` over the classes that are there (the papers' class average)."""
        return _mean(self.class_accuracy)

    @property
    def global_accuracy(self) -> float:
        """Share of all pixels that are right."""
        return float(np.diag(self.counts).sum() / self.pixels) if self.pixels else float("nan")

    def joined(self, mask: npt.NDArray[np.bool_]) -> "Confusion":
        """The same pixels with two classes: 0 for those outside of a mask of classes (C,), 1 for those in it.

        Which of several drivable classes a pixel was taken for does not matter to who drives.
        """
        groups = np.stack([~mask, mask]).astype(np.int64)
        return _confusion(groups @ self.counts @ groups.T)

    def drivable_iou(self, mask: npt.NDArray[np.bool_]) -> float:
        """Intersection over union of the drivable area alone.

        Args:
            mask: (C,) bool, which classes are drivable.
        """
        return float(self.joined(mask).iou[1])

    def two_class_mean_iou(self, mask: npt.NDArray[np.bool_]) -> float:
        """Mean of the intersections over union of drivable area and background, which some papers call mIoU."""
        return self.joined(mask).mean_iou


@kernel
def _count(labels: Pixels, found: Pixels, counts: npt.NDArray[np.int64]) -> int:
    """Count pixels (n,) into (C, C); a number that is no class is returned, -1 if all are."""
    classes = len(counts)
    for k in range(len(labels)):
        if labels[k] == IGNORED:
            continue
        if labels[k] >= classes or found[k] >= classes:
            return int(max(labels[k], found[k]))
        counts[labels[k], found[k]] += 1
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
