from pathlib import Path

import gymnasium
import numpy as np
import pygame
import pytest
import rlkit_envs  # noqa: F401

from rlkit.env.registry import find_spec
from rlkit.errors import UserError
from rlkit.viewer.controls import Controls, Gamepad

FILE = Path(__file__).with_name("drift.py")
LEFT, RIGHT, UP, DOWN = pygame.K_LEFT, pygame.K_RIGHT, pygame.K_UP, pygame.K_DOWN


def make(kind: str) -> gymnasium.Env:
    return gymnasium.make(find_spec(f"{FILE}:{kind}"), disable_env_checker=True)


def controls_for(keys: dict, space: gymnasium.Space | None = None) -> Controls:
    env = make("Drift").unwrapped
    env.get_keys_to_action = lambda: keys
    env.action_space = space or env.action_space
    return Controls(env)


class Pad:
    """A gamepad with sticks at (left_x, left_y), triggers and a cross."""

    def __init__(self, left_x=0.0, left_y=0.0, brake=0.0, gas=0.0, cross=(0, 0), buttons=()):
        self.axes = [left_x, left_y, brake, 0.0, 0.0, gas]
        self.cross, self.buttons = cross, buttons

    def get_axis(self, number):
        return self.axes[number]

    def get_numaxes(self):
        return len(self.axes)

    def get_button(self, number):
        return number in self.buttons

    def get_numbuttons(self):
        return 8

    def get_hat(self, number):
        return self.cross

    def get_numhats(self):
        return 1


@pytest.mark.parametrize(
    ("held", "action"),
    [((), 0), ((LEFT,), 1), ((RIGHT,), 2), ((pygame.K_a,), 1), ((pygame.K_d,), 2), ((LEFT, RIGHT), 0),
     ((LEFT, pygame.K_d), 0), ((LEFT, pygame.K_x), 1), ((UP,), 0), ((pygame.K_LSHIFT,), 0)],
)  # fmt: skip
def test_held_keys_select_an_action(held, action):
    assert Controls(make("Drift")).action(set(held)) == action


@pytest.mark.parametrize(
    ("held", "action"),
    [((UP,), 10), ((UP, LEFT), 11), ((UP, LEFT, DOWN), 12), ((LEFT, DOWN), 13), ((DOWN,), 0), ((), 0)],
)
def test_combinations_count_before_single_keys(held, action):
    keys = {(UP,): 10, (LEFT, UP): 11, (LEFT,): 12, (DOWN, LEFT): 13}
    assert controls_for(keys).action(set(held)) == action


def test_letters_and_names_are_keys_too():
    controls = controls_for({"w": 1, ("a", "w"): 2, ("space",): 3})
    assert [controls.action(held) for held in ({ord("w")}, {ord("w"), ord("a")}, {pygame.K_SPACE}, set())] == [
        1,
        2,
        3,
        0,
    ]
    assert controls.codes == {
        ord("w"),
        ord("a"),
        pygame.K_SPACE,
    }  # W is the game's own here and stands for nothing else


@pytest.mark.parametrize("none", ["", ()])
def test_the_action_without_any_key_has_two_spellings(none):
    controls = controls_for({none: 2, "a": 1})
    assert [controls.action(held) for held in (set(), {ord("a")}, {pygame.K_x})] == [2, 1, 2]


@pytest.mark.parametrize("kwargs", [{}, {"continuous": False}])
def test_car_racing_has_keys(kwargs):
    env = gymnasium.make("rlkit/CarRacing-v0", **kwargs)
    assert Controls(env).action({LEFT, RIGHT, UP}) in env.action_space


def test_unknown_names_of_keys_are_refused():
    with pytest.raises(UserError, match="'flap'"):
        controls_for({("flap",): 1})


def test_actions_may_be_numbers():
    space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
    controls = controls_for({(LEFT,): np.array([1.0, 0.0])}, space)
    assert controls.action({LEFT}).tolist() == [1.0, 0.0]
    assert controls.action(set()).tolist() == [0.0, 0.0]


def test_an_environment_without_keys_is_refused_with_what_to_add():
    with pytest.raises(UserError, match=r"get_keys_to_action\(\)"):
        Controls(make("Mute"))


def test_sticks_are_keys_where_actions_are_not_numbers():
    controls = Controls(make("Drift"))
    pads = [Pad(left_x=-0.9), Pad(left_x=0.6), Pad(left_x=0.2), Pad(cross=(1, 0)), Pad(cross=(-1, 0))]
    assert [controls.action(set(), Gamepad(pad)) for pad in pads] == [1, 2, 0, 2, 1]
    assert controls.action({RIGHT}, Gamepad(Pad(left_x=-0.9))) == 2  # keys override sticks


def test_sticks_are_numbers_where_actions_are():
    controls = Controls(make("Sticks"))
    pad = Pad(left_x=-1.0, brake=-1.0, gas=1.0)
    assert controls.action(set(), Gamepad(pad)).tolist() == [1.0, 1.0]
    pad.axes[0], pad.axes[5], pad.axes[2] = 0.05, -1.0, 0.0
    steering, pedal = controls.action(set(), Gamepad(pad))
    assert steering == 0.0  # a stick never rests quite in its middle
    assert pedal == 0.0 or pedal < 0.0
    assert controls.action(set()).tolist() == [0.0, 0.0]


def test_a_trigger_that_was_never_moved_is_at_rest():
    pad = Pad()
    gamepad = Gamepad(pad)
    assert gamepad.axis("right_trigger") == 0.0  # SDL says 0, which would be half way
    pad.axes[5] = -1.0
    assert gamepad.axis("right_trigger") == 0.0
    pad.axes[5] = 1.0
    assert gamepad.axis("right_trigger") == 1.0


@pytest.mark.parametrize("axes", [({"left_x": 1.0},), ({"left_x": 1.0}, {"lever": 1.0})])
def test_axes_that_do_not_fit_are_refused(axes):
    env = make("Sticks").unwrapped
    env.gamepad_axes = axes
    with pytest.raises(UserError, match="gamepad_axes"):
        Controls(env)


def test_driving_is_played_with_arrows():
    env = gymnasium.make(find_spec("rlkit/Driving-v0"), disable_env_checker=True)
    controls, names = Controls(env), env.unwrapped.action_names
    held = ({}, {UP}, {LEFT, DOWN}, {pygame.K_d, pygame.K_w})
    expected = ["straight coast", "straight accelerate", "hard left brake", "hard right accelerate"]
    assert [names[controls.action(set(keys))] for keys in held] == expected
    assert controls.description == "↑ ← ↓ →  or  WASD"
