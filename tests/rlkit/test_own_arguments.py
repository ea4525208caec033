import pytest

from rlkit.environment_config import EnvironmentConfig
from rlkit.environments import make_environments
from rlkit.episode_options import EpisodeOptions
from rlkit.errors import UserError
from rlkit.frame_options import FrameOptions
from rlkit.own_arguments import NAMES, split_arguments
from rlkit.stepping_options import SteppingOptions


def test_each_argument_goes_to_whom_it_is_for():
    typed = {"size": 1, "resize": 3, "workers": 2, "action_bins": "5,3", "max_episode_steps": 9}
    typed |= {"mirror_actions": "0,2,1", "unrewarded_limit": 7}
    split = split_arguments(typed, lambda: {"size"})
    assert split.theirs == {"size": 1, "max_episode_steps": 9}
    assert split.frames == FrameOptions(resize=(3, 3))
    assert split.stepping == SteppingOptions(workers=2)
    assert split.episodes == EpisodeOptions(unrewarded_limit=7)
    assert split.bins == (5, 3)
    assert split.mirrored == (0, 2, 1)
    assert split.ours == ("resize", "workers", "action_bins", "mirror_actions", "unrewarded_limit")


@pytest.mark.parametrize("name", NAMES)
def test_an_environment_that_takes_an_argument_itself_gets_it_whatever_its_value(name):
    split = split_arguments({name: "theirs"}, lambda: {name})
    assert split.theirs == {name: "theirs"}
    assert split.ours == ()
    assert (split.bins, split.mirrored) == (None, None)
    assert (split.frames, split.stepping, split.episodes) == (FrameOptions(), SteppingOptions(), EpisodeOptions())


def test_frames_that_are_typed_come_before_those_that_are_described():
    assert split_arguments({"frame_stack": 2}, set, frame_stack=4).frames.frame_stack == 2
    assert split_arguments({"resize": 8}, set, frame_stack=4).frames.frame_stack == 4


def test_an_environment_is_not_asked_where_it_does_not_matter():
    def asked():
        pytest.fail("reading what an environment takes imports its code")

    assert split_arguments({"size": 1}, asked).theirs == {"size": 1}


@pytest.mark.parametrize(
    "typed",
    [{"frame_skip": 0}, {"workers": -1}, {"action_bins": 0}, {"mirror_actions": [1]}, {"unrewarded_limit": 0.5}],
)
def test_a_value_of_ours_that_cannot_be_is_refused(typed):
    with pytest.raises(UserError, match=next(iter(typed))):
        split_arguments(typed, set)


@pytest.mark.parametrize("name", NAMES)
def test_every_one_is_offered_to_who_mistypes_it(name):
    with pytest.raises(UserError, match=rf"takes no argument '{name}z'\. Did you mean {name}"):
        make_environments(EnvironmentConfig("CartPole-v1", {f"{name}z": 2}), 1)
