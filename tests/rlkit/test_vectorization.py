import time
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from rlkit.alarm import Alarm
from rlkit.environments import EnvironmentConfig, Environments, make_environments
from rlkit.errors import UserError
from rlkit.stepping_options import SteppingOptions
from rlkit.vectorization import BatchesOfOne, offers, spec_metadata, vectorize


class Countdown(VectorEnv):
    """Counts down from its seed to 0; written to be able to reset in any of Gymnasium's three ways."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": [], "autoreset_mode": AutoresetMode.DISABLED}

    def __init__(self, num_envs=1, autoreset_mode=AutoresetMode.NEXT_STEP, final=True, **kwargs):
        self.num_envs = num_envs
        self.final = final
        self.metadata = {**type(self).metadata, "autoreset_mode": autoreset_mode}
        self.single_observation_space = spaces.Dict({"left": spaces.Box(-9, 99, (1,), np.float32)})
        self.single_action_space = spaces.Discrete(2)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.left = np.zeros((num_envs, 1), np.float32)

    def reset(self, *, seed=None, options=None):
        mask = (options or {}).get("reset_mask", np.ones(self.num_envs, np.bool_))
        seeds = np.broadcast_to(np.asarray(seed), self.num_envs)
        self.left[mask, 0] = seeds[mask]
        return {"left": self.left}, {}

    def step(self, actions):
        self.left -= 1
        ended = self.left[:, 0] <= 0
        infos = {"left_at_end": self.left[:, 0].copy(), "_left_at_end": ended}
        if self.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP and ended.any():
            if self.final:
                infos = {"final_obs": {"left": self.left.copy()}, "_final_obs": ended, "final_info": infos}
            self.left[ended] = 77
        return {"left": self.left}, np.ones(self.num_envs), ended, np.zeros_like(ended), infos

    def call(self, name, *args):
        return (getattr(self, name),) * self.num_envs


class OnlySameStep(Countdown):
    metadata: ClassVar[dict[str, Any]] = {"autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(self, num_envs=1, final=True):
        super().__init__(num_envs, AutoresetMode.SAME_STEP, final)


class OnlyNextStep(Countdown):
    metadata: ClassVar[dict[str, Any]] = {"autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(self, num_envs=1):
        super().__init__(num_envs, AutoresetMode.NEXT_STEP)


class OnlyDisabled(Countdown):
    def __init__(self, num_envs=1):
        super().__init__(num_envs, AutoresetMode.DISABLED)


class TakesTheWordOnly(Countdown):
    """Takes the argument, but knows two modes only, as ale-py's does."""

    def __init__(self, num_envs=1, autoreset_mode=AutoresetMode.NEXT_STEP):
        if autoreset_mode is AutoresetMode.DISABLED:
            raise ValueError("Invalid autoreset_mode: Disabled")
        super().__init__(num_envs, autoreset_mode)


class Picky(gymnasium.Env):
    observation_space = spaces.Box(-1, 1, (1,))
    action_space = spaces.Discrete(2)

    def __init__(self, speed=1, wind=0):
        if speed < 0:
            raise ValueError("speed is negative")


def environments(creator: type[VectorEnv], num_envs: int, **kwargs: Any) -> Environments:
    vector, native, why = vectorize(EnvSpec("Toy", vector_entry_point=creator), num_envs, kwargs, None)
    return Environments(vector, EnvironmentConfig("Toy"), native, why)


def test_an_environment_that_refuses_to_leave_resetting_to_us_is_stepped_one_by_one():
    assert not environments(TakesTheWordOnly, 3).native


@pytest.mark.parametrize("creator", [Countdown, OnlyDisabled])
def test_an_environment_that_can_leave_resetting_to_us_is_stepped_as_one_batch(creator):
    assert environments(creator, 3).native


def test_a_registered_batch_of_ours_is_stepped_as_one():
    with make_environments(EnvironmentConfig("rlkit/CarRacing-v0", {"continuous": False}), 2) as cars:
        assert cars.native


@pytest.mark.parametrize("creator", [Countdown, OnlySameStep, OnlyNextStep])
def test_every_autoreset_mode_becomes_episodes_from_seeds_with_their_real_last_observation(creator):
    toy = environments(creator, 2)
    actions = np.zeros(2, np.int64)
    assert toy.reset([2, 5])["left"].tolist() == [[2], [5]]
    assert toy.step(actions).observations["left"].tolist() == [[1], [4]]
    last = toy.step(actions)
    assert last.terminated.tolist() == [True, False]
    assert last.observations["left"].tolist() == [[0], [3]]
    assert toy.reset([9, 1], last.ended)["left"].tolist() == [[9], [3]]
    assert toy.step(actions).observations["left"].tolist() == [[8], [2]]
    assert last.observations["left"].tolist() == [[0], [3]]


def test_the_last_info_of_an_episode_survives_a_reset_in_the_same_step():
    for creator in (Countdown, OnlySameStep, OnlyNextStep):
        toy = environments(creator, 2)
        toy.reset([1, 5])
        infos = toy.step(np.zeros(2, np.int64)).infos
        assert infos["left_at_end"][0] == 0
        assert infos["_left_at_end"].tolist() == [True, False]


def test_a_last_observation_that_is_thrown_away_is_refused():
    toy = environments(OnlySameStep, 1, final=False)
    toy.reset([1])
    with pytest.raises(UserError, match="final_obs"):
        toy.step(np.zeros(1, np.int64))


