"""Evaluate a detector: COCO's average precision, the error of distances, IoU of classes of pixels, and speed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit.detection.average_precision import AveragePrecision, PrecisionResult
from rlkit.detection.datasets.base import DetectionDataset
from rlkit.detection.objects import Objects
from rlkit.errors import UserError
from rlkit.perception.detections import Detections
from rlkit.perception.detector import Detector
from rlkit.segmentation.evaluation import TIMED_BATCH, Progress, Speed, device_name, time_inference, without_nan
from rlkit.segmentation.metrics import Confusion
from rlkit.spaces import Pixels

LEAST_SCORE = 0.01  # of an object that counts in the average precision
EVALUATED_BATCH = 16  # images per forward pass


@dataclass(frozen=True)
class DetectionResult:
    """Metrics of a detector on a split of a data set.

    Args:
        model: Name of the detector.
        parameters: Number of trainable parameters.
        data: Name of the data set.
        split: Name of the split.
        pictures: Number of images.
        size: Height and width of the detector's input, in whose pixels boxes are measured.
        min_height: Objects lower than this are not measured, in pixels.
        precision: Of all images.
        by_condition: Of the images of each condition, if there are several.
        drivable_iou: IoU of the drivable area; NaN without classes of pixels.
        speed: None if not timed.
        notes: Remarks for the reader.
    """

    model: str
    parameters: int
    data: str
    split: str
    pictures: int
    size: tuple[int, int]
    min_height: float
    precision: PrecisionResult
    by_condition: Mapping[str, PrecisionResult]
    drivable_iou: float
    speed: Speed | None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return a tree that `json.dumps` accepts, with None for NaN."""
        precision = self.precision
        figures = {
            "model": self.model,
            "parameters": self.parameters,
            "pictures": self.pictures,
            "size": list(self.size),
            **_figures(precision),
            "ap_small": precision.small,
            "ap_medium": precision.medium,
            "ap_large": precision.large,
            "ap_by_kind": precision.by_kind,
            "ap50_by_kind": precision.ap50_by_kind,
            "objects": precision.objects,
            "min_height": self.min_height,
            "drivable_iou": self.drivable_iou,
            "frames_per_second": self.speed.frames_per_second if self.speed else None,
            "data": self.data,
            "split": self.split,
            "conditions": {name: _figures(one) for name, one in self.by_condition.items()},
            "notes": list(self.notes),
        }
        plain: dict[str, Any] = without_nan(figures | (self.speed.to_json() if self.speed else {}))
        return plain


def _figures(precision: PrecisionResult) -> dict[str, float]:
    return {
        "ap": precision.ap,
        "ap50": precision.ap50,
        "ap75": precision.ap75,
        "distance_error": precision.distance_error,
    }


@dataclass(frozen=True)
class KindMap:
    """Kinds of objects of a data set by those of a detector, which are matched by name.

    Args:
        of_data: (k,) int64, the detector's kind of each kind of the data.
        measured: (K,) bool, the detector's kinds that the data know.
        note: A remark for the reader; "" for none.
    """

    of_data: npt.NDArray[np.int64]
    measured: npt.NDArray[np.bool_]
    note: str = ""

    @classmethod
    def between(cls, detector: tuple[str, ...], data: tuple[str, ...]) -> "KindMap":
        """Match by name.

        Raises:
            UserError: The data have a kind that the detector does not know.
        """
        unknown = [name for name in data if name not in detector]
        if unknown:
            raise UserError(
                f"The data have objects that the detector does not know: {', '.join(unknown[:8])}. "
                f"It finds {', '.join(detector)}."
            )
        others = [name for name in detector if name not in data]
        note = f"the data lack {', '.join(others)}, which the detector finds: these are not measured" if others else ""
        of_data = np.array([detector.index(name) for name in data], np.int64)
        return cls(of_data, np.array([name in data for name in detector]), note)

    def objects(self, objects: Objects) -> Objects:
        """True objects with the detector's kinds; ignored ones of no kind stay so."""
        known = (objects.labels >= 0) & (objects.labels < len(self.of_data))
        labels = np.where(known, self.of_data[np.where(known, objects.labels, 0)], -1)
        return Objects(objects.boxes, labels, objects.ignored, objects.distances)

    def found(self, found: Detections) -> Detections:
        """Found objects of the kinds that the data know."""
        kept = self.measured[found.labels]
        return Detections(found.boxes[kept], found.labels[kept], found.scores[kept], found.distances[kept])


def evaluate(
    detector: Detector,
    source: DetectionDataset,
    split: str | None = None,
    *,
    name: str = "",
    limit: int | None = None,
    min_height: float = 0.0,
    timed: bool = True,
    progress: Progress | None = None,
) -> DetectionResult:
    """Evaluate a detector on a split of a data set.

    Args:
        detector: The detector.
        source: The data set, of the detector's size.
        split: Name of the split; None for the first.
        name: Name of the detector; "" for that of its network.
        limit: Maximum number of images, from the beginning of the split; None for all.
        min_height: Objects lower than so many pixels are not measured.
        timed: Whether to measure speed as well.
        progress: Called after each batch.

    Raises:
        UserError: There is no such split or no image in it, or the data have objects that the detector does not know.
    """
    split = source.splits[0] if split is None else split
    card = detector.card
    kinds = KindMap.between(card.objects, source.objects)
    both = card.classes is not None and card.classes == source.classes
    overall = AveragePrecision(card.objects, min_height)
    conditions: dict[str, AveragePrecision] = {}
    matrix = Confusion(len(card.classes)) if both and card.classes is not None else None
    timing: list[Pixels] = []
    count = 0
    for pictures in source.measured(split):
        for start in range(0, len(pictures), EVALUATED_BATCH):
            left = EVALUATED_BATCH if limit is None else min(EVALUATED_BATCH, limit - count)
            batch = pictures.part(slice(start, start + left))
            if left <= 0 or not len(batch):
                break
            found, labels = detector.perceive(batch.images, LEAST_SCORE)
            for truth, one, condition in zip(batch.objects, found, batch.conditions, strict=True):
                known, kept = kinds.objects(truth), kinds.found(one)
                overall.add(known, kept)
                conditions.setdefault(condition, AveragePrecision(card.objects, min_height)).add(known, kept)
            if matrix is not None and labels is not None:
                matrix.add(batch.labels, labels)
            count += len(batch)
            if sum(map(len, timing)) < TIMED_BATCH:
                timing.append(batch.images)
            if progress is not None:
                progress(len(batch))
        if limit is not None and count >= limit:
            break
    if not count:
        raise UserError(f"{source.name} has no images in the split {split!r}.")
    iou = math.nan
    if matrix is not None and card.classes is not None:
        iou = matrix.drivable_iou(card.classes.drivable_mask)
    notes = [*source.notes, kinds.note]
    if card.classes is not None and not both:
        notes.append("the data have no masks of the detector's classes of pixels: these are not measured")
    speed = None
    if timed:
        speed = time_inference(detector.perceive, np.concatenate(timing), device_name(detector.device))
    return DetectionResult(
        model=name or card.network,
        parameters=detector.parameters,
        data=source.name,
        split=split,
        pictures=count,
        size=card.size,
        min_height=min_height,
        precision=overall.result(),
        by_condition={key: one.result() for key, one in conditions.items()} if len(conditions) > 1 else {},
        drivable_iou=iou,
        speed=speed,
        notes=tuple(note for note in notes if note),
    )
