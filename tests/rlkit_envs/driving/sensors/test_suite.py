import gymnasium
import numpy as np
import pytest
import rlkit_envs  # noqa: F401
from rlkit_envs.driving.sensors.suite import paint_gauges


def make(**kwargs):
    return gymnasium.make("rlkit/Driving-v0", **kwargs).unwrapped


def test_the_road_ahead_is_above_the_car(circle):
    env = make(circuit=circle, start="line", metres_per_pixel=1.0, view_size=64)
    picture = env.reset(seed=0)[0]["birdview"][..., 0]
    car = (48, 32)
    assert picture[car] == 255
    assert picture[car[0] - 15, car[1]] == 255
    # The circle bends to the left by 22² / 100 = 4.8 m over 22 m, so the road leaves the middle to the left.
    assert picture[car[0] - 30, car[1] - 10] == 255
    assert picture[car[0] - 30, car[1] + 6] == 0


def test_the_road_is_as_wide_as_in_the_file(circle):
    env = make(circuit=circle, start="line", metres_per_pixel=0.5, view_size=64)
    picture = env.reset(seed=0)[0]["birdview"][..., 0]
    assert picture[48].sum() / 255.0 * 0.5 == pytest.approx(10.0, abs=0.3)


def test_scales_are_channels_of_the_same_scene(circle):
    both = make(circuit=circle, start="line", metres_per_pixel=(0.5, 2.0)).reset(seed=0)[0]["birdview"]
    near = make(circuit=circle, start="line", metres_per_pixel=0.5).reset(seed=0)[0]["birdview"]
    far = make(circuit=circle, start="line", metres_per_pixel=2.0).reset(seed=0)[0]["birdview"]
    assert np.array_equal(both, np.concatenate([near, far], axis=-1))


def test_a_coarse_view_is_softly_filtered(circle):
    picture = make(circuit=circle, start="line").reset(seed=0)[0]["birdview"]
    between = (picture > 20) & (picture < 235)
    assert between.mean() > 0.5 * (picture >= 235).mean()


def test_speed_steering_and_yaw_rate_are_shares_of_their_scales(circle):
    env = make(circuit=circle, start="line")
    env.reset(seed=0)
    for _ in range(8):
        state = env.step(env.action_names.index("left accelerate"))[0]["state"]
    car = env.episodes.simulator.cars[0]
    assert state == pytest.approx([car["speed"] / 50.0, car["steering"] / 0.45, car["yaw_rate"] / 1.5], abs=1e-6)
    assert (state > 0.0).all()


def test_the_picture_alone_shows_the_same_in_a_channel_of_its_own(circle):
    arguments = {"circuit": circle, "start": "line", "view_size": 64, "metres_per_pixel": (1.0, 2.0)}
    alone, named = make(observation="picture", **arguments), make(**arguments)
    alone.reset(seed=0)
    named.reset(seed=0)
    for _ in range(15):
        picture = alone.step(14)[0]
        leaves = named.step(14)[0]
    assert np.array_equal(picture[..., :2], leaves["birdview"])
    speed, steering, yaw_rate = leaves["state"]
    assert speed > 0.0
    assert steering > 0.0
    assert (picture[5, :, 2] == int(128 + 127 * speed)).all()
    for row, value in ((32, steering), (60, yaw_rate)):
        assert (picture[row, :32, 2] == int(128 + 127 * value)).all()
        assert (picture[row, 32:, 2] == int(128 - 127 * value)).all()


@pytest.mark.parametrize("width", [24, 25])
def test_gauges_show_how_much_to_which_side(width):
    """128 stands for zero, 255 for 1, 1 for -1."""
    states = np.array([[0.5, 1.0, -0.5], [-0.5, -1.0, 0.5], [0.0, 0.0, 0.0]], np.float32)
    pictures = np.full((3, 9, width), 77, np.uint8)
    paint_gauges(pictures, states)
    half = width // 2
    assert pictures[:, 0, 0].tolist() == pictures[:, 2, half].tolist() == pictures[:, 0, -1].tolist() == [191, 64, 128]
    assert pictures[:, 3, 0].tolist() == pictures[:, 5, half - 1].tolist() == [255, 1, 128]
    assert pictures[:, 3, -1].tolist() == pictures[:, 5, width - half].tolist() == [1, 255, 128]
    assert pictures[:, 6, 0].tolist() == [64, 191, 128]
    assert pictures[:, 8, -1].tolist() == [191, 64, 128]
    mirrored = np.zeros_like(pictures)
    paint_gauges(mirrored, states * np.float32([1.0, -1.0, -1.0]))
    assert np.array_equal(mirrored, pictures[:, :, ::-1])


