"""`rlkit watch --commentary`: the sentence in the film and beside it, and what it cannot do."""

import pytest

from rlkit.cli import main
from rlkit.viewer import theme

CAMERA = "rlkit/DrivingTrafficCamera-v0"


def test_a_film_with_a_commentary_has_subtitles(tmp_path):
    film = tmp_path / "film.mp4"
    main(["watch", "expert", "--env", CAMERA, "--commentary", "truth", "--record", str(film), "--seconds", "0.8"])
    text = film.with_suffix(".srt").read_text()
    assert film.is_file()
    assert text.startswith("1\n00:00:00,")
    assert " --> 00:00:00,800\n" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["random", "--env", "CartPole-v1", "--commentary", "truth"], "CartPole-v1 has no facts for a commentary"),
        (["expert", "--env", "rlkit/DrivingTraffic-v0", "--commentary", "truth"], "needs an observation 'camera'"),
        (
            ["expert", "--env", CAMERA, "--commentary", "fr"],
            "--commentary takes truth, truth-en, truth-ko, or a captioner. There is neither",
        ),
        (["expert", "--env", CAMERA, "--commentary", "truth-xx"], "no commentaries in 'xx'"),
        (["expert", "--env", CAMERA, "--seconds", "0"], "--seconds 0: expected a number greater than 0"),
    ],
)
def test_what_cannot_be_commented_is_refused_in_one_sentence(tmp_path, capsys, arguments, message):
    with pytest.raises(SystemExit):
        main(["watch", *arguments, "--record", str(tmp_path / "film.mp4")])
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not list(tmp_path.iterdir())


def test_korean_without_a_font_names_the_package(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(theme, "HANGUL_FONTS", ("no such font",))
    theme.hangul_font_file.cache_clear()
    with pytest.raises(SystemExit):
        main(["watch", "expert", "--env", CAMERA, "--commentary", "truth-ko", "--record", str(tmp_path / "film.mp4")])
    theme.hangul_font_file.cache_clear()
    assert "fonts-nanum" in capsys.readouterr().err
