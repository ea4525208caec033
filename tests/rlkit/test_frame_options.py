from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import VectorEnv
from hypothesis import given
from hypothesis import strategies as st

from rlkit import preprocessing
from rlkit.environments import EnvironmentConfig, make_environments
from rlkit.errors import UserError
from rlkit.frame_options import FrameOptions
from rlkit.vectorization import vectorize


class Film(gymnasium.Env):
    """Its picture is of one colour, (step, 2 × step, 3 × step); every step is worth its number."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 60}
    observation_space = spaces.Box(0, 255, (6, 8, 3), np.uint8)
    action_space = spaces.Discrete(2)

    def __init__(self, length=100, render_mode=None):
        self.length, self.render_mode = length, render_mode

    def reset(self, *, seed=None, options=None):
        self.count = 0
        return self._picture(), {}

    def step(self, action):
        self.count += 1
        return self._picture(), float(self.count), self.count == self.length, False, {"count": self.count}

    def _picture(self):
        return np.full((6, 8, 3), [self.count, 2 * self.count, 3 * self.count], np.uint8)


class OwnSkip(Film):
    def __init__(self, frame_skip=1):
        super().__init__()
        self.own = frame_skip


def environments(name="Film", num_envs=2, **kwargs):
    return make_environments(EnvironmentConfig(f"{__file__}:{name}", kwargs), num_envs)


def test_skipped_frames_sum_their_rewards_and_show_the_last():
    with environments(frame_skip=4) as made:
        made.reset([0, 1])
        step = made.step(np.array([1, 1]))
        assert step.rewards.tolist() == [1 + 2 + 3 + 4] * 2
        assert step.observations["observation"][0, 0, 0, -3:].tolist() == [4, 8, 12]
        assert step.infos["count"].tolist() == [4, 4]
        assert "4 of their steps per action" in made.describe()[0]


def test_an_episode_that_ends_among_skipped_frames_ends_there():
    with environments(frame_skip=4, length=6) as made:
        made.reset([0, 1])
        made.step(np.array([0, 0]))
        step = made.step(np.array([0, 0]))
        assert step.terminated.all()
        assert step.rewards.tolist() == [5 + 6] * 2
        assert made.metadata["render_fps"] == 15


def test_colours_become_grey_as_luma_says():
    with environments(grayscale=True, frame_stack=1) as made:
        made.reset([0, 1])
        for _ in range(10):
            step = made.step(np.array([0, 0]))
        assert made.spaces.observations["observation"].shape == (6, 8, 1)
        expected = round(0.299 * 10 + 0.587 * 20 + 0.114 * 30)
        assert (step.observations["observation"] == expected).all()


def test_all_of_it_at_once_is_told_and_stored():
    with environments(frame_skip=2, grayscale=True, resize=[3, 4], frame_stack=2) as made:
        assert made.spaces.observations["observation"].shape == (3, 4, 2)
        assert "picture 6×8×3, made grey, resized to 3×4, 2 frames stacked (as asked)" in made.describe()[1]
        again = EnvironmentConfig.from_json(made.config.to_json())
        with make_environments(again, 1) as same:
            assert same.spaces == made.spaces


def test_an_environment_with_an_argument_of_that_name_gets_it_itself():
    with environments("OwnSkip", frame_skip=3) as made:
        assert made.call("own") == (3, 3)
        made.reset([0, 1])
        assert made.step(np.array([0, 0])).rewards.tolist() == [1, 1]


def resized(pictures, size):
    space = spaces.Box(0, 255, pictures.shape[1:], np.uint8)
    return preprocessing.convert(preprocessing.leaf_rules(space, resize=size), pictures, len(pictures))["observation"]


def test_shrinking_by_a_whole_number_takes_the_mean_of_blocks():
    pictures = np.random.default_rng(0).integers(0, 256, (3, 8, 12, 3), dtype=np.uint8)
    blocks = pictures.reshape(3, 4, 2, 4, 3, 3).mean(axis=(2, 4))
    assert np.abs(resized(pictures, (4, 4)) - blocks).max() <= 0.5 + 1e-3


@given(
    before=st.tuples(st.integers(4, 40), st.integers(4, 40)),
    after=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    seed=st.integers(0, 99),
)
def test_resizing_keeps_the_mean_brightness(before, after, seed):
    pictures = np.random.default_rng(seed).integers(0, 256, (2, *before, 1), dtype=np.uint8)
    space = spaces.Box(0, 255, (*before, 1), np.uint8)
    if preprocessing.leaf_rules(space)[0].leaf.shape != (*before, 1):
        return  # 1 may be read as the height
    assert resized(pictures, after).mean() == pytest.approx(pictures.mean(), abs=0.51)


def test_resizing_to_the_same_size_changes_nothing():
    pictures = np.random.default_rng(0).integers(0, 256, (2, 7, 9, 3), dtype=np.uint8)
    assert (resized(pictures, (7, 9)) == pictures).all()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"frame_skip": 0}, "frame_skip is a whole number from 1 to 64, not 0"),
        ({"frame_skip": 2.0}, "frame_skip"),
        ({"frame_stack": 65}, "frame_stack"),
        ({"grayscale": 1}, "grayscale is true or false, not 1"),
        ({"resize": 0}, "resize is a number of pixels"),
        ({"resize": [84]}, "resize"),
        ({"resize": "84x84"}, "resize.*'84x84'"),
        ({"resize": 4097}, "resize.*4096.*not 4097"),
        ({"resize": [1] * 10**5}, r"resize.*not \[1, 1, 1, 1, 1, 1, \.\.\.\]"),
        ({"resize": 4096, "frame_stack": 2}, "2 frames of 4096×4096 .* 16,777,216 can be seen at once"),
        ({"resize": [1024, 2048], "frame_stack": 9}, "9 frames of 1024×2048"),
    ],
)
def test_a_value_that_cannot_be_is_named(wrong, said):
    with pytest.raises(UserError, match=said):
        FrameOptions(**wrong)


def test_one_number_is_height_and_width():
    assert FrameOptions(resize=84) == FrameOptions(resize=(84, 84))


def test_pictures_are_needed_for_what_is_done_to_pictures():
    vector, grey = spaces.Box(-1, 1, (3,)), spaces.Box(0, 255, (8, 8), np.uint8)
    with pytest.raises(UserError, match="resize: there is no picture"):
        preprocessing.leaf_rules(vector, resize=(4, 4))
    with pytest.raises(UserError, match="no picture in three colours"):
        preprocessing.leaf_rules(grey, grayscale=True)


def test_frames_of_what_is_only_a_vector_environment_are_not_skipped():
    with pytest.raises(UserError, match="frame_skip=2 needs a single one"):
        vectorize(EnvSpec("Toy", vector_entry_point=VectorEnv), 1, {}, None, frame_skip=2)


def test_an_unknown_argument_offers_ours_too():
    with pytest.raises(UserError, match=r"no argument 'frame_skp'. Did you mean frame_skip"):
        environments(frame_skp=2)
