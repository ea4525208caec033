from rlkit.policy import find_policy
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
