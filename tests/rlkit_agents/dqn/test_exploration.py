import numpy as np
import pytest
from rlkit_agents.dqn.exploration import EpsilonGreedy, ExplorationClock


def draws(exploration, steps, epsilon, hold=1.0):
    pairs = [exploration.draw(epsilon, hold) for _ in range(steps)]
    return np.array([mask for mask, _ in pairs]), np.array([actions for _, actions in pairs])


def explorer(num_envs=64, seed=0):
    return EpsilonGreedy(5, num_envs, np.random.default_rng(seed))


@pytest.mark.parametrize("hold", [1.0, 4.0, 15.0])
@pytest.mark.parametrize("epsilon", [0.0, 0.05, 0.5, 1.0])
def test_a_share_epsilon_of_all_steps_is_random_however_long_actions_last(epsilon, hold):
    masks, _ = draws(explorer(), 4_000, epsilon, hold)

    assert masks[200:].mean() == pytest.approx(epsilon, abs=0.01)


def test_random_actions_last_as_long_as_asked_on_average():
    masks, actions = draws(explorer(num_envs=1), 60_000, 1.0, hold=8.0)

    changes = (actions[1:, 0] != actions[:-1, 0]).sum()
    assert masks.all()
    # A new draw repeats the old action by chance one time in five.
    assert 60_000 / (changes / 0.8) == pytest.approx(8.0, rel=0.05)


def test_every_action_is_drawn_alike():
    _, actions = draws(explorer(), 2_000, 1.0)

    assert np.bincount(actions.ravel(), minlength=5) / actions.size == pytest.approx([0.2] * 5, abs=0.01)


def test_no_action_is_kept_beyond_the_end_of_an_episode():
    exploration = explorer(num_envs=2)
    exploration.draw(1.0, hold=1_000.0)

    exploration.end(np.array([True, False]))

    mask, _ = exploration.draw(0.0, hold=1_000.0)
    assert mask.tolist() == [False, True]


def test_it_goes_on_exactly_from_its_state():
    one, other = explorer(seed=1), explorer(seed=2)
    draws(one, 50, 0.3, hold=6.0)

    other.load_state(one.state())

    for left, right in zip(draws(one, 50, 0.3, hold=6.0), draws(other, 50, 0.3, hold=6.0), strict=True):
        assert np.array_equal(left, right)


def steps_after(clock, times, rewards=(-1.0, -1.0), terminated=(False, False)):
    for _ in range(times):
        clock.observe(np.array(rewards, dtype=np.float32), np.array(terminated))
    return clock.steps


def test_the_clock_stands_still_until_enough_was_found():
    clock = ExplorationClock(findings=2, limit=10)

    assert steps_after(clock, 50) == 10
    assert steps_after(clock, 1, terminated=(False, True)) == 10
    assert steps_after(clock, 50) == 10
    assert steps_after(clock, 1, rewards=(0.5, -1.0)) == 12
    assert steps_after(clock, 50) == 112


def test_what_is_found_early_delays_nothing():
    clock = ExplorationClock(findings=2, limit=10)

    assert steps_after(clock, 1, terminated=(True, True)) == 2
    assert steps_after(clock, 50) == 102


def test_a_clock_that_awaits_nothing_counts_every_step():
    assert steps_after(ExplorationClock(findings=0, limit=0), 50) == 100


@pytest.mark.parametrize("usual", [0.0, 1.0, -0.25])
def test_rewards_are_compared_with_the_first_of_all(usual):
    clock = ExplorationClock(findings=1, limit=0)

    assert steps_after(clock, 20, rewards=(usual, usual)) == 0
    assert steps_after(clock, 1, rewards=(usual, usual + 1.0)) == 2


def test_the_clock_goes_on_exactly_from_its_state():
    one, other = ExplorationClock(findings=30, limit=10), ExplorationClock(findings=30, limit=10)
    assert steps_after(one, 7, rewards=(-1.0, 0.0)) == 10

    other.load_state(one.state())

    for clock in (one, other):
        assert steps_after(clock, 22, rewards=(-2.0, -1.0)) == 10
        assert steps_after(clock, 1, rewards=(-2.0, -1.0)) == 12
