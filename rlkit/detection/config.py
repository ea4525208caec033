"""The configuration of the training of a detector, and how everything in it is decided."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rlkit.detection.average_precision import check_evaluator
from rlkit.detection.datasets import open_boxes
from rlkit.detection.datasets.base import DetectionDataset
from rlkit.detection.hyperparameters import PRESETS, DetectionHyperparameters
from rlkit.errors import UserError
from rlkit.hyperparameters import from_plain, with_settings
from rlkit.nn.utils import choose_device
from rlkit.perception.model_card import check_kinds
from rlkit.perception.networks import ObjectNetwork, build_detector
from rlkit.segmentation.config import (
    CHECKPOINTS,
    VALIDATIONS,
    NetworkConfig,
    absolute,
    check_length,
    check_seed,
    checked_budget,
    chosen_preset,
    differences,
    interval,
)
from rlkit.segmentation.initial_weights import initialise
from rlkit.spaces import Classes

Data = str | Path | DetectionDataset
"""What a detector can be trained on; see `plan`."""


@dataclass(frozen=True)
class DetectionConfig(NetworkConfig):
    """Everything needed to repeat the training of a detector; further fields are those of `NetworkConfig`.

    Args:
        objects: Names of the kinds of objects.
        has_distances: Whether their distances are learned.
    """

    objects: tuple[str, ...] = ()
    has_distances: bool = False
    KIND = "detection"
    HYPERPARAMETERS = DetectionHyperparameters
    PRESETS = PRESETS

    @property
    def settings(self) -> DetectionHyperparameters:
        """The hyperparameters."""
        return from_plain(DetectionHyperparameters, self.hyperparameters)

    def to_json(self) -> dict[str, Any]:
        """The tree that config.json holds."""
        return super().to_json() | {"objects": list(self.objects)}

    @classmethod
    def parsed(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The values of all fields, made from what JSON holds of them."""
        objects, distances = values["objects"], values["has_distances"]
        if not isinstance(objects, list) or type(distances) is not bool:
            raise UserError(f"objects = {objects!r:.60}, has_distances = {distances!r:.60}: expected a list and a bool")
        return super().parsed(values) | {"objects": check_kinds(tuple(objects))}


@dataclass(frozen=True)
class DetectionPlan:
    """A run that is decided upon and not begun.

    Args:
        config: Its configuration.
        source: Its data set, opened.
        network: The network to train, with its initial weights.
        notes: Warnings for the user.
    """

    config: DetectionConfig
    source: DetectionDataset
    network: ObjectNetwork
    notes: tuple[str, ...] = ()

    def describe(self) -> list[str]:
        """What was decided, in lines for the user."""
        config, classes = self.config, self.config.classes
        height, width = config.size
        beside = "no classes of pixels" if classes is None else f"{len(classes)} classes of pixels: "
        beside += "" if classes is None else f"{', '.join(classes.names)} (drivable: {', '.join(classes.drivable)})"
        differ = differences(config.settings, PRESETS[config.preset](classes, config.pictures))
        return [
            f"data: {self.source.name}, {config.many}, {height}×{width}, {len(config.objects)} kinds of objects: "
            f"{', '.join(config.objects)} ({'with' if config.has_distances else 'without'} distances); {beside}",
            *config.describe(self.network, differ),
        ]


def plan(
    data: Data = "sim",
    *,
    network: str = "centernet-compact",
    preset: str | None = None,
    settings: Mapping[str, str] | None = None,
    steps: int | None = None,
    epochs: int | None = None,
    size: tuple[int, int] | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    val_fraction: float = 0.1,
    seed: int = 0,
    device: str = "auto",
    val_freq: int | None = None,
    save_freq: int | None = None,
    init: str | Path | None = None,
) -> DetectionPlan:
    """Decide everything about a run before it starts, from its data set.

    Args:
        data: "sim", "env:ID", a folder of pictures with boxes, or a `DetectionDataset`.
        network: Name of a detector.
        preset: "simulator" or "files"; if not given, the one that suits the data set.
        settings: Hyperparameters that differ from the preset, as typed: {"learning_rate": "1e-3"}.
        steps: Budget in steps of gradient descent.
        epochs: Budget in passes over the pictures, instead of `steps`.
        size: Height and width of the pictures; their own if not given.
        env_kwargs: Arguments of the environment, where pictures come from one.
        val_fraction: Share of the training pictures used for validation.
        seed: Fixes everything.
        device: "auto", "cpu" or "cuda".
        val_freq: Steps between validations; None for twenty of them.
        save_freq: Steps between checkpoints; 0 for one at the end only; None for ten of them.
        init: A model to initialise from: a perception run, a file, `pretrained:NAME`; of a segmentation model that
            shares the encoder, the weights that fit are loaded.

    Raises:
        UserError: For anything that the caller can correct.
    """
    check_length(steps, epochs)
    check_seed(seed)
    check_evaluator()
    where = choose_device(device)
    source = open_data(data, size=size, seed=seed, env_kwargs=env_kwargs, held_out=val_fraction)
    pictures, classes = source.training_pictures, source.classes
    if pictures == 0:
        raise UserError(f"{source.name} has no pictures to train on.")
    name = chosen_preset(preset, pictures)
    hyperparameters = with_settings(PRESETS[name](classes, pictures), settings or {})
    check_selection(hyperparameters, classes)
    budget = checked_budget(steps, epochs, pictures, hyperparameters.batch_size)
    built = build(network, source.objects, classes, seed)
    begun, notes = initialise(built, init, None, network)
    config = DetectionConfig(
        data=absolute(data, source.name),
        env_kwargs=dict(env_kwargs or {}),
        val_fraction=val_fraction,
        size=source.size,
        classes=classes,
        pictures=pictures,
        network=network,
        preset=name,
        hyperparameters=dataclasses.asdict(hyperparameters),
        steps=budget,
        seed=seed,
        device=where,
        val_freq=interval(val_freq, budget, VALIDATIONS),
        save_freq=interval(save_freq, budget, CHECKPOINTS),
        start=begun,
        objects=source.objects,
        has_distances=source.has_distances,
    )
    return DetectionPlan(config, source, built, (*source.notes, *notes))


def build(network: str, objects: tuple[str, ...], classes: Classes | None, seed: int) -> ObjectNetwork:
    """Make an untrained detector whose weights the seed fixes.

    Raises:
        UserError: There is no such network.
    """
    generator = torch.Generator().manual_seed(seed)
    return build_detector(network, len(objects), 0 if classes is None else len(classes), generator)


def check_selection(settings: DetectionHyperparameters, classes: Classes | None) -> None:
    """Check that the score which weights are selected by can be measured.

    Raises:
        UserError: It needs classes of pixels, and there are none.
    """
    if settings.select_by in ("drivable_iou", "mean_iou") and classes is None:
        raise UserError(f"select_by = {settings.select_by} needs masks, which the data lack: select by ap or ap50.")


def open_data(data: Data, **options: Any) -> DetectionDataset:
    """Open a data set by its name or folder; a `DetectionDataset` is returned as it is.

    Args:
        data: See `plan`.
        **options: Of `rlkit.detection.datasets.open_boxes`.

    Raises:
        UserError: There is no such data set, or it cannot be used.
    """
    return open_boxes(data, **options) if isinstance(data, str | Path) else data
