"""Writers of commentaries: what a captioner writes is a sentence of the grammar."""

from dataclasses import dataclass

import numpy as np
import pytest

from rlkit.captioning.vocabulary import END, Vocabulary
from rlkit.commentary.languages import GRAMMARS
from rlkit.commentary.moments import SIGNALS
from rlkit.commentary.writers import ModelWriter
from rlkit.errors import UserError

VOCABULARY = Vocabulary(GRAMMARS["en"].words)


@dataclass
class Card:
    vocabulary: Vocabulary
    size: tuple[int, int] = (24, 32)
    frames: int = 2
    signals: tuple[str, ...] = SIGNALS
    language: str = "en"


class Senseless:
    """Writes no sentence of the grammar unless the words are restricted; then the first that may follow."""

    def __init__(self, card):
        self.card = card
        self.shapes = []

    def describe(self, images, signals=None, follows=None):
        self.shapes.append((images.shape, signals.shape))
        if follows is None:
            return [("a", "a", "a")]
        numbers: list[int] = []
        while True:
            number = min(follows(numbers))
            if number == END:
                return [self.card.vocabulary.decode(numbers)]
            numbers.append(number)


class Sensed:
    def pictures(self, index):
        return np.zeros((2, 48, 64, 3), np.uint8)

    def signals(self, index):
        return np.zeros(len(SIGNALS), np.float32)


def test_a_sentence_that_is_none_of_the_grammar_is_searched_for_again():
    captioner = Senseless(Card(VOCABULARY))
    writer = ModelWriter(captioner, "model")
    assert GRAMMARS["en"].parse(writer.write(Sensed())) is not None
    assert captioner.shapes == [((1, 2, 24, 32, 3), (1, len(SIGNALS)))] * 2


def test_a_captioner_of_other_inputs_or_another_language_is_refused():
    with pytest.raises(UserError, match="my model writes no commentaries: it takes 1 pictures"):
        ModelWriter(Senseless(Card(VOCABULARY, frames=1)), "my model")
    with pytest.raises(UserError, match="no commentaries in ''"):
        ModelWriter(Senseless(Card(VOCABULARY, language="")), "my model")
