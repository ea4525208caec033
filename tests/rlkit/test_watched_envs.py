import time

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec

from rlkit.environments import EnvironmentConfig, Environments
from rlkit.errors import UserError
from rlkit.stepping_options import SteppingOptions
from rlkit.vectorization import vectorize


class Hanging(gymnasium.Env):
    """Hangs for a minute where it is told to."""

    observation_space = spaces.Box(-1, 1, (1,))
    action_space = spaces.Discrete(2)

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


HASTY = SteppingOptions(step_timeout=0.2)


def test_a_constructor_that_hangs_is_interrupted():
    with pytest.raises(
        UserError, match=r"H could not be made: did not come back within 0.2 s \(.*test_watched.*py:\d+\)"
    ):
        vectorize(EnvSpec("H", entry_point=Hanging), 2, {"where": "init"}, None, stepping=HASTY)


@pytest.mark.parametrize(
    ("spec", "hanging"),
    [
        (EnvSpec("H", entry_point=Hanging, kwargs={"where": "reset"}), r"0 \(seed 7\), step 0: reset"),
        (EnvSpec("H", entry_point=Hanging), r"1 \(seed 8\), step 1: step"),
    ],
)
def test_single_environments_that_hang_are_interrupted_and_named(spec, hanging):
    vector, native, why = vectorize(spec, 3, {}, None, stepping=HASTY)
    made = Environments(vector, EnvironmentConfig("H"), native, why)
    began = time.monotonic()
    with pytest.raises(
        UserError, match=rf"H, environment {hanging} did not .* \(.*test_watched.*\); .*step_timeout=2 among"
    ):
        _play(made)
    assert time.monotonic() - began < 30


def _play(made):
    made.reset([7, 8, 9])
    made.step(np.zeros(3, np.int64))
