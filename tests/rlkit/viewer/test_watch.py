import shutil

import pytest

from rlkit.errors import UserError
from rlkit.policy import find_policy
from rlkit.training import run as training_run
from rlkit.training.progress import PlainReporter
from rlkit.viewer.watch import playback, succeeded, video_path


def test_the_episodes_shown_are_those_evaluated():
    """`rlkit watch` and `rlkit evaluate` with one seed go through the same episodes."""
    from rlkit.policy import evaluate_policy

    who = find_policy("expert", env="rlkit/Driving-v0")
    measured = evaluate_policy(who, episodes=2, seed=3)
    with playback(who, seed=3) as shown:
        for episode in measured.episodes:
            while not shown.over:
                shown.advance()
            assert shown.frame().metrics["circuit"].value == episode["circuit"]
            assert shown.frame().metrics["lap_time"].value == episode["lap_time"]
            assert succeeded(shown.frame())
            shown.next_episode()


def test_a_video_gets_an_unused_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    who = find_policy("random", env="CartPole-v1")
    first = video_path(who)
    first.touch()
    second = video_path(who)
    assert first != second
    assert first.parent.name == "videos"


def test_a_window_opens_though_its_first_checkpoint_is_deleted_meanwhile(tmp_path):
    settings = {"batch_size": "16", "hidden": "16", "learning_starts": "80", "buffer_size": "240"}
    options = {"settings": settings, "steps": 300, "save_freq": 100, "eval_freq": 0}
    options |= {"reporter": lambda total: PlainReporter(total, quiet=True)}
    path = training_run.train("CartPole-v1", run_dir=tmp_path / "run", **options).path
    oldest = min((path / "checkpoints").iterdir())
    spec = find_policy(oldest)
    shutil.rmtree(oldest)
    with pytest.raises(UserError, match="missing"), playback(spec):
        pass
    with playback(spec, live=True) as shown:
        assert shown.frame().step == 0
