"""The result of perception for one camera image, for display and evaluation."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rlkit.spaces import Pixels

DRIVABLE_THRESHOLD = 128  # of 255; a pixel of at least this probability counts as drivable


@dataclass(frozen=True)
class PerceptionResult:
    """The estimated drivable area of one image, with the ground truth where it is known.

    Args:
        image: (H, W, 3) uint8; None without a camera.
        drivable: (H, W) uint8, probability that a pixel is drivable, 0 to 255, after corruption.
        truth: (H, W) bool, ground truth; None if unknown.
        uncertainty: (H, W) float32, normalised entropy of the class probabilities, 0 to 1; None if the model estimates
            no uncertainty.
        estimator: Name of the estimator.
    """

    image: Pixels | None
    drivable: Pixels
    truth: npt.NDArray[np.bool_] | None
    uncertainty: npt.NDArray[np.float32] | None
    estimator: str

    @property
    def found(self) -> npt.NDArray[np.bool_]:
        """(H, W) bool, pixels predicted as drivable."""
        return np.greater_equal(self.drivable, DRIVABLE_THRESHOLD)

    @property
    def iou(self) -> float | None:
        """IoU of predicted and true drivable area, 1 if both are empty; None without ground truth."""
        if self.truth is None:
            return None
        found = self.found
        union = int((found | self.truth).sum())
        return float((found & self.truth).sum() / union) if union else 1.0
