import itertools
import resource

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp

from rlkit.env.actions import (
    DEFAULT_BINS,
    MAX_ACTIONS,
    MAX_AXES,
    discrete_actions,
    read_bins,
    read_mirror_actions,
    with_mirror_actions,
)
from rlkit.env.config import EnvConfig
from rlkit.env.make import make_vec_env
from rlkit.errors import UserError
from rlkit.spaces import Mirror

CAR_RACING = spaces.Box(np.array([-1, 0, 0], np.float32), np.array([1, 1, 1], np.float32))


def test_discrete_actions_stay_as_they_are():
    actions = discrete_actions(spaces.Discrete(3, start=-1))
    assert actions.names == ("-1", "0", "1")
    assert actions.decode(np.array([0, 2, 1])).tolist() == [-1, 1, 0]
    assert actions.note == ""


def test_continuous_axes_become_a_grid_that_is_named_and_noted():
    actions = discrete_actions(CAR_RACING, 3, axes=("steer", "gas", "brake"))
    assert len(actions) == 27
    assert actions.table.dtype == np.float32
    assert actions.names[0] == "steer −1, gas 0, brake 0"
    assert actions.names[-2] == "steer 1, gas 1, brake 0.5"
    assert actions.table[0].tolist() == [-1, 0, 0]
    assert {tuple(row) for row in actions.table.tolist()} == set(
        itertools.product((-1, 0, 1), (0, 0.5, 1), (0, 0.5, 1))
    )
    assert "[−1, 1] in 3, [0, 1] in 3, [0, 1] in 3 (as asked" in actions.note


def test_three_axes_are_moved_one_at_a_time_gently_or_to_either_end():
    actions = discrete_actions(CAR_RACING, axes=("steer", "gas", "brake"))
    steering = [[-0.25, 0, 0], [0.25, 0, 0], [-1, 0, 0], [1, 0, 0]]
    assert actions.table.tolist() == [[0, 0, 0], *steering, [0, 0.25, 0], [0, 1, 0], [0, 0, 0.25], [0, 0, 1]]
    assert actions.names[5] == "steer 0, gas 0.25, brake 0"
    assert "one at a time, 0.25 or 1 of the way" in actions.note
    assert "[−1, 1], [0, 1], [0, 1] (the default" in actions.note


def test_an_environment_may_advise_a_grid_that_counts_unless_another_is_asked_for():
    advised = discrete_actions(CAR_RACING, advised=(3, 3, 2))
    assert len(advised) == 18
    assert "(as the environment recommends" in advised.note
    assert len(discrete_actions(CAR_RACING, 2, advised=(3, 3, 2))) == 8
    assert len(discrete_actions(spaces.Discrete(5), advised=(3, 3, 3))) == 5  # its other kind of actions
    with pytest.raises(UserError, match="has 3 axes, not 2"):
        discrete_actions(CAR_RACING, advised=(3, 3))


def test_an_axis_rests_in_its_middle_where_it_cannot_be_0():
    table = discrete_actions(spaces.Box(np.array([1, 0, 2]), np.array([5, 4, 2]), dtype=np.float64)).table
    first = [[3, 0, 2], [2.5, 0, 2], [3.5, 0, 2], [1, 0, 2], [5, 0, 2]]
    assert table.tolist() == [*first, [3, 1, 2], [3, 4, 2]]  # the third cannot be moved
    assert discrete_actions(spaces.Box(0, 4, (3,), np.int64)).table[:3].tolist() == [[0, 0, 0], [1, 0, 0], [4, 0, 0]]


def test_the_default_lets_every_axis_rest():
    for axes in range(1, MAX_AXES + 1):
        actions = discrete_actions(spaces.Box(-2.0, 2.0, (axes,)))
        assert len(actions) == (DEFAULT_BINS[axes] ** axes if axes in DEFAULT_BINS else 1 + 4 * axes)
        assert (actions.table == 0.0).all(axis=1).sum() == 1


def test_each_axis_may_have_its_own_number_of_values():
    actions = discrete_actions(CAR_RACING, (5, 2, 1))
    assert len(actions) == 10
    assert sorted(set(actions.table[:, 0].tolist())) == [-1, -0.5, 0, 0.5, 1]
    assert set(actions.table[:, 2].tolist()) == {0.5}  # a single value is the middle
    assert actions.names[0] == "[−1, 0, 0.5]"


