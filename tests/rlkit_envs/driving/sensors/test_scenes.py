"""What a camera sees in streets: through the environments."""

import gymnasium
import numpy as np
import pytest
import rlkit_envs  # noqa: F401
from rlkit_envs.driving.sensors.camera import Camera
from rlkit_envs.driving.sensors.views import VIEWS, random_views
from rlkit_envs.driving.weather.palette import CLASSES, STREET_CLASSES

KWARGS = {"camera_size": (48, 64), "num_circuits": 2, "circuit_length": (400.0, 420.0)}
SEEDS = [3, 8, 9]


def make_vector(scenes="street", **kwargs):
    return gymnasium.make_vec(
        "rlkit/DrivingCamera-v0",
        num_envs=len(SEEDS),
        vectorization_mode="vector_entry_point",
        scenes=scenes,
        **KWARGS | kwargs,
    )


@pytest.fixture(scope="module")
def seen():
    env = make_vector()
    first = env.reset(seed=SEEDS)[0]
    second = env.step(np.full(len(SEEDS), 8))[0]
    return env, first, second


def test_streets_have_pavements_and_buildings_beside_the_road(seen):
    env, first, _ = seen
    assert env.metadata["classes"] == STREET_CLASSES
    assert set(env.metadata["drivable"]) == {"road", "line", "kerb"}  # kerb stones belong to the pavement
    shares = np.bincount(first["segmentation"].ravel(), minlength=len(STREET_CLASSES)) / first["segmentation"].size
    by_name = dict(zip(STREET_CLASSES, shares, strict=True))
    assert by_name["road"] > 0.15
    assert by_name["pavement"] > 0.01
    assert by_name["building"] > 0.05
    assert by_name["kerb"] == by_name["gravel"] == 0.0


def test_a_single_environment_gives_the_pictures_of_a_vector_environment(seen):
    _, first, second = seen
    for i, seed in enumerate(SEEDS[:2]):
        env = gymnasium.make("rlkit/DrivingCamera-v0", scenes="street", **KWARGS).unwrapped
        for expected, obtained in ((first, env.reset(seed=seed)[0]), (second, env.step(8)[0])):
            for name in ("camera", "segmentation"):
                assert np.array_equal(obtained[name], expected[name][i])


def test_labels_do_not_depend_on_whether_the_picture_is_wanted(seen):
    _, first, _ = seen
    labels = make_vector(sensors="segmentation,state").reset(seed=SEEDS)[0]["segmentation"]
    assert np.array_equal(labels, first["segmentation"])


def test_a_restored_state_shows_the_same_picture(seen):
    env, _, second = seen
    other = make_vector()
    other.reset(seed=[0, 1, 2])
    other.set_state(env.get_state())
    assert np.array_equal(other.episodes.observe()["camera"], second["camera"])


def test_mixed_scenes_are_streets_and_tracks():
    env = make_vector("mixed", num_circuits=4)
    env.reset(seed=SEEDS, options={"circuit": [0, 1, 2]})
    assert [env.episodes.simulator.circuit_of(i).is_street for i in range(3)] == [False, True, False]
    assert env.metadata["classes"] == STREET_CLASSES


def test_tracks_have_the_usual_classes_and_camera():
    env = gymnasium.make("rlkit/DrivingCamera-v0", **KWARGS).unwrapped
    assert env.metadata["classes"] == CLASSES
    assert env.metadata["camera"]["pitch"] == Camera.pitch
    assert "camera" not in make_vector().metadata  # another one in every episode


def test_a_camera_is_another_one_in_every_view():
    views = random_views(Camera(48, 64))
    assert len(views.geometry) == VIEWS
    assert len(np.unique(views.geometry["focal"])) == VIEWS
    assert views.geometry["mount_height"].min() > 1.0
    assert views.vignette.min() > 100
    assert (np.diff(views.curves.astype(int), axis=2) >= 0).all()


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"scenes": "village"}, "'track', 'street', 'mixed'"),
        ({"sensors": "camera,boxes"}, "parked cars"),
        ({"sensors": "birdview,state"}, "add 'camera'"),
        ({"sensors": "camera,birdview", "birdview": "classes"}, "birdview='classes' has no pavements"),
        ({"road_width": (7.0, 9.0)}, "road_width"),
    ],
)
def test_what_has_no_streets_is_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        gymnasium.make("rlkit/DrivingCamera-v0", **{"scenes": "street"} | kwargs)


def test_streets_are_not_mirrored():
    env = make_vector()
    assert "mirror" not in env.metadata
    with pytest.raises(ValueError, match="cannot be mirrored"):
        env.reset(seed=1, options={"mirrored": True})
