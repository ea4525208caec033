"""The narrator tells a new sentence when what is told has lasted, and does not flicker."""

import pytest

from rlkit.commentary import narrator as module
from rlkit.commentary.facts import Cause, Facts, Manoeuvre, Weather
from rlkit.commentary.languages import GRAMMARS
from rlkit.commentary.narrator import Narrator

CLEAR = Facts(Manoeuvre.KEEPING_SPEED, Cause.CLEAR_ROAD)
BRAKING = Facts(Manoeuvre.BRAKING, Cause.HIGH_SPEED)
RAIN = Facts(Manoeuvre.KEEPING_SPEED, Cause.CLEAR_ROAD, weather=Weather.RAIN)


class Script:
    """Writes prescribed facts, one after the other; None stands for no sentence of the grammar."""

    grammar = GRAMMARS["en"]

    def __init__(self, told):
        self._told = iter(told)

    def write(self, sensing):
        facts = next(self._told)
        return ("a", "a") if facts is None else self.grammar.generate(facts)


class Ready:
    decision_time = 0.1

    def __init__(self, environments):
        pass

    def read(self, q):
        pass

    def is_ready(self, index):
        return True


@pytest.fixture
def tell(monkeypatch):
    monkeypatch.setattr(module, "Sensing", Ready)

    def run(told):
        narrator = Narrator(Script(told))
        narrator.begin(None)
        return [narrator.tell(None) for _ in told]

    return run


def test_a_change_of_one_decision_is_not_told(tell):
    assert set(tell([CLEAR] * 15 + [BRAKING] + [CLEAR] * 15)) == {"Keeping speed: the road is clear."}


def test_a_change_that_lasts_is_told_after_three_decisions(tell):
    texts = tell([CLEAR] * 15 + [BRAKING] * 15)
    assert texts[16] == "Keeping speed: the road is clear."
    assert texts[17] == "Braking: the speed is high."


def test_a_sentence_stays_for_a_second(tell):
    texts = tell([CLEAR] * 2 + [BRAKING] * 15)
    assert texts.index("Braking: the speed is high.") == 10


def test_a_detail_is_told_after_two_seconds(tell):
    texts = tell([CLEAR] * 5 + [RAIN] * 30)
    assert texts.index("Keeping speed in the rain: the road is clear.") == 20


def test_what_is_no_sentence_is_not_told(tell):
    assert tell([None, CLEAR, None]) == ["", "Keeping speed: the road is clear.", "Keeping speed: the road is clear."]
