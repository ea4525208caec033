"""Metrics of segmentation: IoU and accuracy, boundary F1, calibration, and error detection by uncertainty."""

from rlkit.segmentation.metrics.boundary import BoundaryF1
from rlkit.segmentation.metrics.calibration import Calibration
from rlkit.segmentation.metrics.confusion import Confusion
from rlkit.segmentation.metrics.error_detection import ErrorDetection

__all__ = ["BoundaryF1", "Calibration", "Confusion", "ErrorDetection"]
