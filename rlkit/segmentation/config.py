"""The configuration of a segmentation run in one frozen dataclass, and how everything in it is decided."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch import nn

from rlkit.errors import UserError
from rlkit.hyperparameters import from_plain, with_settings
from rlkit.nn.utils import choose_device
from rlkit.perception.model import find_model, load_model
from rlkit.perception.model_card import read_model_card
from rlkit.perception.networks import build_network, check_network
from rlkit.perception.networks.vgg16 import load_vgg16
from rlkit.segmentation.datasets import open_dataset
from rlkit.segmentation.datasets.base import Dataset
from rlkit.segmentation.hyperparameters import PRESETS, Hyperparameters, settings_of, usual_preset
from rlkit.segmentation.loader import batches_in_a_pass
from rlkit.spaces import Classes
from rlkit.training.config import versions
from rlkit.utils.io import sha256
from rlkit.utils.parsing import did_you_mean

LARGEST = {"steps": 10**12, "seed": 2**63 - 1, "select_freq": 10**12, "save_freq": 10**12}
FORMAT = "perception-2"  # another than that of an agent's run, so that neither is taken for the other
KIND = "segmentation"  # stands in the config.json of a run, for whoever lists runs of all kinds

SIMULATED_STEPS = 3_000  # of a training with pictures that never end
EPOCHS = 100  # passes over a folder's pictures
SELECTIONS = 20  # in a run
CHECKPOINTS = 10  # in a run


@dataclass(frozen=True)
class TrainingConfig:
    """Everything needed to repeat the training of a segmentation network.

    Args:
        data: "sim", "env:ID" or a folder's absolute path.
        env_kwargs: Arguments of the environment, where pictures come from one.
        held_out: Share of a folder's training pictures that the best weights are chosen by.
        size: Height and width of the pictures.
        classes: What the labels mean.
        pictures: How many there are to learn from; None where they never end.
        network: A name of `networks.NETWORKS`, or `my_package:MyNet`.
        preset: Name of the preset that the recipe came from.
        recipe: All hyperparameters, written out.
        steps: Budget in steps of gradient descent.
        seed: The one seed that fixes everything.
        device: "cpu" or "cuda".
        select_freq: Steps between selections of the best weights.
        save_freq: Steps between checkpoints; 0 for one at the end only.
        start: Where the weights began: "" for chance, else the file with its digest.
        versions: Of Python and of the packages that numbers may depend on.
    """

    data: str
    env_kwargs: Mapping[str, Any]
    held_out: float
    size: tuple[int, int]
    classes: Classes
    pictures: int | None
    network: str
    preset: str
    recipe: Mapping[str, Any]
    steps: int
    seed: int
    device: str
    select_freq: int
    save_freq: int
    start: str = ""
    versions: Mapping[str, str] = field(default_factory=versions)

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense.

        Raises:
            UserError: Naming the option, what was given and what is allowed.
        """
        for name, low in {"steps": 1, "seed": 0, "select_freq": 1, "save_freq": 0}.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= LARGEST[name]:
                raise UserError(
                    f"--{name.replace('_', '-')} {value!r}: expected a whole number of at least {low} and at most "
                    f"{LARGEST[name]:,}"
                )
        for name in ("data", "network", "preset", "start"):
            if not isinstance(getattr(self, name), str):
                raise UserError(f"{name} = {getattr(self, name)!r}: expected a text")
        for name in ("env_kwargs", "recipe", "versions"):
            if not isinstance(getattr(self, name), Mapping):
                raise UserError(f"{name} = {getattr(self, name)!r}: expected an object")
        if isinstance(self.held_out, bool) or not isinstance(self.held_out, int | float) or not 0 <= self.held_out < 1:
            raise UserError(f"--val-fraction {self.held_out!r}: expected a share from 0 to less than 1")
        if self.pictures is not None and (type(self.pictures) is not int or self.pictures < 1):
            raise UserError(f"pictures = {self.pictures!r}: expected a number of pictures, or null")
        if self.device not in ("cpu", "cuda"):
            raise UserError(f"device = {self.device!r}: expected cpu or cuda")

    def to_json(self) -> dict[str, Any]:
        """A tree that JSON can hold."""
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {"format": FORMAT, "kind": KIND, **plain, "size": list(self.size), "classes": self.classes.to_json()}

    @classmethod
    def from_json(cls, plain: Any) -> Self:
        """Read what `to_json` gave.

        Raises:
            UserError: It is from a newer version, or not the configuration of a perception run.
        """
        if not isinstance(plain, Mapping) or plain.get("format") != FORMAT:
            given = plain.get("format") if isinstance(plain, Mapping) else type(plain).__name__
            if given == "perception-1":
                raise UserError(f"the run is of format {given}, which an earlier version made: train it again")
            raise UserError(f"this is no configuration of a perception run of format {FORMAT} (given: {given})")
        values = {key: value for key, value in plain.items() if key not in ("format", "kind")}
        odd = sorted(values.keys() ^ {field.name for field in dataclasses.fields(cls)})
        if odd:
            raise UserError(f"the configuration of the perception run lacks or has too much: {', '.join(odd)}")
        size = values["size"]
        if not isinstance(size, list) or [type(side) for side in size] != [int, int]:
            raise UserError(f"size = {size!r}: expected height and width in pixels")
        if values["preset"] not in PRESETS:
            raise UserError(f"preset = {values['preset']!r}: expected one of {', '.join(PRESETS)}")
        return cls(**{**values, "size": (size[0], size[1]), "classes": Classes.from_json(values["classes"])})


