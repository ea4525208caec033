"""Boundary F1 score: how accurate the contours of the classes are."""

import math

import numpy as np
import numpy.typing as npt

from rlkit.spaces import IGNORED, Pixels
from rlkit.utils.jit import kernel

TOLERANCE = 0.0075  # of the image's diagonal (Csurka et al. 2013)

Mask = npt.NDArray[np.bool_]


class BoundaryF1:
    """The mean F1 score of class boundaries (Csurka, Larlus, Perronnin 2013), as the SegNet paper reports it (BF).

    For each image and class in its ground truth: precision is the fraction of the predicted boundary within a tolerance
    of the true one, recall the fraction of the true one within it of the predicted one. The score of a class is the
    mean over the images that contain it; the overall score is the mean over images of the mean over their classes.

    Args:
        num_classes: C.
        tolerance: Distance, as a fraction of the image's diagonal.
    """

    def __init__(self, num_classes: int, tolerance: float = TOLERANCE):
        self._tolerance = tolerance
        self._sums = np.zeros(num_classes)
        self._pictures = np.zeros(num_classes, dtype=np.int64)
        self._total, self._count = 0.0, 0

    def add(self, labels: Pixels, predictions: Pixels) -> None:
        """Add images.

        Args:
            labels: (N, H, W) true classes.
            predictions: (N, H, W) predicted classes.
        """
        reach = self._tolerance * math.hypot(*labels.shape[1:])
        for truth, predicted in zip(labels, predictions, strict=True):
            predicted = np.where(truth == IGNORED, IGNORED, predicted)
            scores = [
                (number, boundary_f1(truth == number, predicted == number, truth == IGNORED, reach))
                for number in np.unique(truth).tolist()
                if number != IGNORED
            ]
            scores = [(number, score) for number, score in scores if not math.isnan(score)]
            for number, score in scores:
                self._sums[number] += score
                self._pictures[number] += 1
            if scores:
                self._total += sum(score for _, score in scores) / len(scores)
                self._count += 1

    @property
    def by_class(self) -> npt.NDArray[np.float64]:
        """(C,) mean over the images that contain the class; NaN for a class without any."""
        means: npt.NDArray[np.float64] = np.full(len(self._sums), np.nan)
        np.divide(self._sums, self._pictures, out=means, where=self._pictures > 0)
        return means

    @property
    def mean(self) -> float:
        """Mean over images."""
        return self._total / self._count if self._count else float("nan")


def boundary_f1(truth: Mask, predicted: Mask, ignored: Mask, reach: float) -> float:
    """Boundary F1 of one class in one image.

    Args:
        truth: (H, W) bool, pixels of the class.
        predicted: (H, W) bool, pixels predicted as the class.
        ignored: (H, W) bool, pixels without ground truth; an edge to these is no boundary.
        reach: Tolerance in pixels.

    Returns:
        0 to 1; NaN if neither mask has a boundary.
    """
    true_boundary, boundary = boundary_of(truth, ignored), boundary_of(predicted, ignored)
    if not true_boundary.any() and not boundary.any():
        return float("nan")
    if not true_boundary.any() or not boundary.any():
        return 0.0
    precision = within(true_boundary, reach)[boundary].mean()
    recall = within(boundary, reach)[true_boundary].mean()
    return float(2.0 * precision * recall / (precision + recall)) if precision + recall else 0.0


def boundary_of(region: Mask, ignored: Mask) -> Mask:
    """Pixels of a region (H, W) with at least one of four neighbours outside of it and not ignored.

    The edge of the image is no boundary.
    """
    other = ~region & ~ignored
    edge = np.zeros_like(region)
    edge[1:] |= other[:-1]
    edge[:-1] |= other[1:]
    edge[:, 1:] |= other[:, :-1]
    edge[:, :-1] |= other[:, 1:]
    result: Mask = edge & region
    return result


def within(points: Mask, reach: float) -> Mask:
    """(H, W) bool, pixels within a distance of any of the points (H, W)."""
    near = np.zeros_like(points)
    _spread(points, reach, near)
    return near


@kernel
def _spread(points: Mask, reach: float, near: Mask) -> None:
    """Set a disc around each point: with few points, faster than a distance transform."""
    height, width = points.shape
    steps = int(np.floor(reach))
    for i in range(height):
        for j in range(width):
            if points[i, j]:
                for y in range(max(0, i - steps), min(height, i + steps + 1)):
                    for x in range(max(0, j - steps), min(width, j + steps + 1)):
                        if (y - i) ** 2 + (x - j) ** 2 <= reach * reach:
                            near[y, x] = True