def test_a_batch_that_does_not_say_how_it_resets_is_refused():
    silent = OnlyNextStep()
    silent.metadata = {}
    with pytest.raises(UserError, match="autoreset_mode"):
        BatchesOfOne([silent], Alarm(0))


def test_single_environments_are_taken_where_the_native_one_resets_by_itself():
    vector, native, why = vectorize(gymnasium.spec("CartPole-v1"), 2, {}, None)
    assert not native
    assert "NextStep" in why
    assert vector.metadata["autoreset_mode"] is AutoresetMode.DISABLED
    assert not any(isinstance(env, gymnasium.wrappers.PassiveEnvChecker) for env in _layers(vector.envs[0]))


def _layers(env):
    while True:
        yield env
        if not isinstance(env, gymnasium.Wrapper):
            return
        env = env.env


def refused(spec: EnvSpec, kwargs: dict[str, Any], said: str, exit_code: int, render_mode: str | None = None) -> None:
    with pytest.raises(UserError, match=said) as caught:
        vectorize(spec, 1, kwargs, render_mode)
    assert caught.value.exit_code == exit_code
    assert "\n" not in str(caught.value)


def test_an_unknown_argument_is_named_with_those_that_exist():
    refused(
        EnvSpec("Picky", entry_point=Picky),
        {"sped": 1},
        r"takes no argument 'sped'\. Did you mean speed\? It accepts: speed, wind, max_episode_steps",
        2,
    )


def test_what_a_constructor_raises_is_given_with_file_and_line():
    refused(
        EnvSpec("Picky", entry_point=Picky),
        {"speed": -1},
        r"could not be made: ValueError: speed is negative \(.*test_vectorization\.py:\d+\)",
        1,
    )


def test_a_missing_package_is_named_with_the_line_to_type():
    def lacking(**kwargs):
        raise gymnasium.error.DependencyNotInstalled('Box2D is not installed, run `pip install "gymnasium[box2d]"`')

    refused(EnvSpec("Lander", entry_point=lacking), {}, r'pip install "gymnasium\[box2d\]"', 1)
    refused(EnvSpec("Nowhere", entry_point="no_such_package.envs:Env"), {}, "pip install no_such_package", 1)


def test_a_render_mode_that_is_not_offered_is_refused():
    refused(EnvSpec("Picky", entry_point=Picky), {}, "'rgb_array'; it offers: none", 2, "rgb_array")


def test_metadata_is_read_without_making_the_environment():
    class Expensive(Picky):
        metadata: ClassVar[dict[str, Any]] = {"training_kwargs": {"speed": 2}}

        def __init__(self):
            raise AssertionError

    assert spec_metadata(EnvSpec("E", entry_point=Expensive))["training_kwargs"] == {"speed": 2}
    assert "render_modes" in spec_metadata(EnvSpec("E", entry_point=lambda: Picky()))


class Hanging(Picky):
    """Hangs for a minute where it is told to."""

    def __init__(self, where="step"):
        self.where = where
        self._hang("init")

    def reset(self, *, seed=None, options=None):
        self.seed = seed
        self._hang("reset")
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self._hang("step" if self.seed == 8 else "")
        return np.zeros(1, np.float32), 0.0, False, False, {}

    def _hang(self, where):
        if where == self.where:
            time.sleep(60)


class HangingBatch(OnlyNextStep):
    """The same in a vector environment that has to be stepped as batches of one."""

    def step(self, actions):
        if self.left[0] == 8:
            time.sleep(60)
        return super().step(actions)


HASTY = SteppingOptions(step_timeout=0.2)


def test_a_constructor_that_hangs_is_interrupted():
    with pytest.raises(UserError, match=r"H could not be made: did not come back within 0.2 s \(.*test_vec.*py:\d+\)"):
        vectorize(EnvSpec("H", entry_point=Hanging), 2, {"where": "init"}, None, stepping=HASTY)


@pytest.mark.parametrize(
    ("spec", "hanging"),
    [
        (EnvSpec("H", entry_point=Hanging, kwargs={"where": "reset"}), r"0 \(seed 7\), step 0: reset"),
        (EnvSpec("H", entry_point=Hanging), r"1 \(seed 8\), step 1: step"),
        (EnvSpec("H", vector_entry_point=HangingBatch), r"1 \(seed 8\), step 1: step"),
    ],
)
def test_single_environments_that_hang_are_interrupted_and_named(spec, hanging):
    vector, native, why = vectorize(spec, 3, {}, None, stepping=HASTY)
    made = Environments(vector, EnvironmentConfig("H"), native, why)
    began = time.monotonic()
    with pytest.raises(
        UserError, match=rf"H, environment {hanging} did not .* \(.*test_vec.*\); .*step_timeout=2 among"
    ):
        _play(made)
    assert time.monotonic() - began < 30


def _play(made):
    made.reset([7, 8, 9])
    made.step(np.zeros(3, np.int64))


def test_methods_are_offered_by_name_however_environments_are_joined():
    for spec in (EnvSpec("C", vector_entry_point=OnlyDisabled), EnvSpec("C", vector_entry_point=OnlyNextStep)):
        vector, _, _ = vectorize(spec, 2, {}, None)
        assert offers(vector, "final")
        assert not offers(vector, "finale")
    single, _, _ = vectorize(gymnasium.spec("CartPole-v1"), 2, {}, None)
    assert offers(single, "gravity")
    assert not offers(single, "levity")
