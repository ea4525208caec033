"""The configuration of the training of a captioner, and how everything in it is decided."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rlkit.captioning.captioner import CaptionerCard, check_inputs, load_captioner, parsed_kinds, read_captioner_card
from rlkit.captioning.datasets import open_captions
from rlkit.captioning.datasets.base import CaptionDataset, Grammar
from rlkit.captioning.hyperparameters import PRESETS, CaptionHyperparameters
from rlkit.captioning.vocabulary import Vocabulary
from rlkit.errors import UserError
from rlkit.hyperparameters import from_plain, with_settings
from rlkit.nn.utils import choose_device
from rlkit.perception.model import find_model
from rlkit.perception.model_card import is_captioner, is_detector, read_detector_card
from rlkit.perception.networks import build_captioner
from rlkit.perception.networks.nic import NICCompact
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
from rlkit.segmentation.initial_weights import initialise, load_fitting

Data = str | Path | CaptionDataset
"""What a captioner can be trained on; see `plan`."""
Opener = Callable[..., CaptionDataset]
"""Opens a data set by its name or folder, with the options of `rlkit.captioning.datasets.open_captions`."""
NAMED = 6  # words that are shown
ONE_STAGE = "centernet-compact"  # the detector whose encoder it is
WITH_ENCODER = "--init pretrained:centernet-compact"  # ships, and has all weights of the encoder


@dataclass(frozen=True)
class CaptionConfig(NetworkConfig):
    """Everything needed to repeat the training of a captioner; further fields are those of `NetworkConfig`.

    Args:
        words: The vocabulary, without special tokens.
        frames: Pictures of an example.
        signals: Names of the further numbers of an example.
        objects: Kinds of objects that the encoder finds; () for none.
        language: Code of the language; "" if unknown.
    """

    words: tuple[str, ...] = ()
    frames: int = 1
    signals: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    language: str = ""
    KIND = "captioning"
    HYPERPARAMETERS = CaptionHyperparameters
    PRESETS = PRESETS

    @property
    def settings(self) -> CaptionHyperparameters:
        """The hyperparameters."""
        return from_plain(CaptionHyperparameters, self.hyperparameters)

    @property
    def vocabulary(self) -> Vocabulary:
        """The words."""
        return Vocabulary(self.words)

    def card(self, trained: Mapping[str, Any]) -> CaptionerCard:
        """The card of its captioner, which was trained so."""
        return CaptionerCard(
            self.network,
            self.size,
            self.vocabulary,
            self.frames,
            self.signals,
            self.objects,
            self.language,
            trained,
        )

    def to_json(self) -> dict[str, Any]:
        """The tree that config.json holds."""
        return super().to_json() | {
            "words": list(self.words),
            "signals": list(self.signals),
            "objects": list(self.objects),
        }

    @classmethod
    def parsed(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The values of all fields, made from what JSON holds of them."""
        try:
            words = Vocabulary.from_json(values["words"]).words
            frames, signals = check_inputs(values["frames"], values["signals"])
            objects = parsed_kinds(values["objects"])
        except ValueError as error:
            raise UserError(f"config.json: {error}") from error
        if not isinstance(values["language"], str):
            raise UserError(f"language = {values['language']!r:.60}: expected a text")
        return super().parsed(values) | {
            "words": words,
            "frames": frames,
            "signals": signals,
            "objects": objects,
        }


@dataclass(frozen=True)
class CaptionPlan:
    """A run that is decided upon and not begun.

    Args:
        config: Its configuration.
        source: Its data set, opened.
        network: The network to train, with its initial weights.
        notes: Warnings for the user.
    """

    config: CaptionConfig
    source: CaptionDataset
    network: NICCompact
    notes: tuple[str, ...] = ()

    def describe(self) -> list[str]:
        """What was decided, in lines for the user."""
        config = self.config
        height, width = config.size
        pictures = "1 picture" if config.frames == 1 else f"{config.frames} pictures"
        signals = f" and {', '.join(config.signals)}" if config.signals else ""
        language = f" in {config.language}" if config.language else ""
        return [
            f"data: {self.source.name}, {config.many}, {height}×{width}, {pictures} of each example{signals}; sentences"
            f"{language} of {len(config.words)} words: {', '.join(config.words[:NAMED])}, …",
            *config.describe(self.network, differences(config.settings, PRESETS[config.preset](config.pictures))),
        ]


