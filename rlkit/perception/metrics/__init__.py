"""What is measured of a segmentation: overlap, boundaries, honesty of its probabilities, use of its doubts."""

from rlkit.perception.metrics.boundaries import BoundaryF1
from rlkit.perception.metrics.calibration import Calibration
from rlkit.perception.metrics.confusion import Confusion
from rlkit.perception.metrics.error_detection import ErrorDetection

__all__ = ["BoundaryF1", "Calibration", "Confusion", "ErrorDetection"]
