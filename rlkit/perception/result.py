"""What was made of one camera picture, for people and for measures."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rlkit.spaces import Pixels

DRIVABLE_FROM = 128  # of 255, the probability from which a pixel counts as drivable


@dataclass(frozen=True)
class PerceptionResult:
    """The drivable area that somebody found in a picture, beside the truth where it is known.

    Args:
        picture: (H, W, 3) uint8; None where there is no camera.
        drivable: (H, W) uint8, how likely each pixel can be driven on, 0 to 255, with the mistakes that were put in.
        truth: (H, W) bool, which can; None where nobody knows.
        uncertainty: (H, W) float32, entropy of each pixel's class, 0 sure to 1 not at all; None for eyes without doubt.
        eyes: Who found it, for people.
    """

    picture: Pixels | None
    drivable: Pixels
    truth: npt.NDArray[np.bool_] | None
    uncertainty: npt.NDArray[np.float32] | None
    eyes: str

    @property
    def found(self) -> npt.NDArray[np.bool_]:
        """(H, W) bool, which pixels count as drivable."""
        return np.greater_equal(self.drivable, DRIVABLE_FROM)

    @property
    def iou(self) -> float | None:
        """Intersection over union of the found with the true area, 1 where both are empty; None without truth."""
        if self.truth is None:
            return None
        found = self.found
        union = int((found | self.truth).sum())
        return float((found & self.truth).sum() / union) if union else 1.0
