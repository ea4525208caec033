import time
from typing import Any, ClassVar

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from rlkit.alarm import Alarm
from rlkit.batches_of_one import BatchesOfOne
from rlkit.environments import EnvironmentConfig, Environments
from rlkit.errors import UserError
from rlkit.stepping_options import SteppingOptions
from rlkit.vectorization import vectorize


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


class OnlySameStep(Countdown):
    metadata: ClassVar[dict[str, Any]] = {"autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(self, num_envs=1, final=True):
        super().__init__(num_envs, AutoresetMode.SAME_STEP, final)


class OnlyNextStep(Countdown):
    metadata: ClassVar[dict[str, Any]] = {"autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(self, num_envs=1):
        super().__init__(num_envs, AutoresetMode.NEXT_STEP)


def environments(creator: type[VectorEnv], num_envs: int, step_timeout: float = 0, **kwargs: Any) -> Environments:
    spec = EnvSpec("Toy", vector_entry_point=creator)
    stepping = SteppingOptions(step_timeout=step_timeout)
    vector, native, why = vectorize(spec, num_envs, kwargs, None, stepping=stepping)
    return Environments(vector, EnvironmentConfig("Toy"), native, why)


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


class HangingBatch(OnlyNextStep):
    """Hangs for a minute where 8 are left."""

    def step(self, actions):
        if self.left[0] == 8:
            time.sleep(60)
        return super().step(actions)


def test_a_batch_that_hangs_is_interrupted_and_named():
    toy = environments(HangingBatch, 3, step_timeout=0.2)
    toy.reset([7, 8, 9])
    began = time.monotonic()
    with pytest.raises(
        UserError,
        match=r"Toy, environment 1 \(seed 8\), step 1: step did not .* \(.*test_batches.*\); .*step_timeout=2 among",
    ):
        toy.step(np.zeros(3, np.int64))
    assert time.monotonic() - began < 50  # not the minute that it hangs for
