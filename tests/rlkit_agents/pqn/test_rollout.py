import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rlkit_agents.pqn.rollout import Rollout, lambda_returns

from rlkit.replay import Transitions
from rlkit.spaces import Leaf

LEAVES = {"view": Leaf("view", (2, 2, 1), "uint8"), "state": Leaf("state", (3,), "float32")}


def seen(t):
    return {"view": np.full((2, 2, 2, 1), t, np.uint8), "state": np.full((2, 3), t, np.float32)}


def step(t, terminated=(False, False), truncated=(False, False)):
    rewards = np.array([t, -t], np.float32)
    return Transitions(seen(t), np.array([t, t + 1]), rewards, np.array(terminated), np.array(truncated), seen(t + 100))


def filled(*steps):
    rollout = Rollout(LEAVES, 4, 2)
    for one in steps:
        rollout.add(one)
    return rollout


def test_steps_are_stored_in_order():
    rollout = filled(step(0), step(1))
    assert rollout.filled == 2
    assert not rollout.full
    assert rollout.observations["view"][:2, 0, 0, 0, 0].tolist() == [0, 1]
    assert rollout.actions[:2].tolist() == [[0, 1], [1, 2]]
    assert rollout.newest["state"][0, 0] == 101


def test_last_observations_of_truncated_episodes_are_kept():
    rollout = filled(
        step(0, truncated=(False, True)), step(1, terminated=(True, False)), step(2, truncated=(True, True))
    )
    steps, environments, last = rollout.truncations
    assert (steps, environments) == ([0, 2, 2], [1, 0, 1])
    assert last["state"][:, 0].tolist() == [100, 102, 102]


def test_a_termination_at_a_limit_is_a_termination():
    rollout = filled(step(0, terminated=(True, False), truncated=(True, False)))
    assert not rollout.truncated[0].any()
    assert rollout.truncations[0] == []


def test_episodes_that_are_not_continued_count_as_truncated():
    rollout = filled(step(0), step(1, terminated=(True, False)))
    rollout.cut()
    assert rollout.truncated[:2].tolist() == [[False, False], [False, True]]
    assert rollout.truncations[:2] == ([1], [1])
    Rollout(LEAVES, 4, 2).cut()


def test_a_restored_rollout_continues_exactly():
    steps = [step(0, truncated=(True, False)), step(1), step(2, terminated=(False, True)), step(3)]
    whole, part = filled(*steps), filled(*steps[:2])
    again = Rollout(LEAVES, 4, 2)
    again.load_state(part.state())
    for one in steps[2:]:
        again.add(one)
    assert again.full
    for name in LEAVES:
        assert (again.observations[name] == whole.observations[name]).all()
        assert (again.truncations[2][name] == whole.truncations[2][name]).all()
        assert (again.newest[name] == whole.newest[name]).all()
    assert again.truncations[:2] == whole.truncations[:2]
    for name in ("actions", "rewards", "terminated", "truncated"):
        assert (getattr(again, name) == getattr(whole, name)).all()


def test_a_full_rollout_refuses_another_step():
    rollout = filled(*[step(t) for t in range(4)])
    assert rollout.full
    with pytest.raises(AssertionError):
        rollout.add(step(4))
    rollout.clear()
    rollout.add(step(5))
    assert rollout.actions[0].tolist() == [5, 6]


def test_targets_bootstrap_from_the_next_step_and_from_the_last_observation_of_truncated_episodes():
    rollout = filled(step(0), step(1, truncated=(True, False)), step(2), step(3))
    targets = rollout.targets(lambda observations: observations["state"][:, 0], gamma=0.5, lambda_=0.0)
    next_states = np.array([[1, 1], [101, 2], [3, 3], [103, 103]])  # states after an end or a rollout are t + 100
    np.testing.assert_allclose(targets, rollout.rewards + 0.5 * next_states)


