from itertools import count

import numpy as np
import pytest

from rlkit.agent import Inspection
from rlkit.errors import UserError
from rlkit.viewer import Episode
from rlkit.viewer.playback import LINGER_SECONDS, SPEEDS, return_spread


def play_through(playback):
    frames = [playback.frame()]
    while not playback.over:
        playback.advance()
        frames.append(playback.frame())
    return frames


def test_same_seed_gives_the_same_frames(make_playback):
    first, second = (play_through(make_playback(seeds=[7])) for _ in range(2))
    assert len(first) == len(second) == 13
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.scene, other.scene)
        assert np.array_equal(one.q, other.q)
        assert one.action == other.action
        assert all(np.array_equal(one.inputs[name], other.inputs[name]) for name in one.inputs)


def test_the_action_shown_is_the_one_that_is_carried_out(make_playback):
    frames = play_through(make_playback(length=6))
    rewards = np.diff(frames[-1].returns)  # the reward is the number of the action
    assert [frame.action for frame in frames] == [*rewards.astype(int).tolist(), None]
    assert all(frame.action == frame.q.argmax() for frame in frames[:-1])


def test_value_history_holds_the_best_value_of_every_moment(make_playback):
    frames = play_through(make_playback(length=4))
    assert frames[-1].values.tolist() == [frame.q.max() for frame in frames]


def test_the_last_frame_of_an_episode_has_its_metrics(make_playback):
    last = play_through(make_playback(seeds=[3], length=5))[-1]
    assert (last.ended, last.step, last.seconds) == ("truncated", 5, 0.5)
    assert {name: (metric.value, metric.kind) for name, metric in last.metrics.items()} == {
        "finished": (True, "share"),
        "lap_time": (4.2, "seconds"),
        "ratio": (1.2, "ratio"),
        "circuit": ("c3", "label"),
    }


def test_after_the_end_the_next_seed_follows_until_there_is_none(make_playback):
    playback = make_playback(seeds=[4, 9], length=2)
    labels = []
    for _ in range(8):
        labels.append((playback.frame().episode, playback.frame().label, playback.frame().step))
        playback.advance()
    assert labels[:6] == [(1, "seed 4", 0), (1, "seed 4", 1), (1, "seed 4", 2)] + [(2, "seed 9", s) for s in range(3)]
    assert labels[6:] == [(2, "seed 9", 2)] * 2
    assert playback.exhausted
    assert not playback.advance()


def test_restart_repeats_the_episode(make_playback):
    playback = make_playback(seeds=count(5))
    first = play_through(playback)
    playback.restart()
    again = play_through(playback)
    assert [frame.label for frame in again] == [frame.label for frame in first]
    assert np.array_equal(first[-1].returns, again[-1].returns)


def test_next_episode_ends_the_present_one(make_playback):
    playback = make_playback(seeds=[1, 2])
    playback.advance()
    assert playback.next_episode()
    assert (playback.frame().label, playback.frame().step) == ("seed 2", 0)
    assert not playback.next_episode()
    assert playback.frame().label == "seed 2"


def test_an_episode_may_take_place_in_an_environment_of_its_own(make_playback):
    other = make_playback(length=3).environments
    playback = make_playback(seeds=[1, Episode(2, other, "Monza")], length=5)
    playback.next_episode()
    assert playback.frame().label == "Monza"
    assert play_through(playback)[-1].step == 3


def test_no_episode_at_all_is_an_error(make_playback):
    with pytest.raises(UserError, match="no episode"):
        make_playback(seeds=[])


def test_at_speed_1_simulated_time_is_real_time(make_playback):
    playback = make_playback(length=1000)
    for _ in range(60 * 7):
        playback.elapse(1 / 60)
    assert playback.frame().seconds == pytest.approx(7.0)


@pytest.mark.parametrize(("keys", "decisions"), [("+", 20), ("++", 40), ("-", 5), ("--", 2), ("---", 1)])
def test_speed_multiplies_the_decisions_of_a_second(make_playback, keys, decisions):
    playback = make_playback(length=1000)
    for key in keys:
        (playback.faster if key == "+" else playback.slower)()
    for _ in range(50):
        playback.elapse(0.02)
    assert playback.frame().step == decisions


def test_speed_stays_between_a_tenth_and_sixteen(make_playback):
    playback = make_playback()
    for _ in range(20):
        playback.faster()
    assert playback.speed == SPEEDS[-1] == 16.0
    for _ in range(20):
        playback.slower()
    assert playback.speed == SPEEDS[0] == 0.1


def test_only_single_steps_advance_while_paused(make_playback):
    playback = make_playback()
    playback.toggle_pause()
    assert playback.elapse(10.0) == 0
    playback.single_step()
    assert (playback.frame().step, playback.paused) == (1, True)
    playback.toggle_pause()
    assert playback.elapse(0.1) == 1


def test_the_last_moment_lingers_before_the_next_episode(make_playback):
    playback = make_playback(seeds=[1, 2], length=2)
    playback.elapse(100.0)
    assert playback.over
    playback.elapse(LINGER_SECONDS * 0.9)
    assert playback.over
    playback.elapse(LINGER_SECONDS * 0.2)
    assert playback.frame().label == "seed 2"


def test_a_slow_machine_plays_slowly_instead_of_freezing(make_playback):
    playback = make_playback(length=10_000)
    assert playback.elapse(500.0, budget=0.0) == 1
    assert playback.elapse(0.1) == 1  # the rest was dropped, not postponed


def test_a_callback_is_called_after_every_decision(make_playback):
    playback = make_playback(length=100)
    steps = []
    playback.elapse(1.0, each=lambda: steps.append(playback.frame().step))
    assert steps == list(range(1, 11))


def test_agents_and_environments_without_optional_features_are_shown(make_playback):
    frame = make_playback(kind="BareLane", blind=True).frame()
    assert frame.scene is None
    assert frame.q is None
    assert not frame.as_network
    assert frame.values.size == 0
    assert frame.telemetry == {}
    assert frame.action_names == ("action 0", "action 1", "action 2")


def test_the_spread_covers_the_returns_from_10_to_90_percent():
    quantiles = np.stack([np.linspace(0.0, 100.0, 101), np.full(101, 7.0)])[np.newaxis].astype(np.float32)
    assert return_spread(Inspection(quantiles=quantiles)) == pytest.approx(np.array([[10.0, 90.0], [7.0, 7.0]]))


def test_the_spread_of_a_categorical_distribution_uses_its_support():
    support = np.linspace(-5.0, 5.0, 11, dtype=np.float32)
    probabilities = np.zeros((1, 3, 11), np.float32)
    probabilities[0, 0] = 1.0 / 11.0
    probabilities[0, 1, 8] = 1.0
    probabilities[0, 2, [0, 5, 10]] = 0.05, 0.9, 0.05  # the tails are thinner than a tenth
    found = return_spread(Inspection(support=support, probabilities=probabilities))
    assert found.tolist() == [[-4.0, 4.0], [3.0, 3.0], [0.0, 0.0]]


def test_without_a_distribution_there_is_no_spread():
    assert return_spread(Inspection(q=np.zeros((1, 2), np.float32))) is None
