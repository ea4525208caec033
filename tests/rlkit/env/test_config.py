from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, VectorEnv
from hypothesis import given
from hypothesis import strategies as st

from rlkit.env.config import MAX_UNREWARDED, OPTION_NAMES, EnvConfig, EnvOptions, split_kwargs
from rlkit.env.leaf_rules import convert, leaf_rules
from rlkit.env.make import make_vec_env, played_to_the_end, vectorize
from rlkit.env.wrappers import UnrewardedLimit
from rlkit.errors import UserError
from rlkit.training import config as training_config


def test_options_are_separated_from_the_arguments_of_the_environment():
    typed = {"size": 1, "resize": 3, "workers": 2, "action_bins": "5,3", "max_episode_steps": 9}
    typed |= {"mirror_actions": "0,2,1", "unrewarded_limit": 7}
    own, options = split_kwargs(typed, lambda: {"size"})
    assert own == {"size": 1, "max_episode_steps": 9}
    assert options == EnvOptions(
        resize=(3, 3), workers=2, action_bins=(5, 3), mirror_actions=(0, 2, 1), unrewarded_limit=7
    )


@pytest.mark.parametrize("name", OPTION_NAMES)
def test_an_environment_that_takes_an_argument_itself_gets_it_whatever_its_value(name):
    assert split_kwargs({name: "theirs"}, lambda: {name}) == ({name: "theirs"}, EnvOptions())


def test_a_typed_frame_stack_comes_before_that_of_the_configuration():
    assert split_kwargs({"frame_stack": 2}, set, frame_stack=4)[1].frame_stack == 2
    assert split_kwargs({"resize": 8}, set, frame_stack=4)[1].frame_stack == 4


def test_the_arguments_of_an_environment_are_only_read_where_an_option_was_typed():
    def accepted():
        pytest.fail("reading what an environment takes imports its code")

    assert split_kwargs({"size": 1}, accepted)[0] == {"size": 1}


@pytest.mark.parametrize(
    "typed",
    [{"frame_skip": 0}, {"workers": -1}, {"action_bins": 0}, {"mirror_actions": [1]}, {"unrewarded_limit": 0.5}],
)
def test_a_value_of_ours_that_cannot_be_is_refused(typed):
    with pytest.raises(UserError, match=next(iter(typed))):
        split_kwargs(typed, set)


@pytest.mark.parametrize("name", OPTION_NAMES)
def test_every_one_is_offered_to_who_mistypes_it(name):
    with pytest.raises(UserError, match=rf"takes no argument '{name}z'\. Did you mean {name}"):
        make_vec_env(EnvConfig("CartPole-v1", {f"{name}z": 2}), 1)


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
    return make_vec_env(EnvConfig(f"{__file__}:{name}", kwargs), num_envs)


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
        again = EnvConfig.from_json(made.config.to_json())
        with make_vec_env(again, 1) as same:
            assert same.spaces == made.spaces


def test_an_environment_with_an_argument_of_that_name_gets_it_itself():
    with environments("OwnSkip", frame_skip=3) as made:
        assert made.call("own") == (3, 3)
        made.reset([0, 1])
        assert made.step(np.array([0, 0])).rewards.tolist() == [1, 1]


def resized(pictures, size):
    space = spaces.Box(0, 255, pictures.shape[1:], np.uint8)
    return convert(leaf_rules(space, resize=size), pictures, len(pictures))["observation"]


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
    if leaf_rules(space)[0].leaf.shape != (*before, 1):
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
        ({"image_bounds": 1}, "image_bounds is a lowest and a highest value as in -1,1, not 1"),
        ({"image_bounds": [1, 0]}, "not 1 and 0"),
        ({"image_bounds": [0, float("inf")]}, "not 0 and inf"),
        ({"resize": [1] * 10**5}, r"resize.*not \[1, 1, 1, 1, 1, 1, \.\.\.\]"),
        ({"resize": 4096, "frame_stack": 2}, "2 frames of 4096×4096 .* at most 16,777,216"),
        ({"resize": [1024, 2048], "frame_stack": 9}, "9 frames of 1024×2048"),
    ],
)
def test_a_value_that_cannot_be_is_named(wrong, said):
    with pytest.raises(UserError, match=said):
        EnvOptions(**wrong)


def test_one_number_is_height_and_width():
    assert EnvOptions(resize=84) == EnvOptions(resize=(84, 84))


def test_pictures_are_needed_for_what_is_done_to_pictures():
    vector, grey = spaces.Box(-1, 1, (3,)), spaces.Box(0, 255, (8, 8), np.uint8)
    with pytest.raises(UserError, match="resize: there is no picture"):
        leaf_rules(vector, resize=(4, 4))
    with pytest.raises(UserError, match="no picture in three colours"):
        leaf_rules(grey, grayscale=True)


def test_frames_of_what_is_only_a_vector_environment_are_not_skipped():
    with pytest.raises(UserError, match="frame_skip=2 needs a single one"):
        vectorize(EnvSpec("Toy", vector_entry_point=VectorEnv), 1, {}, None, EnvOptions(frame_skip=2))


def test_an_unknown_argument_offers_ours_too():
    with pytest.raises(UserError, match=r"no argument 'frame_skp'. Did you mean frame_skip"):
        environments(frame_skp=2)


class OwnWorkers(gymnasium.Env):
    """Knows workers of its own kind."""

    observation_space = spaces.Box(-1, 1, (1,))
    action_space = spaces.Discrete(2)

    def __init__(self, workers=0):
        self.hired = workers


