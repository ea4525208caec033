"""Particles take the form that the noun before them calls for."""

import pytest

from rlkit.commentary.facts import Facts
from rlkit.commentary.grammar import to_text
from rlkit.commentary.korean import KOREAN, expand_particles, with_particle


@pytest.mark.parametrize(
    ("noun", "particle", "expected"),
    [
        ("느린 차", "이/가", "느린 차가"),
        ("라바콘", "이/가", "라바콘이"),
        ("왼쪽 커브", "을/를", "왼쪽 커브를"),
        ("굽은 길", "을/를", "굽은 길을"),
    ],
)
def test_a_particle_follows_the_last_syllable(noun, particle, expected):
    assert with_particle(noun, particle) == expected


def test_a_particle_needs_a_hangul_syllable():
    with pytest.raises(ValueError, match="does not end with a Hangul syllable"):
        with_particle("car", "이/가")


def test_a_phrase_with_a_particle_keeps_its_conditions():
    text = expand_particles("sentence -> <it>[을/를] .\nit [cause=cone] -> 라바콘 | 고깔")
    assert "sentence -> <it-object> ." in text
    assert "it-object [cause=cone] -> 라바콘을 | 고깔을" in text


def test_korean_reads_as_written():
    slots = {"manoeuvre": "braking", "cause": "car", "object": "car", "distance": "20-m", "side": "ahead"}
    slots |= {"room": "none-on-the-left", "weather": "fair", "road": "ahead"}
    sentence = KOREAN.generate(Facts.from_slots(slots))
    assert to_text(sentence) == "20 m 앞에 달리는 차가 있어 속도를 줄입니다. 왼쪽에는 공간이 없습니다."
