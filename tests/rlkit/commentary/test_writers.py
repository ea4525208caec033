"""Writers of commentaries."""

from dataclasses import dataclass

import numpy as np
import pytest

from rlkit.captioning.vocabulary import Vocabulary
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
    """Writes the same words about everything."""

    def __init__(self, card):
        self.card = card
        self.given = []

    def describe(self, images, signals=None, grammar=None):
        self.given.append((images.shape, signals.shape, grammar))
        return [("a", "cone")]


class Sensed:
    def pictures(self, index):
        return np.zeros((2, 48, 64, 3), np.uint8)

    def signals(self, index):
        return np.zeros(len(SIGNALS), np.float32)


def test_a_captioner_is_given_pictures_of_its_size_and_the_grammar():
    captioner = Senseless(Card(VOCABULARY))
    assert ModelWriter(captioner, "model").write(Sensed()) == ("a", "cone")
    assert captioner.given == [((1, 2, 24, 32, 3), (1, len(SIGNALS)), GRAMMARS["en"])]


def test_a_captioner_of_other_inputs_or_another_language_is_refused():
    with pytest.raises(UserError, match="my model writes no commentaries: it takes 1 pictures"):
        ModelWriter(Senseless(Card(VOCABULARY, frames=1)), "my model")
    with pytest.raises(UserError, match="no commentaries in ''"):
        ModelWriter(Senseless(Card(VOCABULARY, language="")), "my model")