def test_an_environment_that_takes_such_an_argument_gets_it_itself():
    with make_vec_env(EnvConfig(f"{__file__}:OwnWorkers", {"workers": 2}), 1) as made:
        assert made.call("hired") == (2,)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"workers": -1}, "workers is a whole number of processes from 0 .* to 128, not -1"),
        ({"workers": 2.0}, "not 2.0"),
        ({"workers": True}, "not True"),
        ({"workers": 129}, "not 129"),
        ({"workers": [1] * 10**5}, r"not \[1, 1, 1, 1, 1, 1, \.\.\.\]"),
        ({"step_timeout": 10**400}, r"not 1000.*\.\.\..*000\."),
        (
            {"step_timeout": -1},
            "step_timeout is a number of seconds from 0.001 to 1,000,000, or 0 for no limit, not -1",
        ),
        ({"step_timeout": 1e-9}, "not 1e-09"),
        ({"step_timeout": float("nan")}, "not nan"),
        ({"step_timeout": "soon"}, "not 'soon'"),
    ],
)
def test_a_value_that_cannot_be_is_refused(wrong, said):
    with pytest.raises(UserError, match=said):
        EnvOptions(**wrong)


def test_workers_are_refused_where_there_are_no_single_environments_to_share_out():
    with pytest.raises(UserError, match=r"workers=2: .* rlkit/CarRacing-v0 has a vector environment of its own"):
        make_vec_env(EnvConfig("rlkit/CarRacing-v0", {"workers": 2, "continuous": False}), 2)

    def insists(num_envs):
        raise AssertionError

    with pytest.raises(UserError, match=r"workers=2: .* Toy is a vector environment only"):
        vectorize(EnvSpec("Toy", vector_entry_point=insists), 2, {}, None, options=EnvOptions(workers=2))


@pytest.mark.parametrize("limit", [-1, 2.5, True, "25", None, MAX_UNREWARDED + 1])
def test_what_is_no_number_of_steps_is_refused(limit):
    with pytest.raises(UserError, match="unrewarded_limit is a whole number of steps"):
        EnvOptions(unrewarded_limit=limit)


class Scripted(VectorEnv):
    """Three environments whose rewards are given, step by step."""

    metadata: ClassVar[dict[str, Any]] = {"autoreset_mode": AutoresetMode.DISABLED}
    num_envs = 3

    def __init__(self, rewards):
        self.rewards = iter(rewards)

    def reset(self, *, seed=None, options=None):
        return np.zeros((3, 1)), {}

    def step(self, actions):
        false = np.zeros(3, np.bool_)
        return np.zeros((3, 1)), np.array(next(self.rewards), np.float64), false, false, {}


def test_only_consecutive_steps_count_and_each_environment_by_itself():
    rewards = [[0, 1, -1], [0, 0, 1], [0, 0, 0], [0, 0, 0]]
    env = UnrewardedLimit(Scripted(rewards), 2)
    env.reset()
    terminated = [env.step(None)[2].tolist() for _ in range(3)]
    assert terminated == [[False, False, False], [True, False, False], [True, True, False]]
    env.reset(options={"reset_mask": np.array([True, False, False])})
    assert env.step(None)[2].tolist() == [False, True, True]


def lengths(config, actions, episodes):
    """How long the first episodes last when the same action is always taken, and how they end."""
    with make_vec_env(config, 1) as environments:
        ends = []
        for seed in range(episodes):
            environments.reset([seed])
            for count in range(1, 400):
                step = environments.step(np.array([actions]))
                if step.ended[0]:
                    ends.append((count, bool(step.terminated[0]), bool(step.truncated[0])))
                    break
        return ends


def test_an_episode_that_earns_nothing_ends_like_a_failure_in_batches_and_one_by_one():
    idle = EnvConfig("MountainCar-v0", {"unrewarded_limit": 7})  # every step costs a point
    assert lengths(idle, 1, 3) == [(7, True, False)] * 3
    waiting = EnvConfig("rlkit/Maze-v0", {"unrewarded_limit": 9})
    assert all(count <= 9 and terminated for count, terminated, _ in lengths(waiting, 0, 3))


def test_an_episode_that_earns_goes_on():
    earning = EnvConfig("CartPole-v1")
    assert lengths(earning.with_kwargs({"unrewarded_limit": 2}), 1, 5) == lengths(earning, 1, 5)


def test_who_learns_is_told():
    with make_vec_env(EnvConfig("CartPole-v1", {"unrewarded_limit": 25}), 1) as environments:
        assert environments.describe()[-1] == "episodes: over after 25 steps in a row without a reward above 0"
    with make_vec_env(EnvConfig("CartPole-v1"), 1) as environments:
        assert "episodes" not in environments.describe()[-1]


def test_measuring_plays_to_the_end():
    config = EnvConfig("MountainCar-v0", {"unrewarded_limit": 7, "goal_velocity": 0.01})
    assert played_to_the_end(config).kwargs == {"goal_velocity": 0.01}
    assert played_to_the_end(EnvConfig("CartPole-v1")) == EnvConfig("CartPole-v1")


def test_an_environment_with_such_an_argument_of_its_own_keeps_it(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(
        "from gymnasium.envs.classic_control import CartPoleEnv\n"
        "class Own(CartPoleEnv):\n"
        "    def __init__(self, unrewarded_limit=1, render_mode=None):\n"
        "        super().__init__(render_mode=render_mode)\n"
    )
    config = EnvConfig(f"{file}:Own", {"unrewarded_limit": 3})
    assert played_to_the_end(config) == config


def test_a_run_learns_by_the_limit_and_is_measured_without_it():
    plan = training_config.plan("MountainCar-v0", env_kwargs={"unrewarded_limit": 7, "goal_velocity": 0.01})
    assert plan.environment.kwargs == {"unrewarded_limit": 7, "goal_velocity": 0.01}
    assert plan.evaluation.kwargs == {"goal_velocity": 0.01}
