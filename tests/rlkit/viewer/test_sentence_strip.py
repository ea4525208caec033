"""The sentence of a commentary under the scene."""

import pygame
import pytest

from rlkit.viewer import theme
from rlkit.viewer.sentence_strip import LINES, draw_sentence, wrap
from rlkit.viewer.theme import HEAD, Pen


@pytest.fixture
def pen():
    made = Pen(1.0)
    yield made
    made.close_fonts()


def test_lines_break_between_words_and_lose_none(pen):
    sentence = "Braking in the rain: a slower car 20 m ahead, no room on the left, then a sharp left bend."
    lines = wrap(sentence, 380, pen)
    assert len(lines) == LINES
    assert " ".join(lines) == sentence
    assert pen.width(lines[0], HEAD) <= 380
    assert wrap("", 400, pen) == []


def test_the_scene_keeps_the_space_above(pen):
    surface = pygame.Surface((800, 600))
    place = pygame.Rect(10, 10, 700, 500)
    short, long = (draw_sentence(surface, place, text, pen) for text in ("", "Braking: a cone 5 m ahead. " * 9))
    assert short == long  # whatever the sentence, the scene stays where it is
    assert short.top == place.top
    assert short.bottom < place.bottom
    assert surface.get_at((place.left + 40, place.bottom - 20)) != surface.get_at((place.left + 40, place.top + 20))


def test_a_playback_shows_what_its_narrator_tells(make_playback):
    class Counting:
        def begin(self, environments):
            self.told = 0

        def tell(self, q):
            self.told += 1
            return f"{self.told} {q.shape}"

    assert make_playback().frame().sentence is None
    playback = make_playback(narrator=Counting())
    playback.advance()
    assert playback.frame().sentence == f"2 {(1, playback.agent.actions)}"


def test_korean_is_drawn_with_a_font_of_its_own(pen, monkeypatch):
    asked = []
    monkeypatch.setattr(theme, "hangul_font_file", lambda: asked.append(True) or theme.font_file(True))
    latin, hangul = pen.font(HEAD, text="a cone"), pen.font(HEAD, text="라바콘")
    assert latin is pen.font(HEAD)
    assert hangul is not latin
    assert asked == [True]