def plan(
    data: Data,
    *,
    network: str = "nic-compact",
    preset: str | None = None,
    settings: Mapping[str, str] | None = None,
    steps: int | None = None,
    epochs: int | None = None,
    size: tuple[int, int] | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    language: str | None = None,
    val_fraction: float = 0.1,
    seed: int = 0,
    device: str = "auto",
    val_freq: int | None = None,
    save_freq: int | None = None,
    init: str | Path | None = None,
    opener: Opener = open_captions,
) -> CaptionPlan:
    """Decide everything about a run before it starts, from its data set.

    Args:
        data: A folder of pictures with captions, a `CaptionDataset`, or what `opener` knows beyond.
        network: Name of a captioner.
        preset: "simulator" or "files"; if not given, the one that suits the data set.
        settings: Hyperparameters that differ from the preset, as typed: {"learning_rate": "1e-3"}.
        steps: Budget in steps of gradient descent.
        epochs: Budget in passes over the pictures, instead of `steps`.
        size: Height and width of the pictures; their own if not given.
        env_kwargs: Arguments of the environment, where pictures come from one.
        language: Of a simulator's sentences.
        val_fraction: Share of the training pictures used for validation, unless the data set has such a split.
        seed: Fixes everything.
        device: "auto", "cpu" or "cuda".
        val_freq: Steps between validations; None for twenty of them.
        save_freq: Steps between checkpoints; 0 for one at the end only; None for ten of them.
        init: A model to initialise from: a detector, a captioner, or a segmentation model with the same encoder;
            weights that do not fit are not loaded.
        opener: Opens `data`.

    Raises:
        UserError: For anything that the caller can correct.
    """
    check_length(steps, epochs)
    check_seed(seed)
    where = choose_device(device)
    source = open_data(
        data, opener, size=size, seed=seed, env_kwargs=env_kwargs, held_out=val_fraction, language=language
    )
    pictures = source.training_pictures
    if pictures == 0:
        raise UserError(f"{source.name} has no pictures to train on.")
    name = chosen_preset(preset, pictures)
    hyperparameters = with_settings(PRESETS[name](pictures), settings or {})
    check_selection(hyperparameters, source)
    budget = checked_budget(steps, epochs, pictures, hyperparameters.batch_size)
    vocabulary = vocabulary_of(source, hyperparameters.min_count)
    objects = objects_of(init) if hyperparameters.freeze_encoder and init is not None else ()
    built = build(network, vocabulary, source.frames, source.signals, objects, seed)
    begun, notes = initialised(built, vocabulary, init, freeze=hyperparameters.freeze_encoder)
    config = CaptionConfig(
        data=absolute(data, source.name),
        env_kwargs=dict(env_kwargs or {}),
        val_fraction=val_fraction,
        size=source.size,
        classes=None,
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
        words=vocabulary.words,
        frames=source.frames,
        signals=source.signals,
        objects=objects,
        language=source.language,
    )
    return CaptionPlan(config, source, built, (*source.notes, *notes))


def objects_of(init: str | Path) -> tuple[str, ...]:
    """Kinds of objects that the encoder of a model finds; () if it finds none.

    Raises:
        UserError: There is no such model.
    """
    path = find_model(init)
    if is_captioner(path):
        return read_captioner_card(path).objects
    if not is_detector(path):
        return ()
    card = read_detector_card(path)
    return card.objects if card.network == ONE_STAGE else ()


def build(
    network: str,
    vocabulary: Vocabulary,
    frames: int,
    signals: tuple[str, ...],
    objects: tuple[str, ...],
    seed: int,
) -> NICCompact:
    """Make an untrained captioner whose weights the seed fixes.

    Raises:
        UserError: There is no such network.
    """
    generator = torch.Generator().manual_seed(seed)
    return build_captioner(network, len(vocabulary), frames, len(signals), len(objects), generator)


def vocabulary_of(source: CaptionDataset, least: int) -> Vocabulary:
    """The vocabulary that a data set brings, or else the words that occur at least so often in its training captions.

    Raises:
        UserError: There are no such words.
    """
    if source.words is not None:
        return Vocabulary(source.words)
    return Vocabulary.of_captions(source.training_captions(), least)


def initialised(
    network: NICCompact, vocabulary: Vocabulary, init: str | Path | None, *, freeze: bool
) -> tuple[str, tuple[str, ...]]:
    """Load the initial weights; return where they come from ("" for random ones), and what did not fit.

    Args:
        network: Takes them.
        vocabulary: Its words; those of another vocabulary are not loaded.
        init: See `plan`.
        freeze: Whether the encoder is not trained.

    Raises:
        UserError: Nothing fits, or an encoder that is not trained lacks weights.
    """
    if init is None:
        if freeze:
            raise UserError(
                "freeze_encoder = true trains the decoder alone: name a model with a trained encoder, such as "
                f"{WITH_ENCODER}, or train all with --set freeze_encoder=false."
            )
        return "", ()
    path = find_model(init)
    if not is_captioner(path):
        begun, notes = initialise(network.encoder, path, None, "")
        if notes and freeze:
            raise UserError(
                f"freeze_encoder = true needs all weights of the encoder, but {notes[0]}: name a model that has them, "
                f"such as {WITH_ENCODER}, or train all with --set freeze_encoder=false."
            )
        return begun, notes
    other = load_captioner(path, fuse=False)
    theirs = other.network.state_dict()
    if other.card.vocabulary != vocabulary:
        theirs = {name: tensor for name, tensor in theirs.items() if name not in ("embedding.weight", "score_bias")}
    return load_fitting(network, theirs, path)


def check_selection(settings: CaptionHyperparameters, source: CaptionDataset) -> None:
    """Check that the score which weights are selected by can be measured.

    Raises:
        UserError: It needs a grammar, and there is none.
    """
    if settings.select_by == "slots" and not isinstance(source, Grammar):
        raise UserError(f"select_by = slots needs a grammar, which {source.name} lacks: select by likelihood.")


def open_data(data: Data, opener: Opener, **options: Any) -> CaptionDataset:
    """Open a data set by its name or folder; a `CaptionDataset` is returned as it is.

    Args:
        data: See `plan`.
        opener: Opens it.
        **options: Of `opener`.

    Raises:
        UserError: There is no such data set, or it cannot be used.
    """
    return opener(data, **options) if isinstance(data, str | Path) else data
