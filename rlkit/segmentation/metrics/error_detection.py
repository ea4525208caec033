"""Error detection: how well a network's uncertainty separates wrong pixels from correct ones."""

import numpy as np
import numpy.typing as npt

from rlkit.segmentation.metrics.boundary import Mask, within
from rlkit.spaces import IGNORED, Pixels

BORDER = 5  # pixels; most errors lie this close to a border between classes
_BINS = 4096


class ErrorDetection:
    """Error-detection AUROC: area under the ROC curve of uncertainty as a detector of wrong pixels.

    It is the probability that a random wrong pixel is more uncertain than a random correct one; 0.5 is chance. Most
    errors lie on borders between classes, where every network is uncertain, hence a second value without these.

    Args:
        highest: The largest possible uncertainty, binned in 4096 steps from 0.
    """

    def __init__(self, highest: float = 1.0):
        self._highest = highest
        self._counts = np.zeros((2, 2, _BINS), dtype=np.int64)  # far from or near a border, correct or wrong, step

    def add(self, labels: Pixels, predictions: Pixels, uncertainty: npt.NDArray[np.float32]) -> None:
        """Add pixels, except ignored ones.

        Args:
            labels: (N, H, W) true classes.
            predictions: (N, H, W) predicted classes.
            uncertainty: (N, H, W), from 0 (certain) to `highest`.
        """
        steps = np.clip(uncertainty / self._highest * _BINS, 0, _BINS - 1).astype(np.int64)
        near = np.stack([near_border(one) for one in labels])
        known = labels != IGNORED
        wrong = predictions != labels
        cells = (near * 2 + wrong) * _BINS + steps
        self._counts += np.bincount(cells[known], minlength=self._counts.size).reshape(self._counts.shape)

    @property
    def auroc(self) -> float:
        """Of all pixels; NaN if none is wrong, or none correct."""
        return area_under_curve(*self._counts.sum(axis=0))

    @property
    def auroc_inside(self) -> float:
        """Of the pixels farther than `BORDER` from any border between classes."""
        return area_under_curve(*self._counts[0])

    @property
    def border_share(self) -> float:
        """Fraction of the wrong pixels within `BORDER` of a border."""
        near, far = int(self._counts[1, 1].sum()), int(self._counts[0, 1].sum())
        return near / (near + far) if near + far else float("nan")


def area_under_curve(negative: npt.NDArray[np.int64], positive: npt.NDArray[np.int64]) -> float:
    """AUROC from histograms of scores: P(positive > negative) + P(equal) / 2 (Mann, Whitney 1947).

    Args:
        negative: (B,) negatives per bin, in ascending order of scores.
        positive: (B,) positives per bin.
    """
    pairs = int(negative.sum()) * int(positive.sum())
    if not pairs:
        return float("nan")
    below = np.cumsum(negative) - negative
    return float((positive * (below + 0.5 * negative)).sum() / pairs)


def near_border(labels: Pixels, distance: float = BORDER) -> Mask:
    """Pixels within a distance of a border between classes.

    Args:
        labels: (H, W) classes; an edge to ignored pixels is no border.
        distance: In pixels, to the nearest pixel whose right or lower neighbour has another class.

    Returns:
        (H, W) bool.
    """
    border: Mask = np.zeros(labels.shape, dtype=np.bool_)
    for axis in range(2):
        first, second = labels.swapaxes(0, axis)[:-1], labels.swapaxes(0, axis)[1:]
        border.swapaxes(0, axis)[:-1] |= (first != second) & (first != IGNORED) & (second != IGNORED)
    return within(border, distance)
