import json
import random
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from hypothesis import given
from hypothesis import strategies as st

from rlkit.env.config import EnvConfig
from rlkit.env.make import make_vec_env, read_metadata
from rlkit.env.seeding import episode_seed
from rlkit.env.vector import VecEnv
from rlkit.errors import UserError
from rlkit.perception.config import PerceptionConfig


class Toy(gymnasium.Env):
    """Shows its step as a picture and a vector, from one buffer that it writes again and again."""

    metadata: ClassVar[dict[str, Any]] = {
        "render_modes": ["rgb_array"],
        "episode_metrics": {
            "finished": {"name": "finish_rate", "kind": "share"},
            "lap_time": {"name": "lap_time", "kind": "seconds"},
        },
        "training_kwargs": {"length": 3},
    }
    action_names = ("wait", "go")

    def __init__(self, length=3, picture_only=False, reward=1.0, nan_at=None, start=0, render_mode=None):
        self.length, self.picture_only, self.reward, self.nan_at = length, picture_only, reward, nan_at
        self.render_mode = render_mode
        self.picture = np.zeros((4, 4), np.uint8)
        self.vector = np.zeros(2, np.float64)
        view = spaces.Box(0, 255, (4, 4), np.uint8)
        self.observation_space = (
            view if picture_only else spaces.Dict({"view": view, "state": spaces.Box(-1e3, 1e3, (2,), np.float64)})
        )
        self.action_space = spaces.Discrete(2, start=start)
        self.lowest = start

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        self.origin = seed % 100
        return self._observation(), {}

    def step(self, action):
        assert action in (self.lowest, self.lowest + 1)
        self.count += 1
        ended = self.count == self.length
        info = {"finished": True, "lap_time": np.float32(1.5)} if ended else {}
        return self._observation(), self.reward, False, ended, info

    def _observation(self):
        self.picture[:] = self.origin + self.count
        self.vector[:] = (self.origin, np.nan if self.count == self.nan_at else self.count)
        return self.picture if self.picture_only else {"view": self.picture, "state": self.vector}

    def render(self):
        return np.full((6, 8, 3), self.count, np.uint8)

    def telemetry(self):
        return {"count": {"value": self.count, "unit": "", "low": 0, "high": self.length}}


def toys(count: int, frame_stack: int | None = None, **kwargs: Any) -> VecEnv:
    vector = SyncVectorEnv([lambda: Toy(**kwargs)] * count, copy=False, autoreset_mode="Disabled")
    return VecEnv(vector, EnvConfig("Toy-v0", frame_stack=frame_stack), False, "test")


ZEROS = np.zeros(2, np.int64)


def test_cartpole_is_the_same_through_environments_as_by_itself():
    plain = gymnasium.make("CartPole-v1", max_episode_steps=40)
    generator = np.random.default_rng(0)
    with make_vec_env(EnvConfig("CartPole-v1", {"max_episode_steps": 40}), 1) as environments:
        for seed in range(4):
            expected, _ = plain.reset(seed=seed)
            assert np.array_equal(environments.reset([seed])["observation"][0], expected)
            ended = False
            while not ended:
                action = generator.integers(2)
                expected, reward, terminated, truncated, _ = plain.step(action)
                step = environments.step(np.array([action]))
                assert np.array_equal(step.observations["observation"][0], expected)
                assert (step.rewards[0], step.terminated[0], step.truncated[0]) == (reward, terminated, truncated)
                ended = terminated or truncated


def test_leaves_have_the_types_that_agents_expect():
    toy = toys(2)
    observations = toy.reset([10, 20])
    assert {name: (o.shape, o.dtype.name) for name, o in observations.items()} == {
        "view": ((2, 4, 4, 1), "uint8"),
        "state": ((2, 2), "float32"),
    }
    assert {name: leaf.shape for name, leaf in toy.spaces.observations.items()} == {"view": (4, 4, 1), "state": (2,)}
    assert toy.spaces.action_names == ("wait", "go")
    step = toy.step(ZEROS)
    assert step.rewards.dtype == np.float32
    assert step.terminated.dtype == step.truncated.dtype == np.bool_


