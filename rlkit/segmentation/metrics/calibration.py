"""Calibration of probabilities: of the pixels predicted with confidence 80 %, 80 % should be correct."""

import numpy as np
import numpy.typing as npt

from rlkit.spaces import IGNORED, Pixels

BINS = 15


class Calibration:
    """Expected calibration error and Brier score.

    Args:
        bins: Number of confidence bins of equal width from 0 to 1.
    """

    def __init__(self, bins: int = BINS):
        self._pixels = np.zeros(bins, dtype=np.int64)
        self._correct = np.zeros(bins, dtype=np.int64)
        self._confidence = np.zeros(bins)
        self._squares = 0.0

    def add(self, labels: Pixels, probabilities: npt.NDArray[np.float32]) -> None:
        """Add pixels, except ignored ones.

        Args:
            labels: (N, H, W) true classes.
            probabilities: (N, C, H, W) class probabilities.
        """
        known = labels != IGNORED
        truth = np.where(known, labels, 0)
        confidence = probabilities.max(axis=1)[known]
        correct = (probabilities.argmax(axis=1) == truth)[known]
        count = len(self._pixels)
        # Bins are closed above: (0, 1/15], (1/15, 2/15] ...
        bins = np.clip(np.ceil(confidence.astype(np.float64) * count).astype(np.int64) - 1, 0, count - 1)
        self._pixels += np.bincount(bins, minlength=count)
        self._correct += np.bincount(bins[correct], minlength=count)
        self._confidence += np.bincount(bins, confidence, minlength=count)
        # Over the classes c: Σ (p_c − y_c)² = Σ p_c² − 2 p_truth + 1
        at_truth = np.take_along_axis(probabilities, truth[:, None].astype(np.int64), axis=1)[:, 0]
        squares = np.einsum("nchw,nchw->nhw", probabilities, probabilities) - 2.0 * at_truth + 1.0
        self._squares += float(squares[known].sum(dtype=np.float64))

    @property
    def pixels(self) -> int:
        """Number of pixels counted."""
        return int(self._pixels.sum())

    @property
    def expected_error(self) -> float:
        """Mean |confidence − accuracy| over the bins, weighted by pixels (ECE, Guo et al. 2017); 0 is best."""
        if not self.pixels:
            return float("nan")
        return float(np.abs(self._correct - self._confidence).sum() / self.pixels)

    @property
    def brier_score(self) -> float:
        """Mean over pixels of Σ_c (p_c − y_c)² (Brier 1950): 0 best, 2 worst."""
        return self._squares / self.pixels if self.pixels else float("nan")
