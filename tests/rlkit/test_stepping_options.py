import gymnasium
import pytest
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec

from rlkit.environments import EnvironmentConfig, make_environments
from rlkit.errors import UserError
from rlkit.stepping_options import SteppingOptions
from rlkit.vectorization import vectorize


class OwnWorkers(gymnasium.Env):
    """Knows workers of its own kind."""

    observation_space = spaces.Box(-1, 1, (1,))
    action_space = spaces.Discrete(2)

    def __init__(self, workers=0):
        self.hired = workers


def test_an_environment_that_takes_such_an_argument_gets_it_itself():
    with make_environments(EnvironmentConfig(f"{__file__}:OwnWorkers", {"workers": 2}), 1) as made:
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
        SteppingOptions(**wrong)


def test_workers_are_refused_where_there_are_no_single_environments_to_share_out():
    with pytest.raises(UserError, match=r"workers=2: .* rlkit/CarRacing-v0 has a vector environment of its own"):
        make_environments(EnvironmentConfig("rlkit/CarRacing-v0", {"workers": 2, "continuous": False}), 2)

    def insists(num_envs):
        raise AssertionError

    with pytest.raises(UserError, match=r"workers=2: .* Toy is a vector environment only"):
        vectorize(EnvSpec("Toy", vector_entry_point=insists), 2, {}, None, stepping=SteppingOptions(2))
