import numpy as np
import pytest
from rlkit_agents.pqn.rollout import Rollout

from rlkit.agent import Transitions
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
        rollout.add(one, one.rewards)
    return rollout


def test_steps_lie_one_behind_the_other():
    rollout = filled(step(0), step(1))
    assert rollout.filled == 2
    assert not rollout.full
    assert rollout.observations["view"][:2, 0, 0, 0, 0].tolist() == [0, 1]
    assert rollout.actions[:2].tolist() == [[0, 1], [1, 2]]
    assert rollout.newest["state"][0, 0] == 101


def test_last_observations_are_kept_where_a_limit_cut_an_episode():
    rollout = filled(
        step(0, truncated=(False, True)), step(1, terminated=(True, False)), step(2, truncated=(True, True))
    )
    steps, places, last = rollout.limits
    assert (steps, places) == ([0, 2, 2], [1, 0, 1])
    assert last["state"][:, 0].tolist() == [100, 102, 102]


def test_a_true_end_at_a_limit_is_a_true_end():
    rollout = filled(step(0, terminated=(True, False), truncated=(True, False)))
    assert not rollout.truncated[0].any()
    assert rollout.limits[0] == []


def test_episodes_that_broke_off_count_as_cut_by_a_limit():
    rollout = filled(step(0), step(1, terminated=(True, False)))
    rollout.cut()
    assert rollout.truncated[:2].tolist() == [[False, False], [False, True]]
    assert rollout.limits[:2] == ([1], [1])
    Rollout(LEAVES, 4, 2).cut()


def test_state_is_all_there_is():
    steps = [step(0, truncated=(True, False)), step(1), step(2, terminated=(False, True)), step(3)]
    whole, part = filled(*steps), filled(*steps[:2])
    again = Rollout(LEAVES, 4, 2)
    again.load_state(part.state())
    for one in steps[2:]:
        again.add(one, one.rewards)
    assert again.full
    for name in LEAVES:
        assert (again.observations[name] == whole.observations[name]).all()
        assert (again.limits[2][name] == whole.limits[2][name]).all()
        assert (again.newest[name] == whole.newest[name]).all()
    assert again.limits[:2] == whole.limits[:2]
    for name in ("actions", "rewards", "terminated", "truncated"):
        assert (getattr(again, name) == getattr(whole, name)).all()


def test_a_full_one_takes_no_more():
    rollout = filled(*[step(t) for t in range(4)])
    assert rollout.full
    with pytest.raises(AssertionError):
        rollout.add(step(4), step(4).rewards)
    rollout.clear()
    rollout.add(step(5), step(5).rewards)
    assert rollout.actions[0].tolist() == [5, 6]
