import numpy as np
import pytest
from rlkit_agents.dqn.exploration import EpsilonGreedy, ExplorationSteps


def draws(exploration, steps, epsilon, repeat=1.0):
    pairs = [exploration.draw(epsilon, repeat) for _ in range(steps)]
    return np.array([mask for mask, _ in pairs]), np.array([actions for _, actions in pairs])


def explorer(num_envs=64, seed=0):
    return EpsilonGreedy(5, num_envs, np.random.default_rng(seed))


@pytest.mark.parametrize("repeat", [1.0, 4.0, 15.0])
@pytest.mark.parametrize("epsilon", [0.0, 0.05, 0.5, 1.0])
def test_a_share_epsilon_of_all_steps_is_random_however_long_actions_last(epsilon, repeat):
    masks, _ = draws(explorer(), 4_000, epsilon, repeat)

    assert masks[200:].mean() == pytest.approx(epsilon, abs=0.01)


def test_random_actions_are_repeated_for_the_given_mean_number_of_steps():
    masks, actions = draws(explorer(num_envs=1), 60_000, 1.0, repeat=8.0)

    changes = (actions[1:, 0] != actions[:-1, 0]).sum()
    assert masks.all()
    # A new action equals the old one with probability 1/5.
    assert 60_000 / (changes / 0.8) == pytest.approx(8.0, rel=0.05)


def test_random_actions_are_uniform():
    _, actions = draws(explorer(), 2_000, 1.0)

    assert np.bincount(actions.ravel(), minlength=5) / actions.size == pytest.approx([0.2] * 5, abs=0.01)


def test_no_action_is_repeated_beyond_the_end_of_an_episode():
    exploration = explorer(num_envs=2)
    exploration.draw(1.0, repeat=1_000.0)

    exploration.end(np.array([True, False]))

    mask, _ = exploration.draw(0.0, repeat=1_000.0)
    assert mask.tolist() == [False, True]


def test_exploration_continues_exactly_from_its_state():
    one, other = explorer(seed=1), explorer(seed=2)
    draws(one, 50, 0.3, repeat=6.0)

    other.load_state(one.state())

    for left, right in zip(draws(one, 50, 0.3, repeat=6.0), draws(other, 50, 0.3, repeat=6.0), strict=True):
        assert np.array_equal(left, right)


def steps_after(counter, times, rewards=(-1.0, -1.0), terminated=(False, False)):
    for _ in range(times):
        counter.observe(np.array(rewards, dtype=np.float32), np.array(terminated))
    return counter.steps


def test_the_counter_pauses_until_enough_events_were_observed():
    counter = ExplorationSteps(min_events=2, limit=10)

    assert steps_after(counter, 50) == 10
    assert steps_after(counter, 1, terminated=(False, True)) == 10
    assert steps_after(counter, 50) == 10
    assert steps_after(counter, 1, rewards=(0.5, -1.0)) == 12
    assert steps_after(counter, 50) == 112


def test_early_events_prevent_any_pause():
    counter = ExplorationSteps(min_events=2, limit=10)

    assert steps_after(counter, 1, terminated=(True, True)) == 2
    assert steps_after(counter, 50) == 102


def test_a_counter_without_min_events_counts_every_step():
    assert steps_after(ExplorationSteps(min_events=0, limit=0), 50) == 100


@pytest.mark.parametrize("first", [0.0, 1.0, -0.25])
def test_rewards_are_compared_with_the_first_one(first):
    counter = ExplorationSteps(min_events=1, limit=0)

    assert steps_after(counter, 20, rewards=(first, first)) == 0
    assert steps_after(counter, 1, rewards=(first, first + 1.0)) == 2


def test_the_counter_continues_exactly_from_its_state():
    one, other = ExplorationSteps(min_events=30, limit=10), ExplorationSteps(min_events=30, limit=10)
    assert steps_after(one, 7, rewards=(-1.0, 0.0)) == 10

    other.load_state(one.state())

    for counter in (one, other):
        assert steps_after(counter, 22, rewards=(-2.0, -1.0)) == 10
        assert steps_after(counter, 1, rewards=(-2.0, -1.0)) == 12


def test_a_repeated_action_is_continued_exactly_from_the_state():
    one, other = explorer(num_envs=3, seed=1), explorer(num_envs=3, seed=1)
    _, actions = one.draw(1.0, repeat=1_000.0)
    other.load_state(one.state())
    mask, continued = other.draw(0.0)
    assert mask.all()
    assert np.array_equal(continued, actions)


def test_the_share_is_right_from_the_first_step_without_repetition():
    masks, _ = draws(explorer(num_envs=20_000), 1, 0.25)
    assert masks.mean() == pytest.approx(0.25, abs=0.01)
