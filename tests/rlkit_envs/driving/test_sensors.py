import gymnasium
import numpy as np
import pytest
import rlkit_envs  # noqa: F401


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
    assert picture[48].sum() / 255.0 * 0.5 == pytest.approx(10.0, abs=0.2)


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
    for band, value in zip((5, 32, 60), leaves["state"], strict=True):
        assert (picture[band, :, 2] == int(128 + 127 * value)).all()


def test_a_mirrored_circuit_driven_by_mirrored_actions_looks_mirrored(write_circuit):
    angles = np.linspace(0.0, 2.0 * np.pi, 200, endpoint=False)
    radius = 60.0 + 12.0 * np.cos(3.0 * angles)
    points = np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)
    envs = [
        make(circuit=write_circuit(points * side, name=name), start="line")
        for side, name in (((1, 1), "a"), ((1, -1), "b"))
    ]
    mirror = envs[0].metadata["mirror"]
    for env in envs:
        env.reset(seed=0)
    for action in [11, 11, 14, 8, 8, 2, 5, 7, 11, 10]:
        one, two = envs[0].step(action), envs[1].step(mirror["actions"][action])
        assert one[0]["state"] * mirror["state"] == pytest.approx(two[0]["state"], abs=1e-5)
        difference = one[0]["birdview"].astype(int) - two[0]["birdview"][:, ::-1]
        assert np.abs(difference).mean() < 2.0  # the raster's cells lie differently under the two roads
        assert one[1] == pytest.approx(two[1], abs=1e-5)
