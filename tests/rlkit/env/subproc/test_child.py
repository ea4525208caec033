import gymnasium
import pytest
from gymnasium.envs.registration import EnvSpec

from rlkit.env.subproc.child import EnvServer, resolve_spec
from rlkit.env.subproc.worker import Blueprint, spec_as_json
from rlkit.errors import UserError


@pytest.fixture(autouse=True)
def _no_plugins(monkeypatch):
    """As in a process that has just begun, without the seconds that they take."""
    monkeypatch.setattr("rlkit.env.registry.load_environments", lambda *asked: ())


def test_the_specification_is_the_parents_even_where_this_process_has_another_of_that_name():
    parents = EnvSpec("CartPole-v1", entry_point="gymnasium.envs.classic_control:CartPoleEnv", max_episode_steps=7)
    assert resolve_spec(Blueprint("CartPole-v1", spec_as_json(parents), {}, 1)).max_episode_steps == 7
    same = gymnasium.spec("CartPole-v1")
    assert resolve_spec(Blueprint("CartPole-v1", spec_as_json(same), {}, 1)) is same


def test_what_only_the_parent_knows_is_refused_with_what_helps():
    local = EnvSpec("Here-v0", entry_point=lambda: gymnasium.make("CartPole-v1"))
    assert spec_as_json(local) is None
    with pytest.raises(UserError, match=r"'Here-v0' is registered in this process only.*file.py:MyEnv"):
        resolve_spec(Blueprint("Here-v0", None, {}, 1))
    with pytest.raises(UserError, match=r"There is no file 'gone.py'"):
        resolve_spec(Blueprint("gone.py:Env", None, {}, 1))


def test_frames_are_skipped_where_the_environment_is():
    share = EnvServer(Blueprint("CartPole-v1", None, {"max_episode_steps": 4}, 3))
    share.make(5)
    share.reset(5, 0, None)
    assert share.step(5, 0)[1] == 3
    assert share.step(5, 0)[3]
