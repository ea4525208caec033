import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rlkit.env.config import EnvConfig
from rlkit.errors import UserError
from rlkit.viewer.play_session import Place, PlaySession, places_of, with_advice
from rlkit.viewer.scores import BestFile

FILE = Path(__file__).parent / "drift.py"
PUSH_LEFT, PUSH_RIGHT, WAIT = 1, 2, 0


def config(kind: str = "Drift", **kwargs) -> EnvConfig:
    return EnvConfig(f"{FILE}:{kind}", kwargs)


def go(game: PlaySession, *actions: int) -> None:
    if game.over:
        game.begin()
    for action in actions:
        game.step(action)


@pytest.fixture
def game():
    with PlaySession(Place(config()), 7, BestFile()) as made:
        yield made


def test_the_fastest_completed_attempt_is_the_best(game):
    go(game, WAIT, *[PUSH_RIGHT] * 5)
    assert (game.over, game.was_best, game.best.time) == (True, True, pytest.approx(0.6))
    go(game, *[PUSH_LEFT] * 5)  # shorter, but not completed
    assert (game.was_best, game.best.time) == (False, pytest.approx(0.6))
    go(game, WAIT, WAIT, *[PUSH_RIGHT] * 5)
    assert not game.was_best
    go(game, *[PUSH_RIGHT] * 5)
    assert (game.was_best, game.best.time) == (True, pytest.approx(0.5))
    assert [(a.number, a.succeeded, a.time) for a in game.attempts] == [
        (1, True, pytest.approx(0.6)), (2, False, None), (3, True, pytest.approx(0.7)), (4, True, pytest.approx(0.5))
    ]  # fmt: skip


def test_without_a_time_the_return_decides():
    with PlaySession(Place(config(scored=True)), 0, BestFile()) as game:
        go(game, *[PUSH_RIGHT] * 5)
        go(game, *[PUSH_LEFT] * 5)
        assert (game.was_best, game.best.episode_return, game.best.time) == (False, 5.0, None)
        go(game, PUSH_LEFT, *[PUSH_RIGHT] * 6)
        assert (game.was_best, game.best.episode_return) == (True, 6.0)


def test_the_environment_is_given_the_ghost_of_the_best_attempt_when_the_next_begins(game):
    ghosts = game.env.unwrapped.ghosts
    go(game, *[PUSH_RIGHT] * 5)
    assert ghosts == [None]  # none yet, and none in the middle of an attempt
    game.begin()
    assert ghosts[-1].tolist() == [[k, 0.1 * k, 0.0] for k in range(6)]
    game.begin(8)
    assert ghosts[-1] is None  # another seed is another place


def test_attempts_are_cleared_with_the_seed(game):
    go(game, *[PUSH_RIGHT] * 5)
    game.begin(8)
    assert game.attempts == []


def test_a_frame_holds_what_the_viewer_shows(game):
    go(game, PUSH_RIGHT, PUSH_RIGHT)
    frame = game.frame()
    assert (frame.agent, frame.label, frame.step, frame.seconds, frame.episode_return) == ("you", "seed 7", 2, 0.2, 2.0)
    assert frame.telemetry["place"].value == 2.0
    assert not np.array_equal(game.frame(0.5).scene, frame.scene)
    assert game.trail[:, 0].tolist() == [0.0, 1.0, 2.0]
    go(game, *[PUSH_RIGHT] * 3)
    assert {name: metric.value for name, metric in game.frame().metrics.items()} == {
        "there": True, "lap_time": pytest.approx(0.5), "ratio": 1.1
    }  # fmt: skip


def test_default_arguments_for_play_can_be_overridden():
    assert dict(with_advice(config()).kwargs) == {"slope": 0, "gentle": True}
    assert dict(with_advice(config(gentle=False)).kwargs) == {"slope": 0, "gentle": False}


