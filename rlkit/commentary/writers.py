"""What writes the sentences of a commentary: the truth by a grammar, or a captioner."""

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rlkit.captioning.vocabulary import END, Vocabulary
from rlkit.commentary.grammar import Grammar, Tokens
from rlkit.commentary.languages import GRAMMARS, find_grammar
from rlkit.commentary.moments import SIGNALS
from rlkit.commentary.sensing import FRAMES, Sensing
from rlkit.errors import UserError
from rlkit.segmentation.datasets.io import resize_pictures
from rlkit.spaces import Pixels

TRUTH = "truth"
MOST_BEGINNINGS = 20_000  # of sentences, whose next words are kept


class Writer(Protocol):
    """Writes a sentence about a moment."""

    grammar: Grammar

    def write(self, sensing: Sensing) -> Tokens:
        """A sentence about the first environment's present moment."""
        ...


class TruthWriter:
    """Writes what is true, by the grammar.

    Args:
        grammar: Of the language.
        seed: Chooses among the wordings.
    """

    def __init__(self, grammar: Grammar, seed: int = 0):
        self.grammar = grammar
        self._seed = seed

    def write(self, sensing: Sensing) -> Tokens:
        """A true sentence; the same facts always get the same wording."""
        facts = sensing.facts(0)
        words = [ord(letter) for value in facts.slots().values() for letter in value]
        return self.grammar.generate(facts, np.random.default_rng([self._seed, *words]))


class Card(Protocol):
    """Description of a captioner."""

    size: tuple[int, int]
    vocabulary: Vocabulary
    frames: int
    signals: tuple[str, ...]
    language: str


class Describer(Protocol):
    """A captioner."""

    card: Any  # a `Card`

    def describe(
        self,
        images: Pixels,
        signals: npt.NDArray[np.float32] | None = None,
        follows: Callable[[Sequence[int]], Collection[int]] | None = None,
    ) -> list[Tokens]:
        """Sentences about N examples: images (N, F, H, W, 3) uint8, signals (N, S), words that may follow others."""
        ...


class ModelWriter:
    """Writes what a captioner finds; a sentence that is none of the grammar is searched for again within the grammar.

    Args:
        captioner: Trained on `CommentaryDataset`.
        source: Names it in errors.

    Raises:
        UserError: It was trained on something else.
    """

    def __init__(self, captioner: Describer, source: str):
        card: Card = captioner.card
        if card.frames != FRAMES or tuple(card.signals) != SIGNALS:
            raise UserError(
                f"{source} writes no commentaries: it takes {card.frames} pictures and {len(card.signals)} numbers; "
                f"those of a commentary are {FRAMES} and {len(SIGNALS)} ({', '.join(SIGNALS)})."
            )
        self.grammar = find_grammar(card.language)
        self._captioner, self._vocabulary, self._size = captioner, card.vocabulary, card.size
        self._may_follow = lru_cache(MOST_BEGINNINGS)(self._following)

    def write(self, sensing: Sensing) -> Tokens:
        """The sentence of the captioner."""
        images = resize_pictures(sensing.pictures(0), self._size)[np.newaxis]
        signals = sensing.signals(0)[np.newaxis]
        (tokens,) = self._captioner.describe(images, signals)
        if self.grammar.parse(tokens) is None:
            (tokens,) = self._captioner.describe(images, signals, lambda begun: self._may_follow(tuple(begun)))
        return tokens

    def _following(self, begun: tuple[int, ...]) -> frozenset[int]:
        words = self.grammar.follows(self._vocabulary.decode(begun))
        return frozenset(END if word is None else self._vocabulary.number(word) for word in words)


def find_writer(source: str) -> Writer:
    """The writer that a user names.

    Args:
        source: `truth` or `truth-LANGUAGE`.

    Raises:
        UserError: There is none.
    """
    kind, _, language = source.partition("-")
    if kind == TRUTH:
        return TruthWriter(find_grammar(language or "en"))
    known = ", ".join([TRUTH, *(f"{TRUTH}-{code}" for code in GRAMMARS)])
    raise UserError(f"There is no commentary {source!r}: expected one of {known}.")
