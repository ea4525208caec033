"""The configuration of a segmentation run in one frozen dataclass, and how everything in it is decided."""

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn
from torch.utils.data import Dataset as TorchData

from rlkit.errors import UserError
from rlkit.hyperparameters import check_complete, from_plain, with_settings
from rlkit.nn.distributed import check_learners, share
from rlkit.nn.utils import choose_device
from rlkit.perception.networks import build_network, check_network
from rlkit.segmentation.datasets import open_dataset
from rlkit.segmentation.datasets.base import CheckedDataset, Dataset
from rlkit.segmentation.datasets.torch_dataset import TorchDataset
from rlkit.segmentation.hyperparameters import PRESETS, Hyperparameters, usual_preset
from rlkit.segmentation.initial_weights import initialise
from rlkit.segmentation.loader import batches_in_a_pass
from rlkit.spaces import Classes
from rlkit.training.config import StoredConfig, versions
from rlkit.utils.parsing import did_you_mean

Data = str | Path | Dataset | TorchData[Any]
"""What a network can be trained on; see `plan`."""

SIMULATED_STEPS = 3_000  # where pictures never end
EPOCHS = 100  # passes over a folder's pictures
VALIDATIONS = 20  # in a run
CHECKPOINTS = 10  # in a run


@dataclass(frozen=True)
class NetworkConfig(StoredConfig):
    """Everything needed to repeat the training of a network that sees single pictures.

    Args:
        data: "sim", "env:ID", a folder's absolute path, or the name of a dataset that was given in Python.
        env_kwargs: Arguments of the environment, where pictures come from one.
        val_fraction: Share of the training pictures used for validation, unless the data set has such a split.
        size: Height and width of the pictures.
        classes: Names of the classes of pixels; None where their labels are unknown.
        pictures: Number of training pictures; None where they never end.
        network: A name of `networks.NETWORKS` or `networks.DETECTORS`, or `my_package:MyNet`.
        preset: Name of the preset that the hyperparameters came from.
        hyperparameters: All of them, written out.
        steps: Budget in steps of gradient descent.
        seed: The one seed that fixes everything.
        device: "cpu" or "cuda".
        val_freq: Steps between validations, by which the best weights are selected.
        save_freq: Steps between checkpoints; 0 for one at the end only.
        start: Where the initial weights came from: "" for random ones, else the file with its digest.
        versions: Of Python and of the packages that numbers may depend on.
        learners: Processes that train together, each with its share of every batch.

    Attributes:
        HYPERPARAMETERS: Type of the hyperparameters.
        PRESETS: Names of the presets.
    """

    HYPERPARAMETERS: ClassVar[type[Hyperparameters]]
    PRESETS: ClassVar[Collection[str]]

    data: str
    env_kwargs: Mapping[str, Any]
    val_fraction: float
    size: tuple[int, int]
    classes: Classes | None
    pictures: int | None
    network: str
    preset: str
    hyperparameters: Mapping[str, Any]
    steps: int
    seed: int
    device: str
    val_freq: int
    save_freq: int
    start: str = ""
    versions: Mapping[str, str] = field(default_factory=versions)
    learners: int = 1
    OPTIONAL = frozenset({"learners"})

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense.

        Raises:
            UserError: Naming the option, what was given and what is allowed.
        """
        self.check_fields(
            texts=("data", "network", "preset", "start"), objects=("env_kwargs", "hyperparameters", "versions")
        )
        share = self.val_fraction
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 1:
            raise UserError(f"--val-fraction {share!r}: expected a share from 0 to less than 1")
        if self.pictures is not None and (type(self.pictures) is not int or self.pictures < 1):
            raise UserError(f"pictures = {self.pictures!r}: expected a number of pictures, or null")

    @property
    def folder_name(self) -> str:
        """Such as perception-segnet-s0."""
        return f"perception-{self.network.rpartition(':')[2].lower()}-s{self.seed}"

    @property
    def settings(self) -> Hyperparameters:
        """The hyperparameters."""
        return from_plain(self.HYPERPARAMETERS, self.hyperparameters)

    @property
    def many(self) -> str:
        """How many training pictures there are, in words."""
        return "an endless stream of pictures" if self.pictures is None else f"{self.pictures} training pictures"

    def describe(self, network: nn.Module, differ: str) -> list[str]:
        """Network, budget and hyperparameters, in lines for the user.

        Args:
            network: To train.
            differ: Hyperparameters that are not the preset's.
        """
        settings, passes = self.settings, ""
        count = sum(parameter.numel() for parameter in network.parameters())
        if self.pictures is not None:
            passes = f" ({self.steps * settings.batch_size / self.pictures:.0f} passes)"
        return [
            f"network: {self.network}, {count:,} parameters, initialised "
            f"{f'from {self.start}' if self.start else 'at random'}, on {self.device}",
            f"budget: {self.steps:,} steps of {settings.batch_size} pictures{passes}, validation every "
            f"{self.val_freq:,} by {settings.select_by}",
            f"hyperparameters: preset {self.preset}{f' with {differ}' if differ else ''}; all are in config.json",
        ]

    def to_json(self) -> dict[str, Any]:
        """The tree that config.json holds."""
        classes = None if self.classes is None else self.classes.to_json()
        return super().to_json() | {"size": list(self.size), "classes": classes}

    @classmethod
    def parsed(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The values of all fields, made from what JSON holds of them."""
        size = values["size"]
        if not isinstance(size, list) or [type(side) for side in size] != [int, int]:
            raise UserError(f"size = {size!r}: expected height and width in pixels")
        if not isinstance(values["preset"], str) or values["preset"] not in cls.PRESETS:
            raise UserError(f"preset = {values['preset']!r}: expected one of {', '.join(cls.PRESETS)}")
        check_complete(cls.HYPERPARAMETERS, values["hyperparameters"])
        classes = None if values["classes"] is None else Classes.from_json(values["classes"])
        return values | {"size": (size[0], size[1]), "classes": classes}


