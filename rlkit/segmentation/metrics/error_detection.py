"""Whether a network doubts where it errs: how well its uncertainty tells wrong pixels from right ones."""

import numpy as np
import numpy.typing as npt

from rlkit.segmentation.metrics.boundary import Mask, within
from rlkit.spaces import IGNORED, Pixels

BORDER = 5  # pixels; errors this near to a border between classes are many and easy to foresee
_BINS = 4096


class ErrorDetection:
    """The area under the receiver operating characteristic (AUROC) of uncertainty as a detector of wrong pixels.

    It is the probability that a wrong pixel, drawn at random, is more uncertain than a right one; 0.5 is chance. Most
    errors lie on borders between classes, where every network is unsure, so the figure is given apart from these too.

    Args:
        highest: The largest uncertainty that there is; they are counted in 4096 steps from 0 to it.
    """

    def __init__(self, highest: float = 1.0):
        self._highest = highest
        self._counts = np.zeros((2, 2, _BINS), dtype=np.int64)  # near a border or not, wrong or right, step

    def add(self, labels: Pixels, found: Pixels, uncertainty: npt.NDArray[np.float32]) -> None:
        """Count pixels; those that are ignored count nowhere.

        Args:
            labels: (N, H, W) true classes.
            found: (N, H, W) what they were taken for.
            uncertainty: (N, H, W), larger where the network is less sure.
        """
        steps = np.clip(uncertainty / self._highest * _BINS, 0, _BINS - 1).astype(np.int64)
        near = np.stack([near_border(one) for one in labels])
        known = labels != IGNORED
        wrong = found != labels
        cells = (near * 2 + wrong) * _BINS + steps
        self._counts += np.bincount(cells[known], minlength=self._counts.size).reshape(self._counts.shape)

    @property
    def auroc(self) -> float:
        """Of all pixels; NaN where none is wrong, or none right."""
        return area_under_curve(*self._counts.sum(axis=0))

    @property
    def auroc_inside(self) -> float:
        """Of the pixels that are further than `BORDER` from any border between classes."""
        return area_under_curve(*self._counts[0])

    @property
    def border_share(self) -> float:
        """Share of the wrong pixels that lie within `BORDER` of a border."""
        near, far = int(self._counts[1, 1].sum()), int(self._counts[0, 1].sum())
        return near / (near + far) if near + far else float("nan")


def area_under_curve(negative: npt.NDArray[np.int64], positive: npt.NDArray[np.int64]) -> float:
    """AUROC of scores that are counted in steps: P(positive > negative) + P(equal) / 2 (Mann, Whitney 1947).

    Args:
        negative: (B,) how many negatives have each score, in rising order of scores.
        positive: (B,) how many positives.
    """
    pairs = int(negative.sum()) * int(positive.sum())
    if not pairs:
        return float("nan")
    below = np.cumsum(negative) - negative
    return float((positive * (below + 0.5 * negative)).sum() / pairs)


def near_border(labels: Pixels, distance: float = BORDER) -> Mask:
    """Which pixels lie within a distance of a border between classes.

    Args:
        labels: (H, W) classes; a border to what is ignored is none.
        distance: In pixels, to the nearest pixel whose right or lower neighbour is of another class.

    Returns:
        (H, W) bool.
    """
    border: Mask = np.zeros(labels.shape, dtype=np.bool_)
    for axis in range(2):
        first, second = labels.swapaxes(0, axis)[:-1], labels.swapaxes(0, axis)[1:]
        border.swapaxes(0, axis)[:-1] |= (first != second) & (first != IGNORED) & (second != IGNORED)
    return within(border, distance)
