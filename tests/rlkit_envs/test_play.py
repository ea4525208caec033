"""`gymnasium.utils.play` with every shipped id: keys are pressed, actions follow, the window is closed."""

import warnings

import gymnasium
import numpy as np
import pytest
import rlkit_envs  # noqa: F401
from rlkit_envs import atari, minatar
from rlkit_envs.utils import KEYS, NO_KEY

OPTIONAL = {"ALE/Pong-v5": (atari, "ale_py"), "MinAtar/Breakout-v0": (minatar, "minatar")}
OPTIONAL |= {"MinAtar/SpaceInvaders-v1": (minatar, "minatar")}
SHIPPED = sorted(name for name in gymnasium.registry if name.startswith("rlkit/"))
PRESSED = (), ("left",), ("left", "up"), ("left", "right"), ("up", "down"), ("right", "down"), ("fire",)


def played(env, monkeypatch):
    """Actions that `play` takes while the keys of `PRESSED` are held, one combination per step, until QUIT."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of matplotlib's backends
        play = pytest.importorskip("gymnasium.utils.play", reason="pygame is not installed")
    import pygame

    actions = []

    def script(before, after, action, *rest):
        actions.append(action)
        if len(actions) == len(PRESSED):
            pygame.event.post(pygame.event.Event(pygame.QUIT))
            return
        for name in PRESSED[len(actions) - 1]:
            pygame.event.post(pygame.event.Event(pygame.KEYUP, key=KEYS[name]))
        for name in PRESSED[len(actions)]:
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=KEYS[name]))

    play.play(env, fps=1000, callback=script, seed=0)
    return actions


@pytest.mark.parametrize("name", [*SHIPPED, *OPTIONAL])
def test_every_id_is_played(name, monkeypatch):
    if name in OPTIONAL:
        module, package = OPTIONAL[name]
        pytest.importorskip(package)
        module.register()
    env = gymnasium.make(name, render_mode="rgb_array")
    actions = played(env, monkeypatch)
    assert len(actions) == len(PRESSED)
    assert all(action in env.action_space for action in actions)
    np.testing.assert_array_equal(actions[0], env.get_wrapper_attr("get_keys_to_action")()[NO_KEY])
    env.close()


def test_opposite_arrows_of_a_car_cancel(monkeypatch):
    env = gymnasium.make("rlkit/Driving-v0", render_mode="rgb_array")
    taken = [env.unwrapped.action_names[action] for action in played(env, monkeypatch)]
    expected = ["straight coast", "hard left coast", "hard left accelerate", "straight coast", "straight coast"]
    assert taken == [*expected, "hard right brake", "straight coast"]


@pytest.mark.parametrize(
    ("name", "keys", "action"),
    [
        ("rlkit/DrivingContinuous-v0", ("left", "up"), (1.0, 1.0)),
        ("rlkit/DrivingContinuous-v0", (), (0.0, 0.0)),
        ("rlkit/CarRacing-v0", ("left", "up"), (-1.0, 1.0, 0.0)),
        ("rlkit/CarRacing-v0", ("right", "down"), (1.0, 0.0, 1.0)),
    ],
)
def test_keys_of_continuous_actions(name, keys, action):
    for env in (gymnasium.make(name).unwrapped, gymnasium.make_vec(name, 2).unwrapped):
        mapping = env.get_keys_to_action()
        np.testing.assert_array_equal(mapping[tuple(sorted(KEYS[one] for one in keys)) or NO_KEY], action)
        assert len(env.gamepad_axes) == len(action)