@dataclass(frozen=True)
class SegmentationConfig(NetworkConfig):
    """Everything needed to repeat the training of a segmentation network; the fields are those of `NetworkConfig`."""

    classes: Classes
    KIND = "segmentation"
    HYPERPARAMETERS = Hyperparameters
    PRESETS = PRESETS

    @classmethod
    def parsed(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The values of all fields, made from what JSON holds of them."""
        return super().parsed(values) | {"classes": Classes.from_json(values["classes"])}


@dataclass(frozen=True)
class Plan:
    """A run that is decided upon and not begun.

    Args:
        config: Its configuration.
        source: Its data set, opened.
        network: The network to train, with its initial weights.
        notes: Warnings for the user.
    """

    config: SegmentationConfig
    source: Dataset
    network: nn.Module
    notes: tuple[str, ...] = ()

    def describe(self) -> list[str]:
        """What was decided, in lines for the user."""
        config, source = self.config, self.source
        height, width = config.size
        differ = differences(config.settings, PRESETS[config.preset](source.classes, config.pictures))
        return [
            f"data: {source.name}, {config.many}, {height}×{width}, {len(source.classes)} classes: "
            f"{', '.join(source.classes.names)} (drivable: {', '.join(source.classes.drivable)})",
            *config.describe(self.network, differ),
        ]


def plan(
    data: Data = "sim",
    *,
    classes: Classes | None = None,
    network: str = "segnet-compact",
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
    vgg16: str | Path | None = None,
    learners: int = 1,
) -> Plan:
    """Decide everything about a run before it starts, from its data set.

    Args:
        data: "sim", "env:ID", a folder of pictures, a map-style torch dataset of (image, label) pairs (see
            `datasets.torch_dataset`), or a `Dataset`.
        classes: What the labels of a torch dataset mean; all others bring their own.
        network: Name of a network, or `my_package:MyNet`.
        preset: "simulator" or "files"; if not given, the one that suits the data set.
        settings: Hyperparameters that differ from the preset, as typed: {"learning_rate": "1e-3"}.
        steps: Budget in steps of gradient descent.
        epochs: Budget in passes over the pictures, instead of `steps`.
        size: Height and width of the pictures; their own if not given.
        env_kwargs: Arguments of the environment, where pictures come from one.
        val_fraction: Share of the training pictures used for validation, unless the data set has such a split.
        seed: Fixes everything.
        device: "auto", "cpu" or "cuda".
        val_freq: Steps between validations; None for twenty of them.
        save_freq: Steps between checkpoints; 0 for one at the end only; None for ten of them.
        init: A model to initialise from: a perception run, a file, `pretrained:NAME`; weights that do not fit are not
            loaded.
        vgg16: A safetensors file with VGG16's ImageNet weights for a network that has its convolutions.
        learners: Processes that train together, data-parallel; each takes its share of every batch, and a GPU of its
            own where `device` is one. They open `data` themselves, so that it has to be a name or a folder.

    Raises:
        UserError: For anything that the caller can correct.
    """
    check_length(steps, epochs)
    check_seed(seed)
    if learners < 1:
        raise UserError(f"--learners {learners}: expected a whole number of at least 1.")
    if learners > 1 and not isinstance(data, str | Path):
        raise UserError(f"learners={learners}: each opens the data itself; give a name or a folder, or learners=1.")
    if init is not None and vgg16 is not None:
        raise UserError("--init and --pretrained-vgg16 both give the initial weights: leave one out.")
    if classes is not None and isinstance(data, str | Path):
        raise UserError(f"classes are for a torch dataset: {data} brings its own.")
    where = choose_device(device)
    check_learners(learners, where)
    source = open_data(data, classes, size=size, seed=seed, env_kwargs=env_kwargs, held_out=val_fraction)
    remarks = checked(source)
    pictures = source.training_pictures
    name = chosen_preset(preset, pictures)
    hyperparameters = with_settings(PRESETS[name](source.classes, pictures), settings or {})
    share("batch_size", hyperparameters.batch_size, learners)
    budget = checked_budget(steps, epochs, pictures, hyperparameters.batch_size)
    count = len(source.classes)
    built = build_network(network, count, allow_code=True, generator=torch.Generator().manual_seed(seed))
    crop = (hyperparameters.crop[0], hyperparameters.crop[1]) if hyperparameters.crop else source.size
    check_network(built, count, crop, network)
    begun, notes = initialise(built, init, vgg16, network)
    config = SegmentationConfig(
        data=absolute(data, source.name),
        env_kwargs=dict(env_kwargs or {}),
        val_fraction=val_fraction,
        size=source.size,
        classes=source.classes,
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
        learners=learners,
    )
    return Plan(config, source, built, (*remarks, *notes))


def interval(steps: int | None, budget: int, usual: int) -> int:
    """Steps between two of the `usual` number of validations or checkpoints, unless they are given."""
    return max(1, budget // usual) if steps is None else steps


def check_seed(seed: int) -> None:
    """Check that the seed is not negative.

    Raises:
        UserError: It is.
    """
    if seed < 0:
        raise UserError(f"--seed {seed}: expected a whole number of at least 0.")


def chosen_preset(preset: str | None, pictures: int | None) -> str:
    """The preset as asked for, or the one that suits so many training pictures (None: they never end).

    Raises:
        UserError: There is no such preset.
    """
    name = preset or usual_preset(pictures)
    if name not in PRESETS:
        raise UserError(f"There is no preset {name!r}.{did_you_mean(name, PRESETS)} Known: {', '.join(PRESETS)}.")
    return name


def check_length(steps: int | None, epochs: int | None) -> None:
    """Check that at most one of them is given, and is positive.

    Raises:
        UserError: It is not so.
    """
    for option, number in (("--steps", steps), ("--epochs", epochs)):
        if number is not None and number < 1:
            raise UserError(f"{option} {number}: expected a whole number of at least 1.")
    if steps is not None and epochs is not None:
        raise UserError("--steps and --epochs both say how long: leave one out.")


def checked_budget(steps: int | None, epochs: int | None, pictures: int | None, batch_size: int) -> int:
    """The budget in steps.

    Args:
        steps: The budget as asked for.
        epochs: The same in passes over the pictures.
        pictures: Number of training pictures; None where they never end.
        batch_size: Pictures per step.

    Raises:
        UserError: It cannot be.
    """
    check_length(steps, epochs)
    if pictures is None:
        if epochs is not None:
            raise UserError(f"--epochs {epochs}: a simulator's pictures never end; say --steps instead.")
        return SIMULATED_STEPS if steps is None else steps
    return (epochs or EPOCHS) * batches_in_a_pass(pictures, batch_size) if steps is None else steps


def open_data(
    data: Data, classes: Classes | None, *, size: tuple[int, int] | None, held_out: float, **options: Any
) -> Dataset:
    """Open a data set by its name or folder; a torch dataset is wrapped, and a `Dataset` returned as it is.

    Args:
        data: See `plan`.
        classes: What the labels of a torch dataset mean.
        size: Height and width of the pictures.
        held_out: Share of the training pictures that is set apart for validation.
        **options: Others of `rlkit.segmentation.datasets.open_dataset`.

    Raises:
        UserError: There is no such data set, or it cannot be used.
    """
    if isinstance(data, str | Path):
        return open_dataset(data, size=size, held_out=held_out, **options)
    if not isinstance(data, TorchData) and hasattr(data, "training_pictures"):
        return data
    if classes is None:
        kind = type(data).__name__
        raise UserError(f"Say what the labels of {kind} mean: classes=Classes(names, drivable), two tuples of names.")
    return TorchDataset(data, classes, size, held_out=held_out)


def checked(source: Dataset) -> tuple[str, ...]:
    """Check the labels of a data set to train on; return remarks for the user.

    Raises:
        UserError: There is nothing to train on, or not one pixel is drivable.
    """
    return (*source.notes, *source.check_training()) if isinstance(source, CheckedDataset) else ()


def absolute(data: object, name: str) -> str:
    """The data as config.json names them: a folder by its absolute path, an object by its name."""
    if not isinstance(data, str | Path):
        return name
    path = Path(data).expanduser()
    return str(path.absolute()) if path.is_dir() else str(data)


def differences(settings: Hyperparameters, preset: Hyperparameters) -> str:
    """The hyperparameters that differ from a preset, such as "batch_size=4"."""
    values = dataclasses.asdict(settings).items()
    return ", ".join(f"{name}={value}" for name, value in values if value != getattr(preset, name))