@dataclass(frozen=True)
class Plan:
    """A run that is decided upon and not begun.

    Args:
        config: Everything about it.
        source: Where its pictures come from, opened.
        network: The network that will learn, with the weights that it begins with.
        notes: What a person should know about it.
    """

    config: TrainingConfig
    source: Dataset
    network: nn.Module
    notes: tuple[str, ...] = ()

    def describe(self) -> list[str]:
        """Say what was decided, in lines for a person."""
        config, source = self.config, self.source
        height, width = config.size
        many = "new pictures for ever" if config.pictures is None else f"{config.pictures} pictures to learn from"
        count = sum(parameter.numel() for parameter in self.network.parameters())
        recipe = from_plain(Hyperparameters, config.recipe)
        passes = (
            "" if config.pictures is None else f" ({config.steps * recipe.batch_size / config.pictures:.0f} passes)"
        )
        differ = _differences(recipe, PRESETS[config.preset](source.classes, config.pictures))
        return [
            f"data: {source.name}, {many}, {height}×{width}, {len(source.classes)} classes: "
            f"{', '.join(source.classes.names)} (drivable: {', '.join(source.classes.drivable)})",
            f"network: {config.network}, {count:,} parameters, from {config.start or 'chance'}, on {config.device}",
            f"budget: {config.steps:,} steps of {recipe.batch_size} pictures{passes}, a selection every "
            f"{config.select_freq:,} by {recipe.select_by}",
            f"recipe: preset {config.preset}{f' with {differ}' if differ else ''}; all of it is in config.json",
        ]


