"""The mirrors that the shipped environments declare, compared with the environments."""

import pytest

from rlkit.env.config import EnvConfig
from rlkit.env.registry import find_spec
from rlkit.env_checker.declarations import declared_mirror
from rlkit.env_checker.runner import examine
from rlkit.env_checker.subject import Subject
from rlkit.env_checker.symmetry import compare_with_mirror

DRIVING, CAMERA, TRAFFIC, RACE, RACING = (
    f"rlkit/{name}-v0" for name in ("Driving", "DrivingCamera", "DrivingTraffic", "DrivingRace", "CarRacing")
)


def subject(name, **kwargs):
    return Subject(find_spec(name), {"num_circuits": 2, **kwargs}, 1)


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [
        (DRIVING, {}),
        (DRIVING, {"sensors": "birdview,state,preview"}),
        (DRIVING, {"observation": "picture"}),
        (DRIVING, {"observation": "picture", "birdview": "colour", "weather": "all"}),
        (DRIVING, {"observation": "picture", "sensors": "camera,state", "camera_size": (48, 64)}),
        (CAMERA, {"camera_size": (48, 64), "weather": "storm"}),
        (TRAFFIC, {}),
        (TRAFFIC, {"sensors": "camera,segmentation,boxes,state", "camera_size": (48, 64)}),
        (RACE, {}),
        (RACING, {"continuous": False}),
        (RACING, {"continuous": False, "sensors": "birdview,state"}),
    ],
)
def test_the_declared_mirror_of_driving_is_correct(name, kwargs):
    checked = subject(name, **kwargs)
    env = checked.make()
    assert declared_mirror(checked, env) is not None
    env.close()
    compare_with_mirror(checked)
    assert checked.issues == {}


@pytest.mark.parametrize(
    ("name", "kwargs"), [(DRIVING, {"sensors": "lidar"}), (DRIVING, {"actions": "continuous"}), (RACING, {})]
)
def test_without_a_declared_mirror_nothing_is_compared(name, kwargs):
    checked = subject(name, **kwargs)
    env = checked.make()
    assert declared_mirror(checked, env) is None
    env.close()
    compare_with_mirror(checked)
    assert checked.issues == {}


def test_a_wrong_mirror_is_found_in_driving(monkeypatch):
    from rlkit_envs.driving.spaces import _MIRROR_SIGNS

    monkeypatch.setitem(_MIRROR_SIGNS, "state", (1.0, -1.0, 1.0))
    report = examine(EnvConfig(DRIVING, {"num_circuits": 2}), 100, timed=False)
    (issue,) = report.issues
    assert issue.name == "mirror-differs"
    assert "observation 'state': 33.3 % of the values differ" in issue.message
