import pytest

from rlkit.environment_config import EnvironmentConfig
from rlkit.environments import make_environments
from rlkit.errors import UserError
from rlkit.mirror_actions import read_mirror_actions, with_typed
from rlkit.spaces import Mirror

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
    assert with_typed(SAID, (0, 1, 2), {"state": 2}, NAMES) == {"mirror": {"state": (1, -1), "actions": (0, 1, 2)}}
    assert with_typed({"fps": 5}, (0, 2, 1), {}, NAMES) == {"fps": 5, "mirror": {"actions": (0, 2, 1)}}


def test_a_wrong_number_of_actions_is_told_which_there_are():
    with pytest.raises(UserError, match=r"2 numbers, and there are 3 actions: 0 rest, 1 left, 2 right"):
        with_typed({}, (1, 0), {}, NAMES)
    with pytest.raises(UserError, match=r"there are 3 actions: 0, 1, 2\."):
        with_typed({}, (1, 0), {}, ["0", "1", "2"])


def test_nobody_can_type_what_becomes_of_a_vector():
    with pytest.raises(UserError, match=r"vectors \('speed'\).*a sign for each entry"):
        with_typed(SAID, (0, 2, 1), {"state": 2, "speed": 1}, NAMES)


def test_an_environment_that_says_nothing_is_learned_from_in_a_mirror():
    with make_environments(EnvironmentConfig("rlkit/Bricks-v0"), 1) as made:
        names = made.spaces.action_names
        assert made.spaces.mirror is None
    left, right = names.index("left"), names.index("right")
    exchanged = list(range(len(names)))
    exchanged[left], exchanged[right] = right, left
    with make_environments(EnvironmentConfig("rlkit/Bricks-v0", {"mirror_actions": exchanged}), 1) as made:
        assert made.spaces.mirror == Mirror({}, tuple(exchanged))


def test_actions_that_were_continuous_are_mirrored_as_they_are_numbered():
    kwargs = {"action_bins": 3, "mirror_actions": [2, 1, 0]}
    with pytest.raises(UserError, match="shows vectors"):
        make_environments(EnvironmentConfig("Pendulum-v1", kwargs), 1)
    only_the_picture = {"sensors": ["birdview"], "action_bins": [3, 1], "mirror_actions": [2, 1, 0]}
    with make_environments(EnvironmentConfig("rlkit/DrivingContinuous-v0", only_the_picture), 1) as made:
        assert made.spaces.mirror == Mirror({}, (2, 1, 0))