def test_sensors_come_under_their_names_in_the_order_asked_for():
    env = make(sensors="lidar, camera,state")
    seen = env.reset(seed=0)[0]
    assert list(seen) == ["lidar", "camera", "state"]
    assert env.observation_space.contains(seen)


def test_the_classes_of_a_birds_view_are_road_where_the_road_view_is_white():
    arguments = {"view_size": 64, "metres_per_pixel": 0.5, "start": "line"}
    road = make(**arguments).reset(seed=3)[0]["birdview"][..., 0]
    env = make(birdview="classes", **arguments)
    classes = env.reset(seed=3)[0]["birdview"][..., 0]
    drivable = np.isin(classes, [env.metadata["classes"].index(name) for name in env.metadata["drivable"]])
    assert drivable[road == 255].mean() > 0.98
    assert drivable[road == 0].mean() < 0.02


def test_a_birds_view_in_colour_shows_the_weather():
    arguments = {"birdview": "colour", "view_size": 64, "metres_per_pixel": 0.5, "observation": "picture"}
    clear, snow = (
        make(sensors="birdview", weather=weather, **arguments).reset(seed=1)[0] for weather in ("clear", "snow")
    )
    assert clear.shape == (64, 64, 3)
    assert snow.mean() > clear.mean() + 40.0


def test_a_camera_alone_can_be_the_picture():
    env = make(observation="picture", sensors="camera")
    assert env.observation_space.shape == (96, 128, 3)
    named = make(sensors="camera").reset(seed=5)[0]["camera"]
    assert np.array_equal(env.reset(seed=5)[0], named)


def test_traffic_is_seen_by_every_sensor(circle):
    def look(**kwargs):
        sensors = "birdview,camera,segmentation,lidar"
        env = make(circuit=circle, start="line", sensors=sensors, weather="clear", **kwargs)
        env.reset(seed=2)
        state = env.get_state()
        x, y, heading = (state["car"][name] for name in ("x", "y", "heading"))
        for other in state["others"]:
            other |= {"x": x + 12.0 * np.cos(heading), "y": y + 12.0 * np.sin(heading), "heading": heading}
        env.set_state(state)
        return {name: rows[0] for name, rows in env.episodes.observe().items()}

    empty, busy = look(), look(traffic=1)
    assert (busy["segmentation"] == 7).sum() > 100
    assert (busy["camera"] != empty["camera"])[busy["segmentation"] == 7].mean() > 0.8
    assert (busy["birdview"] != empty["birdview"]).any()
    assert busy["lidar"][9] == pytest.approx(12.0 - 2.1, abs=0.5)
    assert empty["lidar"][9] > 15.0


@pytest.mark.parametrize("sensors", ["birdview", "camera,segmentation", "lidar", "preview,state"])
def test_each_car_of_a_batch_sees_what_it_would_see_alone(sensors):
    kwargs = {"sensors": sensors, "traffic": 3, "obstacles": 2, "split": "test"}
    batch = gymnasium.make_vec(
        "rlkit/Driving-v0", num_envs=3, vectorization_mode="vector_entry_point", num_threads=2, **kwargs
    )
    seeds = [4, 9, 11]
    together = batch.reset(seed=seeds)[0]
    alone = [make(**kwargs) for _ in seeds]
    apart = [env.reset(seed=seed)[0] for env, seed in zip(alone, seeds, strict=True)]
    actions = np.random.default_rng(0).choice([8, 11, 2, 10], size=(12, 3))
    for step in range(13):
        for name, rows in together.items():
            for row, single in zip(rows, apart, strict=True):
                assert np.array_equal(row, single[name]), (name, step)
        if step < 12:
            together = batch.step(actions[step])[0]
            apart = [env.step(action)[0] for env, action in zip(alone, actions[step], strict=True)]