def test_every_combination_of_several_choices_becomes_an_action():
    actions = discrete_actions(spaces.MultiDiscrete([2, 3], start=[0, 5]))
    assert actions.table.tolist() == [[0, 5], [0, 6], [0, 7], [1, 5], [1, 6], [1, 7]]
    assert actions.names[4] == "[1, 6]"
    assert discrete_actions(spaces.MultiBinary(3), axes=("a", "b", "c")).names[5] == "a 1, b 0, c 1"


def test_an_action_keeps_the_shape_and_kind_that_the_environment_takes():
    for space in (spaces.Box(-1, 1, (1, 2)), spaces.MultiBinary((2, 2)), spaces.Box(0, 9, (2,), np.int64), CAR_RACING):
        table = discrete_actions(space).table
        assert all(action in space for action in table)


def test_whole_numbers_on_an_axis_are_not_told_twice():
    assert discrete_actions(spaces.Box(0, 2, (1,), np.int32), 5).names == ("0", "1", "2")


@given(
    space=st.lists(st.integers(1, 6), min_size=1, max_size=3).map(lambda sizes: spaces.MultiDiscrete(sizes)),
)
def test_all_combinations_are_there_once(space):
    actions = discrete_actions(space)
    assert len({tuple(row) for row in actions.table.tolist()}) == len(actions) == np.prod(space.nvec)


@given(
    ends=stnp.arrays(np.float64, (2, 2), elements=st.floats(-1e3, 1e3, width=32)),
    bins=st.tuples(st.integers(1, 9), st.integers(1, 9)).filter(lambda bins: bins != (1, 1)),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_a_grid_lies_within_its_space_and_reaches_its_ends(ends, bins, dtype):
    low, high = np.sort(ends, axis=0).astype(dtype)
    space = spaces.Box(low, high, dtype=dtype)
    table = discrete_actions(space, bins).table
    assert len(table) == bins[0] * bins[1]
    assert all(action in space for action in table)
    for axis, count in enumerate(bins):
        if count > 1:
            assert (table[:, axis].min(), table[:, axis].max()) == (low[axis], high[axis])


@given(st.integers(0, 26))
def test_the_nearest_action_of_one_in_the_list_is_itself(action):
    actions = discrete_actions(CAR_RACING, 3)
    near = actions.table[action] + np.float32(0.05)
    assert actions.nearest(near[np.newaxis]).tolist() == [action]


@pytest.mark.parametrize(
    ("space", "bins", "said"),
    [
        (spaces.Box(-1, 1, (4,)), None, r"4 continuous axes.*81 actions.*action_bins=2"),
        (spaces.Box(-1, 1, (3,)), 9, r"9 × 9 × 9 = 729 actions.*at most 512.*smaller action_bins"),
        (spaces.Box(-1, 1, (3,)), (3, 3), "has 3 axes, not 2"),
        (spaces.Box(-np.inf, 1, (2,)), None, r"Axis 0 .* unbounded, from -inf to 1"),
        (spaces.MultiDiscrete([30, 30]), None, "900 actions"),
        (spaces.MultiBinary(10), None, r"1,024 actions"),
        (spaces.Box(-1, 1, (1,)), 1, "action_bins=1 leaves a single action"),
        (CAR_RACING, (1, 1, 1), "action_bins=1,1,1 leaves a single action"),
        (spaces.Discrete(3), 5, "not continuous; leave action_bins out"),
        (spaces.Text(3), None, "Supported are Discrete"),
    ],
)
def test_what_cannot_become_a_list_is_refused_with_the_way_out(space, bins, said):
    with pytest.raises(UserError, match=said):
        discrete_actions(space, bins)


def test_an_experts_own_numbers_are_found_in_the_list():
    actions = discrete_actions(spaces.Discrete(3, start=-1))
    assert actions.nearest((1, -1, np.int64(0))).tolist() == [2, 0, 1]
    both = discrete_actions(spaces.MultiDiscrete([2, 3]))
    assert both.nearest((np.array([1, 0]),)).tolist() == [3]


@pytest.mark.parametrize(
    ("space", "given", "said"),
    [
        (spaces.Discrete(3), (0, 7), "The action 7 is not one of this environment's 3"),
        (spaces.Discrete(3), (np.zeros(2),), r"finite actions of shape \(\) are expected"),
        (CAR_RACING, (2, 0), r"finite actions of shape \(3,\) are expected"),
        (CAR_RACING, ([0, 0, np.nan],), "finite actions"),
        (CAR_RACING, (None,), "finite actions"),
    ],
)
def test_what_is_no_action_is_not_taken_for_one(space, given, said):
    with pytest.raises(UserError, match=said):
        discrete_actions(space).nearest(given)


def test_names_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match="2 names for 3 numbers"):
        discrete_actions(CAR_RACING, axes=("steer", "gas"))


