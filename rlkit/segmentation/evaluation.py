"""Evaluate a segmentation model: IoU, boundary F1, calibration, uncertainty and speed, in all and by condition."""

import math
import platform
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from rlkit.errors import UserError
from rlkit.perception.model import SegmentationModel
from rlkit.segmentation.datasets.base import Dataset, LabelledImages
from rlkit.segmentation.datasets.io import resize_label_batch, resize_pictures
from rlkit.segmentation.metrics.boundary import BoundaryF1
from rlkit.segmentation.metrics.calibration import Calibration
from rlkit.segmentation.metrics.confusion import Confusion
from rlkit.segmentation.metrics.error_detection import ErrorDetection
from rlkit.spaces import IGNORED, Classes, Pixels

_TIMED, _WARM_UP, BATCH = 100, 5, 32  # pictures timed one by one, before that, and at once
_ROUNDS = 3  # of batches, at least

OTHER, DRIVABLE = "other", "drivable"

Floats = npt.NDArray[np.float32]

AT_ONCE = 16  # pictures that are measured together


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
class SegmentationResult:
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


def measure_speed(model: SegmentationModel, images: Pixels) -> Speed:
    """Time a model on pictures, one at a time and in batches of 32.

    Args:
        model: Which.
        images: (N, H, W, 3) uint8, taken in turn.
    """
    times = []
    for number in range(_WARM_UP + _TIMED):
        one = images[number % len(images)][None]
        start = time.perf_counter()
        model.labels(one)
        times.append(time.perf_counter() - start)
    times = times[_WARM_UP:]
    batch = images[np.arange(BATCH) % len(images)]
    model.labels(batch)
    rounds: list[float] = []
    while len(rounds) < _ROUNDS or sum(rounds) < 0.5:
        start = time.perf_counter()
        model.labels(batch)
        rounds.append(time.perf_counter() - start)
    p50, p99 = np.percentile(times, [50, 99])
    # The median: what else the machine did meanwhile is not the model's.
    return Speed(1.0 / float(p50), 1e3 * float(p50), 1e3 * float(p99), BATCH / float(np.median(rounds)), _device(model))


def _device(model: SegmentationModel) -> str:
    if str(model.device).startswith("cuda"):
        return torch.cuda.get_device_name(model.device)
    return f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"


@dataclass(frozen=True)
class Comparison:
    """How classes of a model and of data are compared.

    Args:
        classes: What is compared.
        of_data: (256,) uint8, from the data's class numbers to those that are compared.
        groups: (C, c) float32, which of the model's classes go into which that are compared; None for the same.
        notes: What a reader should know.
    """

    classes: Classes
    of_data: Pixels
    groups: Floats | None
    notes: tuple[str, ...] = ()

    @classmethod
    def between(cls, model: Classes, data: Classes, drivable_only: bool) -> "Comparison":
        """Compare class by class where both have the same ones, else, if asked for, drivable with other.

        Raises:
            UserError: They differ, and drivable alone was not asked for.
        """
        table = np.full(256, IGNORED, dtype=np.uint8)
        if not drivable_only:
            if set(model.names) != set(data.names):
                raise UserError(
                    f"The model tells apart {', '.join(model.names)}; the data {', '.join(data.names)}. Class by "
                    "class they cannot be compared; --drivable-only compares the drivable area "
                    f"({', '.join(model.drivable)} and {', '.join(data.drivable)}) with the rest."
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
        """(N, C, H, W) probabilities of the model's classes -> (N, c, H, W) of those that are compared."""
        if self.groups is None:
            return probabilities
        grouped: Floats = np.einsum("nchw,cd->ndhw", probabilities, self.groups)
        return grouped


class Progress(Protocol):
    """Is told how many pictures have been measured."""

    def __call__(self, pictures: int) -> None:
        """Say that so many are done."""
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
    """Measure a model on labelled pictures, which pass by one batch after the other.

    Args:
        model: Which.
        source: Where pictures come from. Those of another size than the model's are resized, and so are labels.
        split: Which of them; None for the source's usual one.
        name: What to call the model; its network if not given.
        limit: Most pictures to measure, the first of the split; None for all.
        samples: Answers with dropout per picture, for a network that has it (Bayesian SegNet): their mean is measured.
        seed: What dropout draws from.
        drivable_only: Whether to tell drivable from other only, which a model and data of different classes allow.
        timed: Whether to measure speed, too.
        progress: Is told after each batch.

    Raises:
        UserError: There is no such split or no picture in it, or the classes of model and data differ.
    """
    split = source.splits[0] if split is None else split
    notes: list[str] = []
    comparison = Comparison.between(model.classes, source.classes, drivable_only)
    size = model.card.size
    if size != source.size:
        notes.append(
            f"pictures of {_shown(source.size)} pixels were resized to {_shown(size)}, the model's size, and labels "
            "with them"
        )
    classes = comparison.classes
    boundaries, calibration, errors = BoundaryF1(len(classes)), Calibration(), ErrorDetection()
    conditions: dict[str, Confusion] = {}
    confusion = Confusion(len(classes))
    generator = torch.Generator(model.device).manual_seed(seed)
    seen = 0
    timing: list[Pixels] = []
    for pictures in source.measured(split):
        for batch in _parts(pictures, None if limit is None else limit - seen):
            images = resize_pictures(batch.images, size)
            labels = comparison.of_data[resize_label_batch(batch.labels, size)]
            answer = model.sampled(images, samples, generator)
            probabilities = comparison.of_model(answer.probabilities)
            found = probabilities.argmax(axis=1).astype(np.uint8)
            boundaries.add(labels, found)
            calibration.add(labels, probabilities)
            errors.add(labels, found, answer.entropy)
            for number, condition in enumerate(batch.conditions):
                one = conditions.setdefault(condition, Confusion(len(classes)))
                one.add(labels[number], found[number])
            seen += len(batch)
            if sum(map(len, timing)) < BATCH:
                timing.append(images)
            if progress is not None:
                progress(len(batch))
        if limit is not None and seen >= limit:
            break
    if not seen:
        raise UserError(f"{source.name} has no pictures in the split {split!r}.")
    for one in conditions.values():
        confusion = confusion + one
    return SegmentationResult(
        model=name or model.card.network,
        parameters=model.parameters,
        data=source.name,
        split=split,
        pictures=seen,
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
    """Cut a batch into smaller ones, up to a limit of pictures in all."""
    count = len(pictures) if limit is None else min(len(pictures), limit)
    for first in range(0, count, AT_ONCE):
        part = slice(first, min(first + AT_ONCE, count))
        yield LabelledImages(
            pictures.images[part], pictures.labels[part], pictures.names[part], pictures.conditions[part]
        )


def _shown(size: tuple[int, int]) -> str:
    return f"{size[1]}×{size[0]}"
