from typing import Any, ClassVar

import gymnasium
import pytest
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec

from rlkit.errors import UserError
from rlkit.making import check_render_mode, make_single, spec_metadata


class Picky(gymnasium.Env):
    observation_space = spaces.Box(-1, 1, (1,))
    action_space = spaces.Discrete(2)

    def __init__(self, speed=1, wind=0):
        if speed < 0:
            raise ValueError("speed is negative")


def refused(spec: EnvSpec, kwargs: dict[str, Any], said: str, exit_code: int) -> None:
    with pytest.raises(UserError, match=said) as caught:
        make_single(spec, kwargs)
    assert caught.value.exit_code == exit_code
    assert "\n" not in str(caught.value)


def test_an_unknown_argument_is_named_with_those_that_exist():
    refused(
        EnvSpec("Picky", entry_point=Picky),
        {"sped": 1},
        r"takes no argument 'sped'\. Did you mean speed\? It accepts: speed, wind, max_episode_steps",
        2,
    )


def test_what_a_constructor_raises_is_given_with_file_and_line():
    refused(
        EnvSpec("Picky", entry_point=Picky),
        {"speed": -1},
        r"could not be made: ValueError: speed is negative \(.*test_making\.py:\d+\)",
        1,
    )


def test_a_missing_package_is_named_with_the_line_to_type():
    def lacking(extra, **kwargs):
        raise gymnasium.error.DependencyNotInstalled(f'It is not installed, run `pip install "gymnasium[{extra}]"`')

    lacks = EnvSpec("Ant", entry_point=lacking)
    refused(lacks, {"extra": "mujoco"}, r'pip install "gymnasium\[mujoco\]"', 1)
    refused(lacks, {"extra": "box2d"}, r"missing: pip install box2d$", 1)  # and not another pygame
    refused(EnvSpec("Nowhere", entry_point="no_such_package.envs:Env"), {}, "pip install no_such_package", 1)


def test_a_render_mode_that_is_not_offered_is_refused():
    with pytest.raises(UserError, match="'rgb_array'; it offers: none"):
        check_render_mode(EnvSpec("Picky", entry_point=Picky), "rgb_array")


def test_a_window_needs_only_pictures():
    class Drawn(Picky):
        metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"]}

    check_render_mode(EnvSpec("D", entry_point=Drawn), "human")
    with pytest.raises(UserError, match="'ansi'; it offers: rgb_array"):
        check_render_mode(EnvSpec("D", entry_point=Drawn), "ansi")


def test_metadata_is_read_without_making_the_environment():
    class Expensive(Picky):
        metadata: ClassVar[dict[str, Any]] = {"training_kwargs": {"speed": 2}}

        def __init__(self):
            raise AssertionError

    assert spec_metadata(EnvSpec("E", entry_point=Expensive))["training_kwargs"] == {"speed": 2}
    assert "render_modes" in spec_metadata(EnvSpec("E", entry_point=lambda: Picky()))
