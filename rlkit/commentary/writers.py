"""What writes the sentences of a commentary: the truth by a grammar, or a captioner."""

from collections import deque
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rlkit.commentary.facts import Facts
from rlkit.commentary.grammar import Grammar, Tokens
from rlkit.commentary.languages import GRAMMARS, find_grammar
from rlkit.commentary.moments import SIGNALS
from rlkit.commentary.sensing import FRAMES, Sensing
from rlkit.errors import UserError
from rlkit.segmentation.datasets.io import resize_pictures
from rlkit.spaces import Pixels

if TYPE_CHECKING:
    from rlkit.captioning.captioner import Captioner
    from rlkit.captioning.features import Features

TRUTH = "truth"


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
        return worded(self.grammar, sensing.facts(0), self._seed)


def worded(grammar: Grammar, facts: Facts, seed: int = 0) -> Tokens:
    """A sentence of some facts, in one of their wordings: the same facts always get the same one."""
    words = [ord(letter) for value in facts.slots().values() for letter in value]
    return grammar.generate(facts, np.random.default_rng([seed, *words]))


class ModelWriter:
    """Writes what a captioner finds, in varied wordings; always a sentence of the grammar.

    Args:
        captioner: Trained on `CommentaryDataset`.
        source: Names it in errors.

    Raises:
        UserError: It was trained on something else.
    """

    def __init__(self, captioner: "Captioner", source: str):
        card = captioner.card
        if card.frames != FRAMES or tuple(card.signals) != SIGNALS:
            raise UserError(
                f"{source} writes no commentaries: it takes {card.frames} pictures and {len(card.signals)} numbers; "
                f"those of a commentary are {FRAMES} and {len(SIGNALS)} ({', '.join(SIGNALS)})."
            )
        self.grammar = find_grammar(card.language)
        self._captioner = captioner
        self._encoded: deque[tuple[Pixels, Features]] = deque()  # of the last pictures, which are needed again

    def write(self, sensing: Sensing) -> Tokens:
        """The sentence of the captioner."""
        from rlkit.captioning.features import Features  # imports torch

        features = Features.of_pictures([self._features(picture) for picture in sensing.pictures(0)])
        while len(self._encoded) > sensing.length:
            self._encoded.popleft()
        (tokens,) = self._captioner.describe_encoded(features, sensing.signals(0)[np.newaxis], self.grammar)
        facts = self.grammar.parse(tokens)
        return tokens if facts is None else worded(self.grammar, facts)

    def _features(self, picture: Pixels) -> "Features":
        """Features of a picture, which is encoded once."""
        known = next((features for other, features in self._encoded if other is picture), None)
        if known is None:
            known = self._captioner.encode(resize_pictures(picture[np.newaxis], self._captioner.card.size))
            self._encoded.append((picture, known))
        return known


def find_writer(source: str) -> Writer:
    """The writer that a user names.

    Args:
        source: `truth` or `truth-LANGUAGE`; or the run folder, file or `pretrained:NAME` of a captioner.

    Raises:
        UserError: There is none, or it writes no commentaries.
    """
    kind, _, language = source.partition("-")
    if kind == TRUTH:
        return TruthWriter(find_grammar(language or "en"))
    from rlkit.captioning.captioner import load_captioner  # imports torch
    from rlkit.perception.model import find_model

    try:
        path = find_model(source)
    except UserError as error:
        known = ", ".join([TRUTH, *(f"{TRUTH}-{code}" for code in GRAMMARS)])
        raise UserError(f"--commentary takes {known}, or a captioner. {error}") from error
    return ModelWriter(load_captioner(path), source)
