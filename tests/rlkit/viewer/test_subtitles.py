"""Subtitles: one cue for each sentence, at the time when it is shown."""

import pytest

from rlkit.errors import UserError
from rlkit.viewer.subtitles import Subtitles, subtitles_path


def test_equal_sentences_that_follow_each_other_are_one_cue(tmp_path):
    subtitles = Subtitles()
    for index, sentence in enumerate(["", "Braking.", "Braking.", "", "Braking.", "Passing."]):
        subtitles.add(index / 2, (index + 1) / 2, sentence)
    assert subtitles.cues == [(0.5, 1.5, "Braking."), (2.0, 2.5, "Braking."), (2.5, 3.0, "Passing.")]
    subtitles.write(tmp_path / "film.srt")
    lines = (tmp_path / "film.srt").read_text().splitlines()
    assert lines[:4] == ["1", "00:00:00,500 --> 00:00:01,500", "Braking.", ""]
    assert lines[8:11] == ["3", "00:00:02,500 --> 00:00:03,000", "Passing."]


def test_hours_and_milliseconds_are_written_in_full():
    subtitles = Subtitles([(3661.0425, 3662.0, "운전합니다.")])
    assert subtitles.to_text() == "1\n01:01:01,042 --> 01:01:02,000\n운전합니다.\n"


def test_existing_subtitles_are_not_overwritten(tmp_path):
    (tmp_path / "film.srt").write_text("mine")
    with pytest.raises(UserError, match=r"film\.srt' exists already"):
        subtitles_path(tmp_path / "film.mp4")
