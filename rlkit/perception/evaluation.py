"""Measuring a segmentation model: overlap, outlines, honesty, doubts and speed, in all and by condition."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch

from rlkit.errors import UserError
from rlkit.perception.data.resizing import resize_label_batch, resize_pictures
from rlkit.perception.metrics import BoundaryF1, Calibration, Confusion, ErrorDetection
from rlkit.perception.metrics.comparison import Comparison
from rlkit.perception.metrics.result import PerceptionResult
from rlkit.perception.metrics.speed import BATCH, measure_speed
from rlkit.perception.model import SegmentationModel
from rlkit.perception.pictures import LabelledPictures, PictureSource, Pixels

AT_ONCE = 16  # pictures that are measured together


class Progress(Protocol):
    """Is told how many pictures have been measured."""

    def __call__(self, pictures: int) -> None:
        """Say that so many are done."""
        ...


def evaluate(
    model: SegmentationModel,
    source: PictureSource,
    split: str | None = None,
    *,
    name: str = "",
    limit: int | None = None,
    samples: int = 1,
    seed: int = 0,
    drivable_only: bool = False,
    timed: bool = True,
    progress: Progress | None = None,
) -> PerceptionResult:
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
    return PerceptionResult(
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


def _parts(pictures: LabelledPictures, limit: int | None) -> Iterator[LabelledPictures]:
    """Cut a batch into smaller ones, up to a limit of pictures in all."""
    count = len(pictures) if limit is None else min(len(pictures), limit)
    for first in range(0, count, AT_ONCE):
        part = slice(first, min(first + AT_ONCE, count))
        yield LabelledPictures(
            pictures.images[part], pictures.labels[part], pictures.names[part], pictures.conditions[part]
        )


def _shown(size: tuple[int, int]) -> str:
    return f"{size[1]}×{size[0]}"