def by_definition(rewards, next_values, terminated, truncated, gamma, lambda_):
    """The mixture of n-step returns: (1 - lambda) lambda^(n-1) for each n, the rest for the longest one."""
    steps = len(rewards)
    mixed = np.zeros(steps)
    for t in range(steps):
        n_step, discount, summed, weight = [], 1.0, 0.0, 1.0
        for k in range(t, steps):
            summed += discount * rewards[k]
            discount *= gamma
            n_step.append(summed + (0.0 if terminated[k] else discount * next_values[k]))
            if terminated[k] or truncated[k]:
                break
        for n, value in enumerate(n_step):
            last = n == len(n_step) - 1
            mixed[t] += value * (weight if last else (1 - lambda_) * weight)
            weight *= lambda_
    return mixed


@given(
    seed=st.integers(0, 2**32 - 1),
    steps=st.integers(1, 12),
    gamma=st.floats(0, 1),
    lambda_=st.floats(0, 1),
)
def test_targets_are_the_mixture_of_all_n_step_returns(seed, steps, gamma, lambda_):
    generator = np.random.default_rng(seed)
    rewards, values = generator.normal(size=(2, steps, 3)).astype(np.float32)
    terminated, truncated = generator.random((2, steps, 3)) < 0.2
    truncated &= ~terminated
    targets = lambda_returns(rewards, values, terminated, truncated, gamma, lambda_)
    for index in range(3):
        columns = (column[:, index] for column in (rewards, values, terminated, truncated))
        np.testing.assert_allclose(targets[:, index], by_definition(*columns, gamma, lambda_), atol=1e-4)


def test_lambda_0_is_the_target_of_q_learning():
    rewards, values = np.array([[1.0], [2.0]], np.float32), np.array([[10.0], [20.0]], np.float32)
    no = np.zeros((2, 1), bool)
    np.testing.assert_allclose(lambda_returns(rewards, values, no, no, 0.5, 0.0), [[6.0], [12.0]])


def test_lambda_1_is_the_return_and_the_last_value():
    rewards, values = np.array([[1.0], [2.0]], np.float32), np.array([[10.0], [20.0]], np.float32)
    no = np.zeros((2, 1), bool)
    np.testing.assert_allclose(lambda_returns(rewards, values, no, no, 0.5, 1.0), [[7.0], [12.0]])


def test_truncation_bootstraps_and_termination_does_not():
    rewards, values = np.array([[1.0], [100.0]], np.float32), np.array([[10.0], [20.0]], np.float32)
    here, no = np.array([[True], [False]]), np.zeros((2, 1), bool)
    assert lambda_returns(rewards, values, here, no, 0.5, 0.9)[0] == 1.0
    assert lambda_returns(rewards, values, no, here, 0.5, 0.9)[0] == 6.0


def test_a_rollout_holds_its_arrays_and_begins_anew_without_truncations():
    rollout = filled(step(0, truncated=(True, True)), *[step(t) for t in range(1, 4)])
    assert rollout.nbytes == 4 * 2 * (4 + 12 + 8 + 4 + 1 + 1)
    rollout.clear()
    assert rollout.filled == 0
    assert rollout.truncations[:2] == ([], [])
    assert {name: leaf.shape for name, leaf in rollout.truncations[2].items()} == {
        "view": (0, 2, 2, 1),
        "state": (0, 3),
    }
    for t in range(4):
        rollout.add(step(t))
    targets = rollout.targets(lambda observations: observations["state"][:, 0], gamma=0.5, lambda_=0.0)
    np.testing.assert_allclose(targets[0], rollout.rewards[0] + 0.5 * np.array([1, 1]))


def test_what_a_rollout_stores_does_not_change_with_the_environments_arrays():
    rollout = Rollout(LEAVES, 4, 2)
    one = step(0, truncated=(True, False))
    rollout.add(one)
    state = rollout.state()
    for leaf in (*one.observations.values(), *one.next_observations.values()):
        leaf[:] = 77
    rollout.observations["state"][:] = 88
    assert rollout.truncations[2]["state"].tolist() == [[100] * 3]
    assert (state["observations"]["state"] == 0).all()
    assert (state["newest"]["state"] == 100).all()


def test_a_finished_episode_is_not_cut_again():
    rollout = filled(step(0, truncated=(True, False), terminated=(False, True)))
    rollout.cut()
    assert rollout.truncations[:2] == ([0], [0])
    assert rollout.truncated[0].tolist() == [True, False]
