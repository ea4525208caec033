"""Atari environments made and run by the toolkit."""

import gymnasium
import numpy as np
import pytest

pytest.importorskip("ale_py", reason="the emulator is an extra: pip install rlkit-toolkit[atari]")

from rlkit_envs.atari import register

from rlkit.capabilities import run_defaults
from rlkit.env.config import EnvConfig
from rlkit.env.make import make_vec_env, read_metadata
from rlkit.errors import UserError
from rlkit.training.collector import Collector
from rlkit.viewer.play_session import with_advice

BREAKOUT = EnvConfig("ALE/Breakout-v5")


@pytest.fixture(autouse=True)
def _registered():
    before = dict(gymnasium.registry)
    register()
    yield
    gymnasium.registry.clear()
    gymnasium.registry.update(before)


def random_actions(environments, steps, seed=0):
    generator = np.random.default_rng(seed)
    return generator.integers(environments.spaces.num_actions, size=(steps, environments.num_envs))


def test_the_toolkit_stacks_four_frames_and_reads_the_metadata():
    with make_vec_env(BREAKOUT, 3) as made:
        assert made.native
        assert made.spaces.observations["observation"].shape == (84, 84, 4)
        assert made.spaces.observations["observation"].stack == 4
        assert made.spaces.reward_clip == 1.0
        assert made.spaces.num_actions == 18
        assert made.spaces.action_names[:2] == ("NOOP", "FIRE")
        assert "its own vector environment" in made.describe()[0]


def test_rendering_does_not_change_observations():
    with make_vec_env(BREAKOUT, 2) as blind, make_vec_env(BREAKOUT, 1, render_mode="rgb_array") as shown:
        blind.reset([5, 6])
        shown.reset([6])
        for action in random_actions(blind, 40):
            learned, watched = blind.step(action), shown.step(action[1:])
            assert (learned.observations["observation"][1] == watched.observations["observation"][0]).all()
        assert shown.render()[0].shape == (210, 160, 3)
        assert shown.metadata["render_fps"] == 15


def test_every_game_is_registered_and_has_settings_for_play():
    games = [spec for spec in gymnasium.registry.values() if spec.namespace == "ALE"]
    assert len(games) > 50
    assert {spec.entry_point for spec in games} == {"rlkit_envs.atari.env:AtariEnv"}
    advised = with_advice(EnvConfig("ALE/Pong-v5"))
    with make_vec_env(advised, 1, render_mode="rgb_array") as made:
        assert made.metadata["render_fps"] == 60
    assert run_defaults(read_metadata(BREAKOUT))["num_envs"] == 8


@pytest.mark.parametrize("kwargs", [{}, {"protocol": "dqn", "training": True}])
def test_running_games_are_resumed_exactly(kwargs):
    config = EnvConfig("ALE/Freeway-v5", {"max_episode_steps": 25, **kwargs})  # a game without lives
    with make_vec_env(config, 2) as one, make_vec_env(config, 2) as other:
        whole = Collector(one, seed=1)
        actions = random_actions(one, 60)
        for action in actions[:40]:
            whole.advance(action)
        again = Collector(other, seed=1)
        again.load_state(whole.state())
        assert again.replay()
        for action in actions[40:]:
            expected, got = whole.advance(action), again.advance(action)
            assert (expected.observations["observation"] == got.observations["observation"]).all()
            assert (expected.rewards == got.rewards).all()
        assert whole.finished == again.finished == 4


def test_a_wrong_argument_is_named():
    with pytest.raises(UserError, match=r"no argument 'protcol'. Did you mean protocol"):
        make_vec_env(EnvConfig("ALE/Pong-v5", {"protcol": "dqn"}), 1)
    with pytest.raises(UserError, match="protocol should be one of machado, dqn"):
        make_vec_env(EnvConfig("ALE/Pong-v5", {"protocol": "nature"}), 1)