def test_many_axes_are_taken_where_bins_are_asked_for():
    assert len(discrete_actions(spaces.Box(-1, 1, (4,)), 4)) == 256 <= MAX_ACTIONS


@pytest.mark.parametrize(("typed", "read"), [(5, 5), ("5", (5,)), ("5,3", (5, 3)), ([5, 3], (5, 3))])
def test_action_bins_are_one_number_or_one_for_each_axis(typed, read):
    assert read_bins(typed) == read


@pytest.mark.parametrize("typed", [0, -1, 1.5, True, "many", "5,x", [], [5, 0], None, 1000, [1] * 65, "9" * 10**5])
def test_action_bins_that_make_no_sense_are_refused(typed):
    with pytest.raises(UserError, match="action_bins is a whole number") as error:
        read_bins(typed)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    ("space", "bins"),
    [
        (spaces.Discrete(10**9), None),
        (spaces.MultiDiscrete([10**9]), None),
        (spaces.MultiDiscrete([10] * 5_000), None),
        (spaces.MultiBinary(100_000), None),
        (spaces.Box(-1, 1, (5_000,)), 101),
        (spaces.Box(-1, 1, (5_000,)), None),
        (spaces.Box(0, 255, (5_000,), np.uint8), 101),
    ],
)
def test_far_too_many_actions_are_refused_before_they_are_made(space, bins):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=r"at most 512|never more than 512"):
        discrete_actions(space, bins)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


NAMES = ["rest", "left", "right"]
SAID = {"mirror": {"state": (1, -1), "actions": (0, 2, 1)}}


@pytest.mark.parametrize("typed", ["0,2,1,3,4", [0, 2, 1, 3, 4]])
def test_reads_a_list_as_it_may_be_typed(typed):
    assert read_mirror_actions(typed) == (0, 2, 1, 3, 4)


@pytest.mark.parametrize("typed", ["1,2,0", [0, 0], [1], 3, "left", [0, 1.0], [0, True], [], None, "0,,1", {"0": 1}])
def test_what_exchanges_no_pairs_is_refused(typed):
    with pytest.raises(UserError, match="mirror_actions=0,2,1,3,4"):
        read_mirror_actions(typed)


def test_what_is_typed_comes_before_what_the_environment_says():
    assert with_mirror_actions(SAID, (0, 1, 2), {"state": 2}, NAMES) == {
        "mirror": {"state": (1, -1), "actions": (0, 1, 2)}
    }
    assert with_mirror_actions({"fps": 5}, (0, 2, 1), {}, NAMES) == {"fps": 5, "mirror": {"actions": (0, 2, 1)}}


def test_a_wrong_number_of_actions_is_told_which_there_are():
    with pytest.raises(UserError, match=r"2 numbers, and there are 3 actions: 0 rest, 1 left, 2 right"):
        with_mirror_actions({}, (1, 0), {}, NAMES)
    with pytest.raises(UserError, match=r"there are 3 actions: 0, 1, 2\."):
        with_mirror_actions({}, (1, 0), {}, ["0", "1", "2"])


def test_nobody_can_type_what_becomes_of_a_vector():
    with pytest.raises(UserError, match=r"vectors \('speed'\).*need signs"):
        with_mirror_actions(SAID, (0, 2, 1), {"state": 2, "speed": 1}, NAMES)


def test_an_environment_that_says_nothing_is_learned_from_in_a_mirror():
    with make_vec_env(EnvConfig("rlkit/Bricks-v0"), 1) as made:
        names = made.spaces.action_names
        assert made.spaces.mirror is None
    left, right = names.index("left"), names.index("right")
    exchanged = list(range(len(names)))
    exchanged[left], exchanged[right] = right, left
    with make_vec_env(EnvConfig("rlkit/Bricks-v0", {"mirror_actions": exchanged}), 1) as made:
        assert made.spaces.mirror == Mirror({}, tuple(exchanged))


def test_actions_that_were_continuous_are_mirrored_as_they_are_numbered():
    kwargs = {"action_bins": 3, "mirror_actions": [2, 1, 0]}
    with pytest.raises(UserError, match="has vectors"):
        make_vec_env(EnvConfig("Pendulum-v1", kwargs), 1)
    only_the_picture = {"sensors": ["birdview"], "action_bins": [3, 1], "mirror_actions": [2, 1, 0]}
    with make_vec_env(EnvConfig("rlkit/DrivingContinuous-v0", only_the_picture), 1) as made:
        assert made.spaces.mirror == Mirror({}, (2, 1, 0))
