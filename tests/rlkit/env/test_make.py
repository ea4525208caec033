from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from rlkit.env.config import EnvConfig
from rlkit.env.make import make_vec_env, vectorize
from rlkit.env.vector import offers
from rlkit.errors import UserError


class Batch(VectorEnv):
    """Resets in whichever way it is asked to; is never stepped here."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": [], "autoreset_mode": AutoresetMode.DISABLED}

    def __init__(self, num_envs=1, autoreset_mode=AutoresetMode.NEXT_STEP):
        self.num_envs = num_envs
        self.final = True
        self.metadata = {**type(self).metadata, "autoreset_mode": autoreset_mode}
        self.single_observation_space = spaces.Box(-1, 1, (1,), np.float32)
        self.single_action_space = spaces.Discrete(2)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def call(self, name, *args):
        return (getattr(self, name),) * self.num_envs


class OnlyNextStep(Batch):
    metadata: ClassVar[dict[str, Any]] = {"autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(self, num_envs=1):
        super().__init__(num_envs, AutoresetMode.NEXT_STEP)


class OnlyDisabled(Batch):
    def __init__(self, num_envs=1):
        super().__init__(num_envs, AutoresetMode.DISABLED)


class TakesTheWordOnly(Batch):
    """Takes the argument, but knows two modes only, as ale-py's does."""

    def __init__(self, num_envs=1, autoreset_mode=AutoresetMode.NEXT_STEP):
        if autoreset_mode is AutoresetMode.DISABLED:
            raise ValueError("Invalid autoreset_mode: Disabled")
        super().__init__(num_envs, autoreset_mode)


@pytest.mark.parametrize("creator", [TakesTheWordOnly, OnlyNextStep])
def test_an_environment_that_refuses_to_leave_resetting_to_us_is_stepped_one_by_one(creator):
    _, native, why = vectorize(EnvSpec("Toy", vector_entry_point=creator), 3, {}, None)
    assert not native
    assert "one batch of one for each" in why


@pytest.mark.parametrize("creator", [Batch, OnlyDisabled])
def test_an_environment_that_can_leave_resetting_to_us_is_stepped_as_one_batch(creator):
    _, native, _ = vectorize(EnvSpec("Toy", vector_entry_point=creator), 3, {}, None)
    assert native


def test_a_registered_batch_of_ours_is_stepped_as_one():
    with make_vec_env(EnvConfig("rlkit/CarRacing-v0", {"continuous": False}), 2) as cars:
        assert cars.native


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


def test_what_a_batch_of_its_own_refuses_is_said():
    with pytest.raises(UserError, match=r"takes no argument 'sped'\. It accepts: .*max_episode_steps"):
        vectorize(EnvSpec("Toy", vector_entry_point=OnlyDisabled), 1, {"sped": 1}, None)
    with pytest.raises(UserError, match="'rgb_array'; it offers: none"):
        vectorize(EnvSpec("Toy", vector_entry_point=OnlyDisabled), 1, {}, "rgb_array")


def test_methods_are_offered_by_name_however_environments_are_joined():
    for spec in (EnvSpec("C", vector_entry_point=OnlyDisabled), EnvSpec("C", vector_entry_point=OnlyNextStep)):
        vector, _, _ = vectorize(spec, 2, {}, None)
        assert offers(vector, "final")
        assert not offers(vector, "finale")
    single, _, _ = vectorize(gymnasium.spec("CartPole-v1"), 2, {}, None)
    assert offers(single, "gravity")
    assert not offers(single, "levity")
