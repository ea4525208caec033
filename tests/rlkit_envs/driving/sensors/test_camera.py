import gymnasium
import numpy as np
import pytest
import rlkit_envs  # noqa: F401
from rlkit_envs.driving.sensors.camera import Camera
from rlkit_envs.driving.weather.palette import CLASSES, DRIVABLE
from rlkit_envs.driving.weather.presets import HELD_OUT_WEATHERS, TRAINING_WEATHERS, WEATHERS, presets


def make(**kwargs):
    return gymnasium.make("rlkit/DrivingCamera-v0", **kwargs).unwrapped


def share(labels, name):
    return (labels == CLASSES.index(name)).mean()


@pytest.fixture(scope="module")
def views():
    """Camera and segmentation of the same place in every weather."""
    return {weather: make(weather=weather, start="line").reset(seed=4)[0] for weather in WEATHERS}


def test_rows_below_the_horizon_show_the_ground_ever_nearer():
    rows = Camera().rows()
    ground = rows[rows["ahead"] > 0.0]
    assert 40 < len(ground) < 70
    assert (np.diff(ground["ahead"]) < 0.0).all()
    assert (np.diff(ground["level"]) <= 0).all()
    assert (rows["ahead"][: 96 - len(ground)] == 0.0).all()


def test_a_point_on_the_ground_is_drawn_where_a_pinhole_projects_it(circle):
    # On a circle of 50 m the road's middle line curves to the left; find the white border to the right of the car.
    env = make(circuit=circle, start="line", weather="clear", camera_size=(192, 256))
    labels = env.reset(seed=0)[0]["segmentation"]
    camera = env.episodes.config.make_sensors().camera
    drivable = np.isin(labels, [CLASSES.index(name) for name in DRIVABLE])
    for row in (120, 140, 160):
        slope = (row + 0.5 - 96.0) / camera.focal_length
        depth = camera.mount_height / (np.sin(camera.pitch) + slope * np.cos(camera.pitch))
        ahead = depth * (np.cos(camera.pitch) - slope * np.sin(camera.pitch)) + camera.mount_ahead
        # The car stands at (50, 0) and looks along y: the outer border is the circle of 55 m.
        border = np.sqrt(55.0**2 - ahead**2) - 50.0
        column = 127.5 + border / depth * camera.focal_length
        if column < 250:
            assert drivable[row, int(column) - 3]
            assert not drivable[row, int(column) + 4]


def test_every_pixel_has_a_class_and_the_usual_ones_are_all_there(views):
    labels = views["clear"]["segmentation"]
    assert labels.max() < len(CLASSES)
    assert 0.2 < share(labels, "sky") < 0.5
    assert share(labels, "road") > 0.2
    assert share(labels, "grass") > 0.05
    assert share(labels, "tree") > 0.0
    assert (labels[-1, 60:68] == CLASSES.index("road")).mean() > 0.5


def test_weather_changes_the_picture_and_not_the_labels(views):
    for weather, seen in views.items():
        assert np.array_equal(seen["segmentation"], views["clear"]["segmentation"]), weather
        if weather != "clear":
            assert np.abs(seen["camera"].astype(int) - views["clear"]["camera"]).mean() > 8.0, weather


def test_night_is_dark_but_for_what_the_headlights_light(views):
    night, clear = views["night"]["camera"].mean(axis=2), views["clear"]["camera"].mean(axis=2)
    assert night[:30].mean() < 0.25 * clear[:30].mean()
    assert night[75:90, 40:88].mean() > 1.5 * night[75:90, :6].mean()
    assert night[75:90, 40:88].mean() > 5.0 * night[:30].mean()


def test_fog_hides_what_is_far_and_not_what_is_near(views):
    grey = 255.0 * presets()["fog"]["horizon"]
    away = np.abs(views["fog"]["camera"] - grey).mean(axis=(1, 2))  # row by row, from what fog looks like
    ground = np.flatnonzero(Camera().rows()["ahead"] > 0.0)
    assert away[ground[:3]].mean() < 0.4 * away[ground[-20:]].mean()
    assert np.corrcoef(ground, away[ground])[0, 1] > 0.7


def test_trees_further_away_are_drawn_first():
    # The class of each pixel is that of the nearest thing: a car right ahead covers whatever is behind it.
    env = make(traffic=1, weather="clear", start="line")
    env.reset(seed=4)
    state = env.get_state()
    x, y, heading = (state["car"][name] for name in ("x", "y", "heading"))
    for distance in (6.0, 20.0):
        state["others"][0] |= {
            "x": x + distance * np.cos(heading),
            "y": y + distance * np.sin(heading),
            "heading": heading,
        }
        env.set_state(state)
        labels = env.episodes.observe()["segmentation"][0]
        vehicle = labels == CLASSES.index("vehicle")
        middle = slice(62, 66)
        rows = np.flatnonzero(vehicle[:, middle].all(axis=1))
        assert len(rows) > 0.8 * 91.0 * 1.2 / distance
        assert (np.diff(rows) == 1).all()


def test_the_same_seed_gives_the_same_pictures_and_another_seed_others():
    one, two, other = (make().reset(seed=seed)[0]["camera"] for seed in (6, 6, 7))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_rain_moves_from_step_to_step():
    env = make(weather="storm", start="line")
    first = env.reset(seed=1)[0]["camera"]
    second = env.step(7)[0]["camera"]  # straight on, coasting from a standstill: the car does not move
    assert (first != second).mean() > 0.05


def test_training_and_held_out_weathers_are_disjoint_and_follow_the_split():
    assert not set(TRAINING_WEATHERS) & set(HELD_OUT_WEATHERS)
    train, test = make(split="train"), make(split="test")
    assert train.episodes.config.weather_source == "train"
    assert test.episodes.config.weather_source == "held-out"


def test_arguments_of_the_camera_are_checked():
    for kwargs, word in (
        ({"camera_size": (96, 126)}, "multiple of 4"),
        ({"camera_size": 96}, "camera_size"),
        ({"camera_pitch": 2.0}, "camera_pitch"),
        ({"camera_height": 0.0}, "camera_height"),
        ({"weather": "hail"}, "weather"),
        ({"sensors": "sonar"}, "sensors"),
        ({"sensors": ""}, "sensors"),
        ({"sensors": ("camera", "camera")}, "once"),
        ({"observation": "picture", "sensors": "state"}, "picture"),
    ):
        with pytest.raises(ValueError, match=word):
            make(**kwargs)
