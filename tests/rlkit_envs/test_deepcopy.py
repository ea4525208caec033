import copy

import gymnasium
import numpy as np
import pytest
import rlkit_envs  # noqa: F401


@pytest.mark.parametrize(
    "env_id", ["rlkit/Driving-v0", "rlkit/DrivingCamera-v0", "rlkit/CarRacing-v0", "rlkit/Bricks-v0"]
)
def test_an_environment_that_was_rendered_can_be_copied_and_goes_on_alike(env_id, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = gymnasium.make(env_id, render_mode="rgb_array")
    env.reset(seed=0)
    env.action_space.seed(0)
    env.render()
    other = copy.deepcopy(env)
    for _ in range(5):
        action = env.action_space.sample()
        first, second = env.step(action), other.step(action)
        assert first[1:4] == second[1:4]
    assert other.render().shape == env.render().shape
    for _ in range(3):
        env.step(env.action_space.sample())
    before = other.unwrapped.get_state() if hasattr(other.unwrapped, "get_state") else None
    env.step(env.action_space.sample())
    if before is not None:
        np.testing.assert_equal(other.unwrapped.get_state(), before)