def test_the_best_attempts_come_back_from_their_file(tmp_path):
    path = tmp_path / "best.json"
    with PlaySession(Place(config()), 7, BestFile(path)) as game:
        go(game, *[PUSH_RIGHT] * 5)
    with PlaySession(Place(config()), 7, BestFile(path)) as game:
        assert game.best.time == pytest.approx(0.5)
        assert game.env.unwrapped.ghosts[0][:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    for place, seed in ((Place(config(slope=1)), 7), (Place(config()), 8)):
        assert BestFile(path).get(place.key(seed)) is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["best.json"]


@pytest.mark.parametrize(
    "content",
    ["", "years of work", "[]", "{}", '{"format": "rlkit best attempts, version 1"}',
     '{"format": "rlkit best attempts, version 1", "places": {"x": {"return": 1, "time": null, "poses": [[1, 2]]}}}',
     '{"format": "rlkit best attempts, version 1", "places": {"x": {"return": 1, "time": 2, "poses": [[1, 2, NaN]]}}}'],
)  # fmt: skip
def test_a_file_with_another_content_is_refused_and_unchanged(tmp_path, content):
    path = tmp_path / "mine.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"mine.json: this is no file of best attempts"):
        BestFile(path)
    assert path.read_text() == content


def test_a_missing_folder_is_refused_at_once(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        BestFile(tmp_path / "gone" / "best.json")


def test_scenarios_are_places_with_names_of_their_own(tmp_path):
    circle = [(60.0 * math.cos(0.05236 * k), 60.0 * math.sin(0.05236 * k)) for k in range(120)]
    for name in ("b", "a"):
        (tmp_path / f"{name}.csv").write_text("\n".join(f"{x:.3f},{y:.3f},5,5" for x, y in circle))
    places = places_of(EnvConfig("rlkit/Driving-v0"), tmp_path)
    assert [place.label for place in places] == ["a", "b"]
    moved = tmp_path / "moved"
    moved.mkdir()
    (moved / "a.csv").write_text("")
    (same,) = places_of(EnvConfig("rlkit/Driving-v0"), moved / "a.csv")
    assert same.key(0) == places[0].key(0) != places[1].key(0)  # the folder of the file does not matter


def test_an_environment_that_fails_is_named():
    with (
        PlaySession(Place(config()), 0, BestFile()) as game,
        pytest.raises(UserError, match=r"drift.py:Drift failed in step"),
    ):
        game.step(17)


def test_unknown_arguments_are_reported():
    with pytest.raises(UserError, match=r"cannot be made for playing: .*speed"):
        PlaySession(Place(config(speed=3)), 0, BestFile())


def test_playing_needs_no_torch():
    code = "import sys, rlkit.viewer.play_session, rlkit.viewer.play_window; assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.dumps(done.stdout) == '""'


def test_perception_is_shown_beside_the_game_and_changes_nothing_in_it():
    camera = EnvConfig("rlkit/DrivingCamera-v0", {"camera_size": [32, 48]})
    accelerate = 8
    with (
        PlaySession(Place(camera), 3, BestFile()) as plain,
        PlaySession(Place(camera.seen_by("truth")), 3, BestFile()) as seen,
    ):
        assert plain.frame().perceived is None
        first = seen.frame().perceived
        assert first.found.shape == (32, 48)
        assert first.iou == 1.0
        assert seen.frame(0.5).perceived is first  # computed once
        for _ in range(8):
            plain.step(accelerate)
            seen.step(accelerate)
        assert not np.array_equal(seen.frame().perceived.image, first.image)
        assert seen.returns == plain.returns
        seen.begin()
        assert np.array_equal(seen.frame().perceived.image, first.image)


def test_perception_without_a_camera_is_refused():
    with pytest.raises(UserError, match="camera"):
        PlaySession(Place(config().seen_by("pretrained:segnet-compact")), 0, BestFile())


def test_true_boxes_are_of_the_present_moment(tmp_path):
    small = {"num_circuits": 1, "camera_size": [48, 64], "traffic": 30, "start": "line", "clear_ahead": 0}
    config = EnvConfig("rlkit/DrivingTrafficCamera-v0", small)
    with PlaySession(Place(config), 3, BestFile(tmp_path / "best.json")) as game:
        first = game.frame().boxed
        assert first.image.shape == (48, 64, 3)
        assert len(first.boxes) > 0
        for _ in range(5):
            game.step(8)
        assert not np.array_equal(game.frame().boxed.boxes.boxes, first.boxes.boxes)