def test_observations_stay_as_they_were_given():
    toy = toys(2)
    given_out = [toy.reset([10, 20]), toy.step(ZEROS).observations, toy.step(ZEROS).observations]
    toy.step(ZEROS)
    toy.reset([70, 80], np.array([True, False]))
    assert [o["state"].tolist() for o in given_out] == [[[10, n], [20, n]] for n in range(3)]
    assert [o["view"][:, 0, 0, 0].tolist() for o in given_out] == [[10 + n, 20 + n] for n in range(3)]


def test_a_masked_reset_touches_only_what_it_names_and_the_last_observation_is_kept():
    toy = toys(2)
    toy.reset([10, 20])
    for _ in range(3):
        last = toy.step(ZEROS)
    assert last.truncated.all()
    renewed = toy.reset([50, 99], np.array([True, False]))
    assert renewed["state"].tolist() == [[50, 0], [20, 3]]
    assert last.observations["state"].tolist() == [[10, 3], [20, 3]]


def test_an_ended_environment_has_to_be_reset_before_it_is_stepped():
    toy = toys(2, length=1)
    toy.reset([1, 2])
    ended = toy.step(ZEROS).ended
    with pytest.raises(ValueError, match="reset"):
        toy.step(ZEROS)
    toy.reset([3, 4], ended)
    toy.step(ZEROS)


def test_pictures_alone_are_stacked_and_each_environment_keeps_its_own_history():
    toy = toys(2, picture_only=True)
    assert toy.config.frame_stack == 4
    leaf = toy.spaces.observations["observation"]
    assert (leaf.shape, leaf.stack) == ((4, 4, 4), 4)

    def history(observations):
        return observations["observation"][:, 0, 0, :].tolist()

    assert history(toy.reset([10, 20])) == [[10] * 4, [20] * 4]
    assert history(toy.step(ZEROS).observations) == [[10, 10, 10, 11], [20, 20, 20, 21]]
    assert history(toy.reset([50, 0], np.array([True, False]))) == [[50] * 4, [20, 20, 20, 21]]
    assert history(toy.step(ZEROS).observations) == [[50, 50, 50, 51], [20, 20, 21, 22]]


def test_frames_are_stacked_as_asked():
    toy = toys(1, frame_stack=2)
    assert toy.spaces.observations["view"].shape == (4, 4, 2)
    assert toy.spaces.observations["state"].shape == (2,)
    with pytest.raises(UserError, match="only images are stacked"):
        make_vec_env(EnvConfig("CartPole-v1", frame_stack=4), 1)


def test_actions_that_do_not_start_at_zero_are_shifted():
    toy = toys(2, start=5)
    toy.reset([1, 2])
    toy.step(np.array([0, 1]))


def test_metrics_of_an_episode_are_plain_values():
    toy = toys(2, length=2)
    toy.reset([1, 2])
    assert toy.episode_metrics(toy.step(ZEROS), 0) == {"finished": None, "lap_time": None}
    assert toy.episode_metrics(toy.step(ZEROS), 1) == {"finished": True, "lap_time": 1.5}
    assert toy.metrics["finished"].name == "finish_rate"


def test_methods_of_the_environments_are_reached_by_name():
    toy = toys(2)
    toy.reset([1, 2])
    assert toy.offers("telemetry")
    assert [entry["count"]["value"] for entry in toy.call("telemetry")] == [0, 0]
    assert not toy.offers("expert_action")
    with pytest.raises(AttributeError):
        toy.call("expert_action")


def test_each_environment_is_drawn():
    toy = toys(2, render_mode="rgb_array")
    toy.reset([1, 2])
    toy.step(ZEROS)
    assert [(frame.shape, frame.dtype.name, frame.max()) for frame in toy.render()] == [((6, 8, 3), "uint8", 1)] * 2
    with pytest.raises(ValueError, match="render_mode"):
        toys(1).render()


