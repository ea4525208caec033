import itertools
import time
from pathlib import Path

import imageio.v2 as imageio
import numpy as np
import pygame
import pytest

from rlkit.env.config import EnvConfig
from rlkit.errors import UserError
from rlkit.policy import find_policy
from rlkit.viewer import record
from rlkit.viewer.play_session import Place, PlaySession
from rlkit.viewer.recorder import Recorder
from rlkit.viewer.scores import BestFile
from rlkit.viewer.watch import playback

PAINTED = Path(__file__).with_name("painted.py")


def read(path):
    with imageio.get_reader(path) as video:
        meta = video.get_meta_data()
        return [np.asarray(picture) for picture in video], meta


@pytest.fixture(autouse=True)
def _without_display(no_display):
    pygame.display.quit()
    yield
    assert not pygame.display.get_init()  # recording opens none


def test_an_mp4_has_one_picture_per_decision(make_playback, tmp_path):
    made = record(make_playback(length=12), tmp_path / "lap.mp4")
    pictures, meta = read(tmp_path / "lap.mp4")
    assert len(pictures) == made.frames == 12 + 1 + 10  # the last moment stays for a second
    assert meta["fps"] == made.rate == 10.0
    assert pictures[0].shape == (720, 1280, 3)
    assert made.episodes == 1


@pytest.mark.parametrize("form", ["unit", "floats", "rgba", "channels_first", "list", "frames"])
def test_pictures_of_any_form_are_recorded(form, tmp_path):
    film = tmp_path / "film.mp4"
    with playback(find_policy("random", env=f"{PAINTED}:Painted", env_kwargs={"form": form})) as shown:
        record(shown, film, panels=False)
    picture = read(film)[0][0]
    assert picture[240, 120].tolist() == pytest.approx([255, 0, 0], abs=12)
    assert picture[240, 360].max() < 12


def test_pictures_without_known_meaning_are_refused_with_what_they_hold(tmp_path):
    film = tmp_path / "film.mp4"
    who = find_policy("random", env=f"{PAINTED}:Painted", env_kwargs={"form": "signed"})
    with (
        playback(who) as shown,
        pytest.raises(
            UserError, match=r"painted\.py:Painted.*render returned a picture of float64 with values from -1 to 1"
        ),
    ):
        record(shown, film)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("workers", [0, 1])
def test_the_time_limit_of_a_step_covers_pictures(tmp_path, workers):
    kwargs = {"form": "slow", "step_timeout": 0.5, "workers": workers}
    who = find_policy("random", env=f"{PAINTED}:Painted", env_kwargs=kwargs)
    began = time.monotonic()
    with (
        pytest.raises(UserError, match=r"render did not come back within 0\.5 s.*painted\.py.*step_timeout=5"),
        playback(who) as shown,
    ):
        record(shown, tmp_path / "film.mp4")
    assert time.monotonic() - began < 15.0


def test_a_played_game_shows_them_too():
    place = Place(EnvConfig(f"{PAINTED}:Painted"))
    with PlaySession(place, 0, BestFile(None)) as game:
        assert game.frame().scene[240, 120].tolist() == [255, 0, 0]
    with (
        pytest.raises(UserError, match=r"failed in render.*values from -1 to 1"),
        PlaySession(Place(EnvConfig(f"{PAINTED}:Painted", {"form": "signed"})), 0, BestFile(None)) as game,
    ):
        game.frame()


def test_a_gif_has_one_picture_per_decision(make_playback, tmp_path):
    made = record(make_playback(length=6), tmp_path / "lap.gif", size=(640, 480))
    pictures, meta = read(tmp_path / "lap.gif")
    assert len(pictures) == made.frames
    assert meta["duration"] == 100  # ms
    assert pictures[0].shape[:2] == (480, 640)


def test_a_gif_skips_frames_above_its_maximum_rate(make_playback, tmp_path):
    playback = make_playback()
    with Recorder(tmp_path / "fast.gif", 120.0, panels=False) as recorder:
        recorder.write(playback.frame(), times=30)
    assert (recorder.rate, recorder.video.frames) == (40.0, 10)


def test_without_panels_the_scene_is_recorded_in_whole_multiples_with_even_sides(make_playback, tmp_path):
    playback = make_playback(length=3)
    record(playback, tmp_path / "scene.mp4", panels=False)
    pictures, _ = read(tmp_path / "scene.mp4")
    assert pictures[0].shape == (8 * 60, 8 * 91, 3)


def test_colours_are_preserved(make_playback, tmp_path):
    record(make_playback(length=2), tmp_path / "scene.mp4", panels=False)
    pictures, _ = read(tmp_path / "scene.mp4")
    assert np.abs(pictures[0][200:300, 200:300].astype(int) - 90).max() <= 3


@pytest.mark.parametrize(
    ("limits", "frames", "episodes"),
    [({"episodes": 2}, 2 * (3 + 10), 2), ({"seconds": 0.2}, 2, 0), ({"episodes": None, "seconds": 2.0}, 20, 2),
     ({"episodes": None, "until": lambda frame: frame.label == "seed 1"}, 26, 2), ({"episodes": None}, 5 * 13, 5)],
)  # fmt: skip
def test_recording_stops_at_its_limit(make_playback, tmp_path, limits, frames, episodes):
    made = record(make_playback(length=2), tmp_path / "a.mp4", panels=False, **limits)
    assert (made.frames, made.episodes) == (frames, episodes)


def test_an_interrupted_recording_is_kept(make_playback, tmp_path):
    def interrupt(frame):
        if frame.step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(make_playback(seeds=itertools.count()), tmp_path / "lap.mp4", panels=False, each=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["lap.mp4"]
    assert len(read(tmp_path / "lap.mp4")[0]) == 8


def test_an_environment_without_pictures_is_recorded_with_its_panels_only(make_playback, tmp_path):
    record(make_playback(kind="BareLane", length=2), tmp_path / "lap.mp4", size=(640, 480))
    with pytest.raises(UserError, match="draws no picture"):
        record(make_playback(kind="BareLane", length=2), tmp_path / "scene.mp4", panels=False)


def test_the_same_playback_gives_the_same_video(make_playback, tmp_path):
    for name in ("a.mp4", "b.mp4"):
        record(make_playback(length=3), tmp_path / name, panels=False)
    assert all(
        np.array_equal(one, other)
        for one, other in zip(read(tmp_path / "a.mp4")[0], read(tmp_path / "b.mp4")[0], strict=True)
    )
