"""What came of measuring a segmentation model, as figures for programs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlkit.classes import Classes
from rlkit.perception.metrics.boundaries import BoundaryF1
from rlkit.perception.metrics.calibration import Calibration
from rlkit.perception.metrics.confusion import Confusion
from rlkit.perception.metrics.error_detection import ErrorDetection


@dataclass(frozen=True)
class Speed:
    """How fast pictures are segmented, from bytes to class numbers.

    Args:
        frames_per_second: Pictures one at a time, as a driver needs them.
        p50: Milliseconds that half of these took at most.
        p99: Milliseconds that 99 of 100 took at most.
        at_once: Pictures per second in batches of 32.
        device: On what, with how many threads.
    """

    frames_per_second: float
    p50: float
    p99: float
    at_once: float
    device: str

    def to_json(self) -> dict[str, Any]:
        """Figures by name."""
        return {
            "latency_ms": {"p50": self.p50, "p99": self.p99},
            "frames_per_second_in_batches_of_32": self.at_once,
            "device": self.device,
        }


@dataclass(frozen=True)
class PerceptionResult:
    """What came of measuring a model.

    Args:
        model: What it is, for people.
        parameters: How many numbers it learned.
        data: Where the pictures come from.
        split: Which of them.
        pictures: How many.
        size: Height and width that the model saw.
        classes: What is told apart.
        confusion: Of all pictures.
        by_condition: Of the pictures of each condition, where there are several.
        boundaries: Mean F1 of outlines, and by class.
        calibration: Of the probabilities.
        errors: How well doubts tell errors.
        speed: None if it was not timed.
        notes: What a reader of the figures should know.
    """

    model: str
    parameters: int
    data: str
    split: str
    pictures: int
    size: tuple[int, int]
    classes: Classes
    confusion: Confusion
    by_condition: Mapping[str, Confusion]
    boundaries: BoundaryF1
    calibration: Calibration
    errors: ErrorDetection
    speed: Speed | None
    notes: tuple[str, ...] = ()

    @property
    def drivable_iou(self) -> float:
        """Intersection over union of the drivable area alone."""
        return self.confusion.drivable_iou(self.classes.drivable_mask)

    def to_json(self) -> dict[str, Any]:
        """Give a tree that `json.dumps` takes; what has no value, such as the IoU of an absent class, is None."""
        mask = self.classes.drivable_mask
        names = self.classes.names
        figures = {
            "model": self.model,
            "parameters": self.parameters,
            "pictures": self.pictures,
            "size": list(self.size),
            "iou": dict(zip(names, self.confusion.iou.tolist(), strict=True)),
            "mean_iou": self.confusion.mean_iou,
            "global_accuracy": self.confusion.global_accuracy,
            "frames_per_second": self.speed.frames_per_second if self.speed else None,
            "data": self.data,
            "split": self.split,
            "drivable": list(self.classes.drivable),
            "drivable_iou": self.drivable_iou,
            "two_class_mean_iou": self.confusion.two_class_mean_iou(mask),
            "accuracy": dict(zip(names, self.confusion.class_accuracy.tolist(), strict=True)),
            "mean_accuracy": self.confusion.mean_accuracy,
            "boundary_f1": self.boundaries.mean,
            "boundary_f1_by_class": dict(zip(names, self.boundaries.by_class.tolist(), strict=True)),
            "expected_calibration_error": self.calibration.expected_error,
            "brier_score": self.calibration.brier_score,
            "error_auroc": self.errors.auroc,
            "error_auroc_away_from_borders": self.errors.auroc_inside,
            "errors_near_borders": self.errors.border_share,
            "conditions": {
                name: {
                    "drivable_iou": confusion.drivable_iou(mask),
                    "mean_iou": confusion.mean_iou,
                    "global_accuracy": confusion.global_accuracy,
                }
                for name, confusion in self.by_condition.items()
            },
            "notes": list(self.notes),
        } | (self.speed.to_json() if self.speed else {})
        plain: dict[str, Any] = _without_nan(figures)
        return plain


def _without_nan(tree: Any) -> Any:
    """NaN is no JSON: a figure without a value becomes None."""
    if isinstance(tree, dict):
        return {name: _without_nan(branch) for name, branch in tree.items()}
    if isinstance(tree, list):
        return [_without_nan(branch) for branch in tree]
    return None if isinstance(tree, float) and math.isnan(tree) else tree
