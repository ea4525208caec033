"""The environments against MinAtar's own Gymnasium environments."""

import importlib.util

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

minatar = pytest.importorskip("minatar", reason="MinAtar comes with the extra bench")

from rlkit_envs.minatar import ACTION_NAMES, GAMES, MinAtarEnv, register  # noqa: E402


@pytest.fixture(autouse=True)
def registered():
    before = dict(gymnasium.registry)
    register()
    yield
    gymnasium.registry.clear()
    gymnasium.registry.update(before)


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.filterwarnings("ignore:.*out of date:DeprecationWarning")
def test_a_game_equals_minatars_own(game, version):
    original_env = pytest.importorskip("minatar.gym").BaseEnv
    original = original_env(game, use_minimal_action_set=version == 1)
    ours = gymnasium.make(f"MinAtar/{game.title().replace('_', '')}-v{version}").unwrapped
    assert ours.observation_space == original.observation_space
    assert ours.action_space == original.action_space
    np.testing.assert_array_equal(ours.reset(seed=7)[0], original.reset(seed=7)[0])
    actions = np.random.default_rng(0)
    for _ in range(300):
        action = actions.integers(ours.action_space.n)
        (picture, *ours_rest), (expected, *expected_rest) = ours.step(action), original.step(action)
        np.testing.assert_array_equal(picture, expected)
        assert ours_rest == expected_rest
        if ours_rest[1]:
            break


@pytest.mark.parametrize("game", GAMES)
def test_an_episode_depends_only_on_its_seed_and_actions(game):
    shown = []
    for earlier in ([], [3, 3, 3]):
        env = MinAtarEnv(game, minimal_actions=False, sticky_action_prob=0.9)
        env.reset(seed=1)
        for action in earlier:
            env.step(action)
        env.reset(seed=2)
        shown.append(np.stack([env.step(action)[0] for action in (1, 1, 2, 4, 5, 0, 3, 3)]))
    np.testing.assert_array_equal(*shown)


def test_gymnasiums_environment_checker_passes():
    check_env(MinAtarEnv("breakout", render_mode="rgb_array"), skip_render_check=True)


def test_action_names_are_in_the_order_of_the_actions():
    assert MinAtarEnv("breakout").action_names == ("nothing", "left", "right")
    assert MinAtarEnv("freeway", minimal_actions=False).action_names == ACTION_NAMES


def test_the_rendered_image_shows_every_object():
    env = MinAtarEnv("breakout", render_mode="rgb_array")
    state, _ = env.reset(seed=0)
    picture = env.render()
    assert picture.shape == (160, 160, 3)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture[::16, ::16].any(axis=2), state.any(axis=2))


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError) as missing:
        register()
    assert missing.value.name == "minatar"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"game": "pong"}, "there is no game 'pong'"),
        ({"game": ["breakout"]}, "there is no game"),
        ({"sticky_action_prob": 1.5}, "sticky_action_prob should be from 0 to 1, not 1.5"),
        ({"sticky_action_prob": float("nan")}, "sticky_action_prob .* not nan"),
        ({"sticky_action_prob": "0.1"}, "sticky_action_prob .* not '0.1'"),
        ({"sticky_action_prob": None}, "sticky_action_prob .* not None"),
        ({"sticky_action_prob": True}, "sticky_action_prob .* not True"),
        ({"minimal_actions": 1}, "minimal_actions should be true or false, not 1"),
        ({"difficulty_ramping": "no"}, "difficulty_ramping should be true or false, not 'no'"),
    ],
)
def test_a_wrong_argument_is_named(arguments, said):
    with pytest.raises(ValueError, match=said):
        MinAtarEnv(**{"game": "breakout", **arguments})