@pytest.mark.parametrize("reward", [np.nan, np.inf, 1e300])
def test_a_reward_that_is_no_number_names_environment_and_step(reward):
    toy = toys(2, reward=reward)
    toy.reset([7, 8])
    with pytest.raises(UserError, match=r"environment 0 \(seed 7\), step 1: the reward is (nan|inf)") as caught:
        toy.step(ZEROS)
    assert caught.value.exit_code == 1


def test_an_observation_that_is_no_number_names_environment_and_step():
    toy = toys(2, nan_at=2)
    toy.reset([7, 8])
    toy.step(ZEROS)
    with pytest.raises(UserError, match=r"environment 0 \(seed 7\), step 2: the observation 'state'") as caught:
        toy.step(ZEROS)
    assert caught.value.exit_code == 1


class Camera(Toy):
    """A camera that shows one object, as wide as the steps are many, from the second environment on."""

    metadata: ClassVar[dict[str, Any]] = {
        "labels": ("boxes",),
        "box_labels": {"classes": ("car",), "fields": ("class", "x1", "y1", "x2", "y2", "distance")},
    }

    def __init__(self, columns=6, **kwargs):
        super().__init__(**kwargs)
        view, boxes = spaces.Box(0, 255, (6, 8, 3), np.uint8), spaces.Box(-1, 99, (2, columns), np.float32)
        self.observation_space = spaces.Dict({"camera": view, "boxes": boxes})

    def _observation(self):
        row = [0, 1, 2, 1 + self.count, 4, 12] if self.origin else [-1, 0, 0, 0, 0, 0]
        boxes = np.array([row, [-1, 0, 0, 0, 0, 0]], np.float32)
        return {"camera": np.full((6, 8, 3), self.count, np.uint8), "boxes": boxes}


def cameras(count, **kwargs):
    vector = SyncVectorEnv([lambda: Camera(**kwargs)] * count, autoreset_mode="Disabled")
    return VecEnv(vector, EnvConfig("Camera-v0", frame_stack=1), False, "test")


def test_true_boxes_are_beside_the_camera_image_and_hidden_from_agents():
    environments = cameras(2)
    assert environments.boxed(0) is None  # before the first reset
    assert list(environments.reset([0, 1])) == ["camera"]
    environments.step(ZEROS)
    environments.step(ZEROS)
    none, one = environments.boxed(0), environments.boxed(1)
    assert len(none.boxes) == 0
    assert one.boxes.boxes.tolist() == [[1, 2, 3, 4]]
    assert one.boxes.attributes["distance"].tolist() == [12]
    assert one.classes == ("car",)
    assert (one.image == 2).all()
    assert toys(1).boxed(0) is None


def test_boxes_of_another_width_than_declared_are_refused():
    with pytest.raises(UserError, match=r"'boxes' has shape \(2, 5\) for 6 fields"):
        cameras(1, columns=5)


class Failing(Toy):
    def __init__(self, where, **kwargs):
        super().__init__(**kwargs)
        self.where = where

    def reset(self, **kwargs):
        if self.where == "reset":
            raise KeyError("speed")
        return super().reset(**kwargs)

    def step(self, action):
        if self.where == "step":
            return 1 / 0
        return super().step(action)[:4] if self.where == "old" else super().step(action)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("reset", r"failed in reset \(seeds 3\): KeyError: 'speed' \(.*test_vector\.py:\d+\)"),
        ("step", r"failed in step \(seeds 3; step 1\): ZeroDivisionError: division by zero \(.*\.py:\d+\)"),
        ("old", "4 values from step"),
    ],
)
def test_an_environment_that_fails_is_a_sentence_with_its_own_error(where, said):
    vector = SyncVectorEnv([lambda: Failing(where)], copy=False, autoreset_mode="Disabled")
    environments = VecEnv(vector, EnvConfig("Failing-v0"), False, "test")

    def run():
        environments.reset([3])
        environments.step(np.zeros(1, np.int64))

    with pytest.raises(UserError, match=said) as caught:
        run()
    assert caught.value.exit_code == 1
    assert caught.value.__cause__ is not None