def plan(
    data: str | Path | Dataset = "sim",
    *,
    model: str = "segnet-compact",
    preset: str | None = None,
    settings: Mapping[str, str] | None = None,
    steps: int | None = None,
    epochs: int | None = None,
    size: tuple[int, int] | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    held_out: float = 0.1,
    seed: int = 0,
    device: str = "auto",
    select_freq: int | None = None,
    save_freq: int | None = None,
    init: str | Path | None = None,
    vgg16: str | Path | None = None,
) -> Plan:
    """Decide everything about a run before it starts, by looking at its pictures.

    Args:
        data: "sim", "env:ID", a folder of pictures, or a source of your own.
        model: Name of a network, or `my_package:MyNet`.
        preset: "simulator" or "files"; by whether pictures ever end if not given.
        settings: Hyperparameters that differ from the preset, as typed: {"learning_rate": "1e-3"}.
        steps: Budget in steps of gradient descent.
        epochs: Budget in passes over the pictures, instead of `steps`.
        size: Height and width of the pictures; their own if not given.
        env_kwargs: Arguments of the environment, where pictures come from one.
        held_out: Share of a folder's training pictures that the best weights are chosen by.
        seed: Fixes everything.
        device: "auto", "cpu" or "cuda".
        select_freq: Steps between selections; None for twenty of them.
        save_freq: Steps between checkpoints; 0 for one at the end only; None for ten of them.
        init: A model to begin with: a perception run, a file, `pretrained:NAME`; what fits of its weights is taken.
        vgg16: A safetensors file with VGG16's ImageNet weights for a network that has its convolutions.

    Raises:
        UserError: For anything that the caller can mend.
    """
    for option, number in (("--steps", steps), ("--epochs", epochs)):
        if number is not None and number < 1:
            raise UserError(f"{option} {number}: expected a whole number of at least 1.")
    if steps is not None and epochs is not None:
        raise UserError("--steps and --epochs both say how long: leave one out.")
    if seed < 0:
        raise UserError(f"--seed {seed}: expected a whole number of at least 0.")
    if init is not None and vgg16 is not None:
        raise UserError("--init and --pretrained-vgg16 both say where weights begin: leave one out.")
    where = choose_device(device)
    source = open_or_keep(data, size=size, seed=seed, env_kwargs=env_kwargs, held_out=held_out)
    pictures = source.training_pictures
    name, recipe = _choose_recipe(preset, settings or {}, source)
    budget = _budget(steps, epochs, pictures, recipe.batch_size)
    count = len(source.classes)
    network = build_network(model, count, allow_code=True, generator=torch.Generator().manual_seed(seed))
    check_network(network, count, _learned_from(recipe, source), model)
    begun, notes = _begin_with(network, init, vgg16, model)
    config = TrainingConfig(
        data=_absolute(data),
        env_kwargs=dict(env_kwargs or {}),
        held_out=held_out,
        size=source.size,
        classes=source.classes,
        pictures=pictures,
        network=model,
        preset=name,
        recipe=settings_of(recipe),
        steps=budget,
        seed=seed,
        device=where,
        select_freq=max(1, budget // SELECTIONS) if select_freq is None else select_freq,
        save_freq=max(1, budget // CHECKPOINTS) if save_freq is None else save_freq,
        start=begun,
    )
    return Plan(config, source, network, notes)


def _choose_recipe(preset: str | None, settings: Mapping[str, str], source: Dataset) -> tuple[str, Hyperparameters]:
    name = preset or usual_preset(source.training_pictures)
    if name not in PRESETS:
        raise UserError(f"There is no preset {name!r}.{did_you_mean(name, PRESETS)} Known: {', '.join(PRESETS)}.")
    recipe = with_settings(PRESETS[name](source.classes, source.training_pictures), settings)
    return name, recipe


def _budget(steps: int | None, epochs: int | None, pictures: int | None, batch_size: int) -> int:
    if pictures is None:
        if epochs is not None:
            raise UserError(f"--epochs {epochs}: a simulator's pictures never end; say --steps instead.")
        return SIMULATED_STEPS if steps is None else steps
    return (epochs or EPOCHS) * batches_in_a_pass(pictures, batch_size) if steps is None else steps


def _learned_from(recipe: Hyperparameters, source: Dataset) -> tuple[int, int]:
    """Height and width of what the network sees while it learns."""
    return (recipe.crop[0], recipe.crop[1]) if recipe.crop else source.size


def _begin_with(
    network: nn.Module, init: str | Path | None, vgg16: str | Path | None, typed: str
) -> tuple[str, tuple[str, ...]]:
    """Load the weights that a training begins with; say where they come from, and what did not fit.

    Args:
        network: Gets them.
        init: See `plan`.
        vgg16: See `plan`.
        typed: The network as the user typed it: that of `init` is code to import only if it is the same.
    """
    if vgg16 is not None:
        path = Path(vgg16).expanduser()
        told = load_vgg16(network, path)
        return _named(path), (told,)
    if init is None:
        return "", ()
    path = find_model(init)
    same = typed if read_model_card(path).network == typed else None
    theirs = load_model(path, network=same, fuse=False).network.state_dict()
    ours = network.state_dict()
    fits = {name: tensor for name, tensor in theirs.items() if name in ours and ours[name].shape == tensor.shape}
    if not any(tensor.ndim > 1 for tensor in fits.values()):
        raise UserError(f"Nothing in {path} fits this network: --init needs a model of the same network.")
    network.load_state_dict(ours | fits)
    missing = [name for name in ours if name not in fits]
    notes = (f"{path} fits but for {', '.join(missing[:4])}: these begin by chance",) if missing else ()
    return _named(path), notes


def _named(path: Path) -> str:
    return f"{path.name} (sha256 {sha256(path)[:16]})"


def open_or_keep(data: str | Path | Dataset, **options: Any) -> Dataset:
    """Find a source by what a person types; one that is a source already is left as it is.

    Raises:
        UserError: See `rlkit.segmentation.datasets.open_dataset`, which takes the same options.
    """
    return open_dataset(data, **options) if isinstance(data, str | Path) else data


def _absolute(data: str | Path | Dataset) -> str:
    """A folder's path that holds wherever the run is resumed from; what is no folder stays as it is."""
    if not isinstance(data, str | Path):
        return data.name
    path = Path(data).expanduser()
    return str(path.absolute()) if path.is_dir() else str(data)


def _differences(recipe: Hyperparameters, preset: Hyperparameters) -> str:
    changed = [name for name, value in settings_of(recipe).items() if value != getattr(preset, name)]
    return ", ".join(f"{name}={getattr(recipe, name)}" for name in changed)
