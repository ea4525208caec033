"""Interfaces of data sets with captions: a batch of pictures, the `CaptionDataset`, and sentences of a grammar."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from rlkit.captioning.features import Features
from rlkit.spaces import Pixels

Floats = npt.NDArray[np.float32]
Tokens = tuple[str, ...]
"""A sentence in words and marks, as `vocabulary.to_text` joins them."""


@dataclass(frozen=True)
class CaptionedImages:
    """A batch of examples: each has one or more pictures of one size, further numbers, and sentences about them.

    Args:
        images: (B, F, H, W, 3) uint8, RGB: F pictures of each example, the newest first (1 for photographs; 2 for a
            simulator: now and a moment before).
        signals: (B, S) float32, further numbers that the network is given, such as a car's speed, of the order of 1.
        captions: References of each example, at least one, each of at least one word.
        names: One per example: its file, or the episode it is from.
        conditions: One per example: weather or sequence, by which metrics are grouped; "" if unknown.
        slots: What is true of each example, slot by slot, such as {"manoeuvre": "brake"}; None where it is not known.
        features: Of a frozen encoder, in place of the pictures' pixels; None for pictures.
    """

    images: Pixels
    signals: Floats
    captions: tuple[tuple[Tokens, ...], ...]
    names: tuple[str, ...]
    conditions: tuple[str, ...]
    slots: tuple[Mapping[str, str], ...] | None = None
    features: Features | None = None

    def __len__(self) -> int:
        return len(self.images)

    def part(self, rows: slice) -> Self:
        """Some of the examples."""
        return replace(
            self,
            images=self.images[rows],
            signals=self.signals[rows],
            captions=self.captions[rows],
            names=self.names[rows],
            conditions=self.conditions[rows],
            slots=None if self.slots is None else self.slots[rows],
            features=None if self.features is None else self.features.part(rows),
        )

    def with_images(self, images: Pixels) -> Self:
        """The same with other pictures, (B, F, h, w, 3) uint8."""
        return replace(self, images=images)


class CaptionDataset(Protocol):
    """A source of pictures with captions: a folder or a simulator; see `segmentation.datasets.base.Dataset`."""

    name: str
    """The folder, or the environment's id."""
    size: tuple[int, int]
    """Height and width of every picture, in pixels."""
    frames: int
    """Pictures of an example."""
    signals: tuple[str, ...]
    """Names of the further numbers; () for none."""
    language: str
    """Code of the sentences' language, such as "en"; "" if unknown."""
    words: tuple[str, ...] | None
    """All tokens that occur; None if the vocabulary is to be made from `training_captions`."""
    splits: tuple[str, ...]
    """Arguments of `measured`; the first is the default."""
    training_pictures: int | None
    """Number of training examples; None if unlimited."""
    notes: tuple[str, ...]
    """Remarks for the user."""

    def training(self, batch_size: int, generator: np.random.Generator) -> Iterator[CaptionedImages]:
        """Yield batches without end: shuffled in each epoch (files), or always new (simulator).

        A simulator's batch depends only on the generator's state before it, so that a run can resume at any batch.
        """
        ...

    def selection(self) -> Iterator[CaptionedImages]:
        """Yield the validation examples once, the same every time."""
        ...

    def measured(self, split: str) -> Iterator[CaptionedImages]:
        """Yield the examples of a split once, the same every time.

        Raises:
            UserError: There is no such split.
        """
        ...

    def training_captions(self) -> Iterator[Tokens]:
        """Yield the captions of the training examples, from which a vocabulary is made; unused where `words` is given.

        A simulator may yield none.
        """
        ...


@runtime_checkable
class Grammar(Protocol):
    """The grammar of sentences, or a data set that has one: what a sentence says, and which words may follow."""

    def slots_of(self, tokens: Sequence[str]) -> Mapping[str, str] | None:
        """What a sentence says, slot by slot; None if it is no sentence of the grammar.

        A slot is right if the sentence says what `CaptionedImages.slots` has; a slot that only one of them has counts
        as wrong, and one that neither has is not counted.
        """
        ...

    def follows(self, tokens: Sequence[str]) -> Collection[str | None]:
        """The words that may follow the beginning of a sentence; None among them where it may end."""
        ...