def test_continuous_actions_become_a_list_that_is_told():
    plain = gymnasium.make("Pendulum-v1", disable_env_checker=True)
    with make_vec_env(EnvConfig("Pendulum-v1", {"action_bins": 3}), 2) as environments:
        assert environments.spaces.action_names == ("−2", "0", "2")
        assert "continuous axes as a grid, [−2, 2] in 3 (as asked" in environments.describe()[-1]
        environments.reset([5, 6])
        plain.reset(seed=6)
        expected, reward, *_ = plain.step(np.array([2.0], np.float32))
        step = environments.step(np.array([0, 2]))
        assert np.array_equal(step.observations["observation"][1], expected)
        assert step.rewards[1] == np.float32(reward)


def test_names_and_mirror_of_discrete_actions_are_not_taken_for_those_of_continuous_ones():
    with make_vec_env(EnvConfig("rlkit/DrivingContinuous-v0"), 1) as environments:
        assert len(environments.actions) == 9
        assert environments.spaces.action_names[0].startswith(("[−1, −1]", "steer"))
        assert environments.spaces.mirror is None


@pytest.mark.parametrize(
    ("name", "kwargs", "vectors"),
    [
        ("rlkit/Driving-v0", {}, {"state"}),
        ("rlkit/Driving-v0", {"sensors": "birdview,state,preview"}, {"state", "preview"}),
        ("rlkit/Driving-v0", {"observation": "picture"}, set()),
        ("rlkit/Driving-v0", {"observation": "picture", "frame_skip": 2}, set()),  # single environments
        ("rlkit/CarRacing-v0", {"continuous": False, "sensors": "birdview,state"}, set()),
        ("rlkit/CarRacing-v0", {"continuous": False, "sensors": "birdview,state", "observation": "dict"}, {"state"}),
        ("rlkit/Driving-v0", {"sensors": "birdview,lidar,state"}, None),
        ("rlkit/Driving-v0", {"sensors": "birdview,lidar,state", "frame_skip": 2}, None),
    ],
)
def test_the_mirror_is_that_of_the_environments_that_were_made(name, kwargs, vectors):
    with make_vec_env(EnvConfig(name, kwargs), 2) as environments:
        mirror = environments.spaces.mirror
        assert (None if mirror is None else set(mirror.signs)) == vectors


@pytest.mark.parametrize("view", ["birdview", "camera"])
def test_the_drivable_area_by_true_labels_is_mirrored_to_the_last_bit(view):
    config = EnvConfig("rlkit/DrivingCamera-v0", perception=PerceptionConfig(view=view))
    worlds = [gymnasium.make_vec(config.id, 2, vectorization_mode="vector_entry_point") for _ in range(2)]
    with make_vec_env(config, 2) as environments:
        observer, mirror = environments.observer, environments.spaces.mirror
        seen = [
            world.reset(seed=[4, 5], options={"mirrored": image})[0]
            for world, image in zip(worlds, (False, True), strict=True)
        ]
        for step in range(10):
            observer.begin([4, 5], np.ones(2, np.bool_))
            one, other = (observer.see(each)["drivable"] for each in seen)
            assert np.array_equal(one[:, :, ::-1], other), step
            assert not np.array_equal(one, other)
            actions = np.array(worlds[0].call("expert_action"))
            seen = [worlds[0].step(actions)[0], worlds[1].step(np.array(mirror.actions)[actions])[0]]


def test_the_list_of_continuous_actions_is_the_one_that_the_environment_advises():
    with make_vec_env(EnvConfig("rlkit/CarRacing-v0"), 1) as environments:
        assert len(environments.actions) == 27
        assert "(as the environment recommends" in environments.describe()[-1]
    with make_vec_env(EnvConfig("rlkit/CarRacing-v0", {"action_bins": 2}), 1) as environments:
        assert len(environments.actions) == 8
    with make_vec_env(EnvConfig("rlkit/CarRacing-v0", {"continuous": False}), 1) as environments:
        assert len(environments.actions) == 5


