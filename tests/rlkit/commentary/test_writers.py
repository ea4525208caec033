"""Writers of commentaries."""

from dataclasses import dataclass

import numpy as np
import pytest

from rlkit.captioning.features import Features
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
        self.encoded, self.given = [], []

    def encode(self, images):
        self.encoded.append(images)
        return Features(np.zeros((1, 32, 24, 32), np.float32), np.full((1, 1, 6, 10), images[0, 0, 0, 0], np.float32))

    def describe_encoded(self, features, signals=None, grammar=None):
        self.given.append((features.objects[0, :, 0, 0].tolist(), signals.shape, grammar))
        return [("a", "cone")]


class Sensed:
    """Pictures with the number of the decision, of an interval of two decisions."""

    length = 3

    def __init__(self):
        self.taken = []

    def step(self):
        self.taken.append(np.full((48, 64, 3), len(self.taken), np.uint8))

    def pictures(self, index):
        return self.taken[-1], self.taken[max(0, len(self.taken) - self.length)]

    def signals(self, index):
        return np.zeros(len(SIGNALS), np.float32)


def test_a_captioner_is_given_each_picture_once_and_the_grammar():
    captioner, sensed = Senseless(Card(VOCABULARY)), Sensed()
    writer = ModelWriter(captioner, "model")
    for _ in range(5):
        sensed.step()
        assert writer.write(sensed) == ("a", "cone")
    assert [images.shape for images in captioner.encoded] == [(1, 24, 32, 3)] * 5
    assert [pictures for pictures, _, _ in captioner.given] == [[0, 0], [1, 0], [2, 0], [3, 1], [4, 2]]
    assert captioner.given[0][1:] == ((1, len(SIGNALS)), GRAMMARS["en"])


def test_a_captioner_of_other_inputs_or_another_language_is_refused():
    with pytest.raises(UserError, match="my model writes no commentaries: it takes 1 pictures"):
        ModelWriter(Senseless(Card(VOCABULARY, frames=1)), "my model")
    with pytest.raises(UserError, match="no commentaries in ''"):
        ModelWriter(Senseless(Card(VOCABULARY, language="")), "my model")
