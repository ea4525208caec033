"""Sentences tell facts and nothing else: what is generated is parsed back by the same rules."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlkit.commentary.facts import (
    AROUND_OBJECTS,
    OBJECT_CAUSES,
    SLOTS,
    TURNING,
    Cause,
    Distance,
    Facts,
    Manoeuvre,
    ObjectKind,
    Road,
    Room,
    Side,
)
from rlkit.commentary.grammar import MARKS, Grammar, to_text
from rlkit.commentary.languages import GRAMMARS, find_grammar
from rlkit.errors import UserError


def _facts() -> st.SearchStrategy[Facts]:
    slots = st.fixed_dictionaries({name: st.sampled_from(list(kind)) for name, kind in SLOTS.items()})
    return slots.map(lambda chosen: _mended(dict(chosen)))


def _mended(slots):
    """Facts near an arbitrary choice of slots."""
    if slots["manoeuvre"] in TURNING:
        slots["cause"] = Cause.ROAD
        slots["road"] = Road.LEFT if slots["manoeuvre"] is Manoeuvre.TURNING_LEFT else Road.SHARPLY_RIGHT
    if slots["manoeuvre"] in AROUND_OBJECTS and slots["cause"] not in OBJECT_CAUSES:
        slots["cause"] = Cause.CONE
    if slots["cause"] is Cause.HIGH_SPEED:
        slots["manoeuvre"] = Manoeuvre.BRAKING
    if slots["cause"] is Cause.ROAD and slots["road"] is Road.AHEAD:
        slots["road"] = Road.SHARPLY_LEFT
    kinds = OBJECT_CAUSES.get(slots["cause"], (slots["object"],))
    slots["object"] = slots["object"] if slots["object"] in kinds else kinds[0]
    if slots["object"] is ObjectKind.NONE:
        slots |= {"distance": Distance.NONE, "side": Side.NONE}
    else:
        slots["distance"] = Distance.M10 if slots["distance"] is Distance.NONE else slots["distance"]
        not_ahead = slots["cause"] is Cause.CLEAR_ROAD or slots["manoeuvre"] is Manoeuvre.PASSING
        wrong = (Side.NONE, Side.AHEAD) if not_ahead else (Side.NONE,)
        slots["side"] = Side.RIGHT if slots["side"] in wrong else slots["side"]
    if slots["side"] is not Side.AHEAD or slots["cause"] not in OBJECT_CAUSES or slots["manoeuvre"] in AROUND_OBJECTS:
        slots["room"] = Room.ENOUGH
    return Facts(**slots)


@pytest.mark.parametrize("language", GRAMMARS)
@given(facts=_facts(), seed=st.integers(0, 2**32))
@settings(max_examples=200, deadline=None)
def test_a_sentence_is_parsed_back_to_its_facts(language, facts, seed):
    grammar = GRAMMARS[language]
    sentence = grammar.generate(facts, np.random.default_rng(seed))
    assert set(sentence) <= set(grammar.words)
    assert grammar.parse(sentence) == facts


@pytest.mark.parametrize("language", GRAMMARS)
@given(facts=_facts(), seed=st.integers(0, 2**32), data=st.data())
@settings(max_examples=50, deadline=None)
def test_what_is_no_sentence_of_the_grammar_is_refused(language, facts, seed, data):
    grammar = GRAMMARS[language]
    sentence = list(grammar.generate(facts, np.random.default_rng(seed)))
    place = data.draw(st.integers(0, len(sentence) - 1))
    assert grammar.parse(sentence[:place]) != facts
    assert grammar.parse([*sentence, "ahead"]) is None
    doubled = [*sentence[: place + 1], *sentence[place:]]
    assert grammar.parse(doubled) is None


@pytest.mark.parametrize("language", GRAMMARS)
@given(facts=_facts(), seed=st.integers(0, 2**32))
@settings(max_examples=4, deadline=None)
def test_each_word_of_a_sentence_may_follow_those_before_it(language, facts, seed):
    grammar = GRAMMARS[language]
    sentence = grammar.generate(facts, np.random.default_rng(seed))
    for place, word in enumerate([*sentence, None]):
        assert word in grammar.follows(sentence[:place])
    assert not grammar.follows([*sentence[:1], "ahead", "ahead"])


@pytest.mark.parametrize("language", GRAMMARS)
def test_any_walk_through_the_words_that_may_follow_is_a_sentence(language):
    grammar, generator = GRAMMARS[language], np.random.default_rng(0)
    for _ in range(5):
        words: list[str] = []
        while True:
            word = generator.choice(np.array(sorted(grammar.follows(words), key=str), dtype=object))
            if word is None:
                break
            words.append(word)
        assert grammar.parse(words) is not None


@pytest.mark.parametrize("language", GRAMMARS)
def test_wordings_vary(language):
    facts = Facts.from_slots(
        {
            "manoeuvre": "braking",
            "cause": "car",
            "object": "car",
            "distance": "20-m",
            "side": "ahead",
            "room": "none-on-the-left",
            "weather": "rain",
            "road": "sharply-left",
        }
    )
    generator = np.random.default_rng(0)
    sentences = {to_text(GRAMMARS[language].generate(facts, generator)) for _ in range(50)}
    assert len(sentences) > 5
    assert len({GRAMMARS[language].generate(facts) for _ in range(3)}) == 1


def test_english_reads_as_written():
    facts = Facts.from_slots(
        {
            "manoeuvre": "braking",
            "cause": "car",
            "object": "car",
            "distance": "20-m",
            "side": "ahead",
            "room": "none-on-the-left",
            "weather": "fair",
            "road": "ahead",
        }
    )
    assert to_text(GRAMMARS["en"].generate(facts)) == "Braking: a car 20 m ahead, no room on the left."


@given(facts=_facts())
def test_a_mirror_image_of_a_mirror_image_is_the_same(facts):
    assert facts.mirrored().mirrored() == facts
    assert (facts.mirrored().side is Side.LEFT) == (facts.side is Side.RIGHT)


@pytest.mark.parametrize("language", GRAMMARS)
def test_words_are_single_tokens(language):
    for word in GRAMMARS[language].words:
        assert word
        assert not any(character.isspace() for character in word)
        assert word in MARKS or not any(mark in word for mark in MARKS)


def test_an_unknown_language_is_refused():
    with pytest.raises(UserError, match=r"'xx'.*expected one of en"):
        find_grammar("xx")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sentence [cause=tree] -> a tree", "line 1.*'cause=tree'"),
        ("sentence [tree=cone] -> a tree", "line 1.*'tree=cone'.*known are cause"),
        ("sentence a tree", "line 1.*is expected"),
        ("sentence -> <tree>", "no rule for <tree>"),
        ("tree -> a tree", "no rule for sentence"),
        ("| a tree", "line 1.*no phrase"),
    ],
)
def test_a_text_that_is_no_grammar_is_refused_with_its_line(text, message):
    with pytest.raises(ValueError, match=message):
        Grammar("en", text)