def test_actions_that_cannot_become_a_list_are_refused():
    with pytest.raises(UserError, match=r"action space is not continuous|is not continuous; leave action_bins out"):
        make_vec_env(EnvConfig("CartPole-v1", {"action_bins": 3}), 1)


def test_what_was_chosen_is_told():
    lines = make_vec_env(EnvConfig("CartPole-v1", {"sutton_barto_reward": True}), 2).describe()
    assert lines[0].startswith("environment: CartPole-v1, sutton_barto_reward=True; 2 at once: single environments")
    assert lines[1:] == ["observation: vector of 4", "actions: 2 (0, 1)"]
    assert "4 frames stacked (a single image shows no motion)" in toys(1, picture_only=True).describe()[1]
    asked = make_vec_env(EnvConfig("rlkit/Bricks-v0", {"frame_stack": 4}), 1)
    assert "4 frames stacked (as asked)" in asked.describe()[1]


def test_advice_is_read_before_the_environment_is_made():
    assert "render_modes" in read_metadata(EnvConfig("CartPole-v1"))


@pytest.mark.parametrize("count", [0, -1])
def test_at_least_one_environment_is_needed(count):
    with pytest.raises(UserError, match="at least 1"):
        make_vec_env(EnvConfig("CartPole-v1"), count)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(kwargs=st.dictionaries(st.text(min_size=1).map(lambda s: f"k{s}"), JSON_VALUES))
def test_a_description_survives_the_run_folder(kwargs):
    config = EnvConfig("CartPole-v1", kwargs, frame_stack=3)
    assert EnvConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ([], "dict with an 'id'"),
        ({"kwargs": {}}, "dict with an 'id'"),
        ({"id": 3}, "id is a text"),
        ({"id": "A-v0", "kwarg": {}}, r"no entry 'kwarg'\. Did you mean kwargs\?"),
        ({"id": "A-v0", "kwargs": 3}, "names with values"),
        ({"id": "A-v0", "kwargs": {"x": {1, 2}}}, "JSON values"),
        ({"id": "A-v0", "kwargs": {"num_envs": 3}}, "'num_envs' is set by rlkit"),
        ({"id": "A-v0", "frame_stack": 0}, "from 1 to 64"),
        ({"id": "A-v0", "frame_stack": True}, "from 1 to 64"),
    ],
)
def test_a_malformed_description_is_a_sentence(tree, said):
    with pytest.raises(UserError, match=said):
        EnvConfig.from_json(tree)


def test_arguments_are_added_below_or_above_the_users_own():
    config = EnvConfig("A-v0", {"split": "train"})
    assert config.with_defaults({"split": "test", "start": 1}).kwargs == {"split": "train", "start": 1}
    assert config.with_kwargs({"split": "test"}).kwargs == {"split": "test"}


def test_a_file_is_stored_so_that_it_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("from gymnasium.envs.classic_control import CartPoleEnv as Mine\n")
    config = make_vec_env(EnvConfig("mine.py:Mine"), 1).config
    assert config.id == f"{tmp_path}/mine.py:Mine"
    assert config.code == f"{tmp_path}/mine.py"
    assert EnvConfig("CartPole-v1").code is None


def test_no_episode_of_evaluation_is_one_of_training():
    training = {episode_seed(run, env, k) for run in range(5) for env in range(20) for k in range(50)}
    evaluation = {episode_seed(run, 0, k, stream="evaluation") for run in range(5) for k in range(50)}
    selection = {episode_seed(run, 0, k, stream="selection") for run in range(5) for k in range(50)}
    assert len(training | evaluation | selection) == len(training) + len(evaluation) + len(selection)
    assert len(evaluation) == len(selection) == 250
    assert max(training) < 2**29 <= min(evaluation)
    assert max(evaluation) < 2**30 <= min(selection)
    assert max(selection) < 2**31


