"""How well the outlines of classes are found, which overlap says little about."""

import math

import numpy as np
import numpy.typing as npt

from rlkit.spaces import IGNORED, Pixels
from rlkit.utils.jit import kernel

TOLERANCE = 0.0075  # share of a picture's diagonal by which a boundary may be off (Csurka et al. 2013)

Mask = npt.NDArray[np.bool_]


class BoundaryF1:
    """The mean F1 score of class boundaries (Csurka, Larlus, Perronnin 2013), as the SegNet paper reports it (BF).

    In each picture and for each class that is in its truth: precision is the share of the found boundary that lies
    near the true one, recall the share of the true one that lies near the found one. A class's score is the mean over
    pictures that hold it, the score of all is the mean over pictures of the mean over their classes.

    Args:
        num_classes: C.
        tolerance: How near is near, as a share of the diagonal.
    """

    def __init__(self, num_classes: int, tolerance: float = TOLERANCE):
        self._tolerance = tolerance
        self._sums = np.zeros(num_classes)
        self._pictures = np.zeros(num_classes, dtype=np.int64)
        self._total, self._count = 0.0, 0

    def add(self, labels: Pixels, found: Pixels) -> None:
        """Score pictures.

        Args:
            labels: (N, H, W) true classes.
            found: (N, H, W) what they were taken for.
        """
        reach = self._tolerance * math.hypot(*labels.shape[1:])
        for truth, guess in zip(labels, found, strict=True):
            # What is unknown has no boundary: neither the truth's nor a guess made there.
            guess = np.where(truth == IGNORED, IGNORED, guess)
            scores = [
                (number, boundary_f1(truth == number, guess == number, truth == IGNORED, reach))
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
        """(C,) mean over the pictures that hold the class; NaN for one that none holds."""
        means: npt.NDArray[np.float64] = np.full(len(self._sums), np.nan)
        np.divide(self._sums, self._pictures, out=means, where=self._pictures > 0)
        return means

    @property
    def mean(self) -> float:
        """Mean over pictures."""
        return self._total / self._count if self._count else float("nan")


def boundary_f1(truth: Mask, found: Mask, ignored: Mask, reach: float) -> float:
    """The score of one class in one picture.

    Args:
        truth: (H, W) bool, where the class is.
        found: (H, W) bool, where it was found.
        ignored: (H, W) bool, where nothing is known: an edge to that is no boundary.
        reach: Distance in pixels up to which a boundary counts as met.

    Returns:
        0 to 1; NaN where the class fills the picture and was found to, so that there is no boundary at all.
    """
    real, drawn = boundary_of(truth, ignored), boundary_of(found, ignored)
    if not real.any() and not drawn.any():
        return float("nan")
    if not real.any() or not drawn.any():
        return 0.0
    precision = within(real, reach)[drawn].mean()
    recall = within(drawn, reach)[real].mean()
    return float(2.0 * precision * recall / (precision + recall)) if precision + recall else 0.0


def boundary_of(region: Mask, ignored: Mask) -> Mask:
    """The pixels of a region (H, W) of whose four neighbours at least one is outside of it, yet not ignored.

    The edge of the picture is no boundary.
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
    """Which pixels (H, W) lie within a distance in pixels of some points (H, W)."""
    near = np.zeros_like(points)
    _spread(points, reach, near)
    return near


@kernel
def _spread(points: Mask, reach: float, near: Mask) -> None:
    """Set every pixel around each point; points are few, so that this is quicker than distances of all pixels."""
    height, width = points.shape
    steps = int(np.floor(reach))
    for i in range(height):
        for j in range(width):
            if points[i, j]:
                for y in range(max(0, i - steps), min(height, i + steps + 1)):
                    for x in range(max(0, j - steps), min(width, j + steps + 1)):
                        if (y - i) ** 2 + (x - j) ** 2 <= reach * reach:
                            near[y, x] = True
