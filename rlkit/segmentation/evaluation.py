"""Evaluate a segmentation model: IoU, boundary F1, calibration, uncertainty and speed, overall and by condition."""

import math
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from rlkit.errors import UserError
from rlkit.perception.model import SegmentationModel
from rlkit.segmentation.datasets.base import CheckedDataset, Dataset, LabelledImages
from rlkit.segmentation.datasets.io import resize_label_batch, resize_pictures
from rlkit.segmentation.metrics.boundary import BoundaryF1
from rlkit.segmentation.metrics.calibration import Calibration
from rlkit.segmentation.metrics.confusion import Confusion
from rlkit.segmentation.metrics.error_detection import ErrorDetection
from rlkit.spaces import IGNORED, Classes, Pixels

OTHER, DRIVABLE = "other", "drivable"  # classes of a comparison of the drivable area only
EVALUATED_BATCH = 16  # images per forward pass of the evaluation

WARM_UP, TIMED = 5, 100  # single images before and during timing
TIMED_BATCH = 32  # images
MIN_TIMED_BATCHES = 3

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Speed:
    """Speed of inference, from uint8 images to class labels.

    Args:
        frames_per_second: At batch size 1.
        p50: Median latency at batch size 1, in milliseconds.
        p99: 99th percentile of that latency, in milliseconds.
        batched: Images per second in batches of 32.
        device: Processor and number of threads.
    """

    frames_per_second: float
    p50: float
    p99: float
    batched: float
    device: str

    def to_json(self) -> dict[str, Any]:
        """Return a tree that `json.dumps` accepts."""
        return {
            "latency_ms": {"p50": self.p50, "p99": self.p99},
            "frames_per_second_in_batches_of_32": self.batched,
            "device": self.device,
        }


@dataclass(frozen=True)
class SegmentationResult:
    """Metrics of a model on a split of a data set.

    Args:
        model: Name of the model.
        parameters: Number of trainable parameters.
        data: Name of the data set.
        split: Name of the split.
        pictures: Number of images.
        size: Height and width of the model's input.
        classes: The compared classes.
        confusion: Of all images.
        by_condition: Of the images of each condition, if there are several.
        boundaries: Boundary F1.
        calibration: Calibration error and Brier score.
        errors: Error-detection AUROC of the uncertainty.
        speed: None if not timed.
        notes: Remarks for the reader.
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
        """IoU of the drivable area."""
        return self.confusion.drivable_iou(self.classes.drivable_mask)

    def to_json(self) -> dict[str, Any]:
        """Return a tree that `json.dumps` accepts, with None for NaN, such as the IoU of an absent class."""
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
        plain: dict[str, Any] = without_nan(figures)
        return plain


def without_nan(tree: Any) -> Any:
    """Replace NaN, which JSON lacks, by None."""
    if isinstance(tree, dict):
        return {name: without_nan(branch) for name, branch in tree.items()}
    if isinstance(tree, list):
        return [without_nan(branch) for branch in tree]
    return None if isinstance(tree, float) and math.isnan(tree) else tree


def measure_speed(model: SegmentationModel, images: Pixels) -> Speed:
    """Time inference at batch sizes 1 and 32.

    Args:
        model: The model.
        images: (N, H, W, 3) uint8, used in turn.
    """
    return time_inference(model.labels, images, device_name(model.device))


def time_inference(infer: Callable[[Pixels], object], images: Pixels, device: str) -> Speed:
    """Time a function of images at batch sizes 1 and 32.

    Args:
        infer: The function.
        images: (N, H, W, 3) uint8, used in turn.
        device: What it runs on, for the result.
    """
    times = []
    for number in range(WARM_UP + TIMED):
        one = images[number % len(images)][None]
        start = time.perf_counter()
        infer(one)
        times.append(time.perf_counter() - start)
    times = times[WARM_UP:]
    batch = images[np.arange(TIMED_BATCH) % len(images)]
    infer(batch)
    batch_times: list[float] = []
    while len(batch_times) < MIN_TIMED_BATCHES or sum(batch_times) < 0.5:
        start = time.perf_counter()
        infer(batch)
        batch_times.append(time.perf_counter() - start)
    p50, p99 = np.percentile(times, [50, 99])
    batched = TIMED_BATCH / float(np.median(batch_times))  # the median is robust against other load of the machine
    return Speed(1.0 / float(p50), 1e3 * float(p50), 1e3 * float(p99), batched, device)


def device_name(device: str) -> str:
    """The processor behind a torch device, with the number of threads."""
    if str(device).startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"


@dataclass(frozen=True)
class Comparison:
    """Mapping of a model's and a data set's classes to common ones.

    Args:
        classes: The common classes.
        of_data: (256,) uint8, from the data set's class numbers to the common ones.
        groups: (C, c) float32, 1 where a class of the model belongs to a common one; None for the identity.
        notes: Remarks for the reader.
    """

    classes: Classes
    of_data: Pixels
    groups: Floats | None
    notes: tuple[str, ...] = ()

    @classmethod
    def between(cls, model: Classes, data: Classes, drivable_only: bool) -> "Comparison":
        """Map class by class, or to drivable and other if `drivable_only`.

        Raises:
            UserError: The classes differ, and `drivable_only` is false.
        """
        table = np.full(256, IGNORED, dtype=np.uint8)
        if not drivable_only:
            if set(model.names) != set(data.names):
                raise UserError(
                    f"The model's classes are {', '.join(model.names)}; the data's {', '.join(data.names)}. They "
                    "cannot be compared class by class; --drivable-only compares their drivable areas "
                    f"({', '.join(model.drivable)} and {', '.join(data.drivable)})."
                )
            table[: len(data)] = [model.names.index(name) for name in data.names]
            return cls(model, table, None)
        table[: len(data)] = data.drivable_mask
        groups = np.stack([~model.drivable_mask, model.drivable_mask], axis=1).astype(np.float32)
        note = (
            f"only the drivable area is compared: {', '.join(model.drivable)} of the model, "
            f"{', '.join(data.drivable)} of the data"
        )
        return cls(Classes((OTHER, DRIVABLE), (DRIVABLE,)), table, groups, (note,))

    def of_model(self, probabilities: Floats) -> Floats:
        """(N, C, H, W) probabilities of the model's classes -> (N, c, H, W) of the common classes."""
        if self.groups is None:
            return probabilities
        grouped: Floats = np.einsum("nchw,cd->ndhw", probabilities, self.groups)
        return grouped