def test_seeds_of_episodes_are_those_of_every_other_day():
    assert episode_seed(0, 1, 2) == episode_seed(0, 1, 2) != episode_seed(0, 2, 1)
    with pytest.raises(UserError, match="from 0 up"):
        episode_seed(-1, 0, 0)


def test_more_environments_than_memory_holds_are_refused_before_they_are_made():
    config = EnvConfig("rlkit/DrivingCamera-v0", {"camera_size": [1024, 1024], "num_circuits": 1})
    with pytest.raises(UserError, match=r"16,384 environments of .* GiB are free"):
        make_vec_env(config, 16_384)


class Careless(gymnasium.Env):
    """Draws from the global generators, gives a mask of its actions, and fails in `close`."""

    observation_space = spaces.Box(-1, 1, (2,))
    action_space = spaces.Discrete(2)

    def __init__(self, clean=False, loud: bool = False):
        self.clean = clean

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.draw(), {} if self.clean else {"action_mask": np.ones(2, np.int8)}

    def step(self, action):
        if action == 1:
            raise SystemExit("licence missing")
        return self.draw(), 0.0, False, False, {}

    def draw(self):
        if self.clean:
            return self.np_random.uniform(-1, 1, 2).astype(np.float32)
        return np.array([random.uniform(-1, 1), np.random.uniform(-1, 1)], np.float32)  # noqa: NPY002

    def close(self):
        if not self.clean:
            raise RuntimeError("already closed")


CARELESS = f"{__file__}:Careless"


def play_careless(**kwargs):
    """The observations of three steps, and the warnings."""
    warnings = []
    with make_vec_env(EnvConfig(CARELESS, kwargs), 2) as made:
        made.warn = warnings.append
        seen = [made.reset([3, 4])["observation"].tolist()]
        seen += [made.step(np.zeros(2, np.int64)).observations["observation"].tolist() for _ in range(3)]
    return seen, warnings


@pytest.mark.parametrize("workers", [0, 2])
def test_one_seed_fixes_the_global_generators_too(workers):
    first, _ = play_careless(workers=workers)
    random.random()
    assert play_careless(workers=workers)[0] == first


def test_carelessness_is_a_warning_each():
    masks, draws, closing = play_careless()[1]
    assert "action_mask" in masks
    assert "global generators" in draws
    assert "failed in close: RuntimeError: already closed" in closing
    assert play_careless(clean=True)[1] == []


def test_an_environment_that_exits_is_a_failure_with_its_place():
    with make_vec_env(EnvConfig(CARELESS, {"clean": True}), 2) as made:
        made.reset([3, 4])
        with pytest.raises(UserError, match=r"environment 1 \(seed 4\), step 1: step raised SystemExit: licence"):
            made.step(np.array([0, 1]))


@pytest.mark.parametrize(("typed", "meant"), [("no", "false"), ("off", "false"), ("maybe", "true or false")])
def test_a_text_for_a_boolean_parameter_is_refused(typed, meant):
    with pytest.raises(UserError, match=f"loud={typed} is a text.*type loud={meant}"):
        make_vec_env(EnvConfig(CARELESS, {"loud": typed}), 1)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_a_vector_that_is_not_finite_stops_with_its_place(value):
    class Broken(Careless):
        def draw(self):
            return np.array([0.0, value if self.count else 0.0], np.float32)

        def reset(self, **arguments):
            self.count = 0
            return super().reset(**arguments)

        def step(self, action):
            self.count += 1
            return super().step(action)

    vector = SyncVectorEnv([lambda: Broken(clean=True)], autoreset_mode=AutoresetMode.DISABLED)
    with VecEnv(vector, EnvConfig("Broken"), False, "") as made:
        made.reset([7])
        with pytest.raises(UserError, match=rf"seed 7\), step 1: the observation .* is {value}, not a finite"):
            made.step(np.zeros(1, np.int64))
