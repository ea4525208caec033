"""Whatever a file gives for a setting: it is taken, or refused in a short sentence before anything is made of it."""

import dataclasses

import pytest
from rlkit_envs.driving.config import DrivingConfig

NONSENSE = [
    *(float("nan"), float("inf"), -float("inf"), 1e308, -1, 10**400, -(10**400), 2**63),
    *(True, False, None, "", "abc", "1", "9" * 10**5),
    *([], [1], [1] * 10**5, [[1]], ["x"], [None, None], [True, True], [float("nan")] * 2, [10**400] * 2, {}, {"a": 1}),
]
# What looks like nonsense and is none.
MEANT = {
    "circuit": (None, "", "abc", "1", "9" * 10**5),
    "backwards": (True, False),
    "metres_per_pixel": (None, [1]),
    **dict.fromkeys(
        ("difficulty", "road_width", "start", "view_size", "weather", "grip", "reward_speed_cap", "max_episode_steps"),
        (None,),
    ),
}


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(DrivingConfig)])
def test_nonsense_is_refused_in_a_short_sentence(name):
    for value in NONSENSE:
        if any(type(value) is type(meant) and value == meant for meant in MEANT.get(name, ())):
            DrivingConfig(**{name: value})
            continue
        with pytest.raises(ValueError, match=name) as error:
            DrivingConfig(**{name: value})
        assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("num_circuits", 100_000),
        ("circuit", 2**63 - 1),
        ("view_size", 256),
        ("camera_size", (1024, 1024)),
        ("circuit_length", (300.0, 8000.0)),
        ("road_width", (6.0, 20.0)),
        ("lidar_beams", 1080),
        ("traffic", 64),
        ("obstacles", 64),
        ("max_episode_steps", 1_000_000),
    ],
)
def test_the_largest_of_everything_is_taken_and_no_more(name, most):
    DrivingConfig(**{name: most})
    more = tuple(number + 4 for number in most) if isinstance(most, tuple) else most + 4
    with pytest.raises(ValueError, match=name):
        DrivingConfig(**{name: more})