class Progress(Protocol):
    """Callback after each batch."""

    def __call__(self, pictures: int) -> None:
        """Report the number of images in the batch."""
        ...


def evaluate(
    model: SegmentationModel,
    source: Dataset,
    split: str | None = None,
    *,
    name: str = "",
    limit: int | None = None,
    samples: int = 1,
    seed: int = 0,
    drivable_only: bool = False,
    timed: bool = True,
    progress: Progress | None = None,
) -> SegmentationResult:
    """Evaluate a model on a split of a data set.

    Args:
        model: The model.
        source: The data set. Images and labels are resized to the model's input.
        split: Name of the split; None for the first.
        name: Name of the model; "" for that of its network.
        limit: Maximum number of images, from the beginning of the split; None for all.
        samples: Monte-Carlo dropout samples per image, for a network with dropout (Bayesian SegNet).
        seed: Of dropout.
        drivable_only: Compare only drivable and other, for a model and a data set of different classes.
        timed: Whether to measure speed as well.
        progress: Called after each batch.

    Raises:
        UserError: There is no such split or no image in it, no pixel of it is drivable, or the classes of model and
            data set differ.
    """
    split = source.splits[0] if split is None else split
    notes: list[str] = []
    comparison = Comparison.between(model.classes, source.classes, drivable_only)
    if isinstance(source, CheckedDataset):
        notes += (*source.notes, *source.check_split(split))
    size = model.card.size
    if size != source.size:
        notes.append(
            f"images and labels of {_shown(source.size)} pixels were resized to {_shown(size)}, the model's input"
        )
    classes = comparison.classes
    boundaries, calibration, errors = BoundaryF1(len(classes)), Calibration(), ErrorDetection()
    conditions: dict[str, Confusion] = {}
    confusion = Confusion(len(classes))
    generator = torch.Generator(model.device).manual_seed(seed)
    count = 0
    timing: list[Pixels] = []
    for pictures in source.measured(split):
        for batch in _parts(pictures, None if limit is None else limit - count):
            images = resize_pictures(batch.images, size)
            labels = comparison.of_data[resize_label_batch(batch.labels, size)]
            sampled = model.sampled(images, samples, generator)
            probabilities = comparison.of_model(sampled.probabilities)
            predictions = probabilities.argmax(axis=1).astype(np.uint8)
            boundaries.add(labels, predictions)
            calibration.add(labels, probabilities)
            errors.add(labels, predictions, sampled.entropy)
            for number, condition in enumerate(batch.conditions):
                one = conditions.setdefault(condition, Confusion(len(classes)))
                one.add(labels[number], predictions[number])
            count += len(batch)
            if sum(map(len, timing)) < TIMED_BATCH:
                timing.append(images)
            if progress is not None:
                progress(len(batch))
        if limit is not None and count >= limit:
            break
    if not count:
        raise UserError(f"{source.name} has no images in the split {split!r}.")
    for one in conditions.values():
        confusion = confusion + one
    return SegmentationResult(
        model=name or model.card.network,
        parameters=model.parameters,
        data=source.name,
        split=split,
        pictures=count,
        size=size,
        classes=classes,
        confusion=confusion,
        by_condition=conditions if len(conditions) > 1 else {},
        boundaries=boundaries,
        calibration=calibration,
        errors=errors,
        speed=measure_speed(model, np.concatenate(timing)) if timed else None,
        notes=(*comparison.notes, *notes),
    )


def _parts(pictures: LabelledImages, limit: int | None) -> Iterator[LabelledImages]:
    """Split a batch into smaller ones, up to a total of `limit` images."""
    count = len(pictures) if limit is None else min(len(pictures), limit)
    for first in range(0, count, EVALUATED_BATCH):
        yield pictures.part(slice(first, min(first + EVALUATED_BATCH, count)))


def _shown(size: tuple[int, int]) -> str:
    return f"{size[1]}×{size[0]}"
