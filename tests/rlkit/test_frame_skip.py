"""Skipped frames of Gymnasium's CarRacing are not drawn, and nobody can tell."""

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import GrayscaleObservation, PassiveEnvChecker

from rlkit.frame_skip import FrameSkip, can_leave_undrawn

pytest.importorskip("Box2D", reason="CarRacing needs box2d: pip install -e '.[dev]'")

ID = "CarRacing-v3"
FRAMES = 4


def make(**options):
    return gymnasium.make(ID, continuous=False, disable_env_checker=True, **options)


def drawn(env, action):
    """The same by hand, every frame drawn."""
    total = 0.0
    for _ in range(FRAMES):
        observation, reward, terminated, truncated, _ = env.step(action)
        total += reward
        if terminated or truncated:
            break
    return observation, total, terminated, truncated


@pytest.mark.parametrize("steps", [58, 59, 60])
def test_observations_rewards_and_ends_are_those_of_an_environment_that_draws_everything(steps):
    plain, skipping = make(max_episode_steps=steps), FrameSkip(make(max_episode_steps=steps), FRAMES)
    first, _ = plain.reset(seed=7)
    assert np.array_equal(skipping.reset(seed=7)[0], first)
    actions = np.random.default_rng(0).choice([1, 2, 3, 3, 3], size=-(-steps // FRAMES))
    for number, action in enumerate(actions):
        observation, *rest = drawn(plain, action)
        own, *own_rest, _ = skipping.step(action)
        assert own_rest == rest
        assert np.array_equal(own, observation)
        assert rest[-1] == (number == len(actions) - 1)
    plain.close()
    skipping.close()


def test_an_episode_that_ends_off_the_field_between_two_frames_shows_where(monkeypatch):
    plain, skipping = make(), FrameSkip(make(), FRAMES)
    for env in (plain, skipping):
        env.reset(seed=3)
    monkeypatch.setattr("gymnasium.envs.box2d.car_racing.PLAYFIELD", 0.0)  # wherever it goes, it is off
    observation, *rest = drawn(plain, 0)
    own, *own_rest, _ = skipping.step(0)
    assert own_rest == rest
    assert rest == [-100, True, False]
    assert np.array_equal(own, observation)
    assert np.array_equal(skipping.unwrapped.state, observation)
    plain.close()
    skipping.close()


def test_a_frame_in_four_is_drawn(monkeypatch):
    env = FrameSkip(make(), FRAMES)
    env.reset(seed=0)
    count = 0
    draw = type(env.unwrapped)._render

    def counted(self, mode):
        nonlocal count
        count += 1
        return draw(self, mode)

    monkeypatch.setattr(type(env.unwrapped), "_render", counted)
    for _ in range(5):
        env.step(3)
    assert count == 5
    env.close()


def test_after_an_error_it_draws_again():
    env = FrameSkip(make(), FRAMES)
    env.reset(seed=0)
    with pytest.raises(gymnasium.error.InvalidAction):
        env.step(99)
    assert "_render" not in vars(env.unwrapped)
    env.close()


def test_where_somebody_looks_at_every_picture_every_picture_is_drawn():
    bare = make()
    assert can_leave_undrawn(bare)
    assert not can_leave_undrawn(GrayscaleObservation(bare))
    assert not can_leave_undrawn(PassiveEnvChecker(bare))
    assert not can_leave_undrawn(gymnasium.make("CartPole-v1"))
    bare.close()


def test_a_window_shows_every_picture(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    watched = make(render_mode="human")
    assert not can_leave_undrawn(watched)
    watched.close()
