import gymnasium
import numpy as np
import rlkit_envs  # noqa: F401
from hypothesis import given, settings
from hypothesis import strategies as st
from rlkit_envs.driving.sensors.birdview import OTHERS_GREY, STANDING, paint_box
from rlkit_envs.driving.traffic.behaviour import OTHER

WHITE = np.array([255], dtype=np.uint8)


def box(x, y, heading=0.0, length=4.5, width=1.6):
    one = np.zeros(1, OTHER)
    one["x"], one["y"], one["heading"], one["length"], one["width"] = x, y, heading, length, width
    return one[0]


@settings(max_examples=200)
@given(
    st.floats(-40.0, 40.0),
    st.floats(-40.0, 40.0),
    st.floats(-4.0, 4.0),
    st.floats(-4.0, 4.0),
    st.floats(0.2, 2.0),
    st.floats(1.0, 12.0),
    st.floats(1.0, 12.0),
)
def test_the_pixels_whose_middles_lie_in_the_box_are_painted(x, y, heading, eye_heading, scale, length, width):
    height, columns, eye_row, eye = 48, 64, 36.0, (3.0, -2.0)
    picture = np.zeros((height, columns, 1), np.uint8)
    paint_box(picture, 0, WHITE, scale, eye_row, *eye, eye_heading, box(x, y, heading, length, width))
    ahead = (eye_row - np.arange(height)[:, None] - 0.5) * scale
    left = (columns / 2 - np.arange(columns)[None] - 0.5) * scale
    dx = eye[0] + ahead * np.cos(eye_heading) - left * np.sin(eye_heading) - x
    dy = eye[1] + ahead * np.sin(eye_heading) + left * np.cos(eye_heading) - y
    along = np.abs(dx * np.cos(heading) + dy * np.sin(heading)) - length / 2
    aside = np.abs(dy * np.cos(heading) - dx * np.sin(heading)) - width / 2
    depth = np.maximum(along, aside)  # below 0 inside
    painted = picture[..., 0] == 255
    assert painted[depth < -1e-9].all()
    if (depth < -1e-9).any():
        assert not painted[depth > 1e-9].any()


def test_a_box_smaller_than_a_pixel_is_still_seen():
    picture = np.zeros((24, 24, 1), np.uint8)
    paint_box(picture, 0, WHITE, 2.0, 18.0, 0.0, 0.0, 0.0, box(9.0, 0.7, 0.0, 0.4, 0.4))
    assert picture[..., 0].sum() == 255
    assert picture[13, 11, 0] == 255


def test_only_the_channels_asked_for_are_painted():
    picture = np.zeros((24, 24, 5), np.uint8)
    colour = np.array([1, 2, 3], np.uint8)
    paint_box(picture, 1, colour, 1.0, 18.0, 0.0, 0.0, 0.0, box(5.0, 0.0))
    assert (picture[13, 12] == (0, 1, 2, 3, 0)).all()


def test_what_lies_outside_paints_nothing():
    picture = np.zeros((24, 24, 1), np.uint8)
    for x, y in ((100.0, 0.0), (-30.0, 0.0), (0.0, 40.0), (0.0, -40.0)):
        paint_box(picture, 0, WHITE, 1.0, 18.0, 0.0, 0.0, 0.0, box(x, y))
    assert picture.sum() == 0


def test_with_traffic_a_channel_shows_the_speeds_of_others():
    env = gymnasium.make("rlkit/DrivingTraffic-v0", split="test", sensors="birdview", obstacles=10).unwrapped
    assert env.observation_space["birdview"].shape == (32, 32, 2)
    seen = set()
    for seed in range(4):
        view = env.reset(seed=seed)[0]["birdview"]
        for _ in range(120):
            others = view[..., 1] > 0
            assert (view[others, 0] == OTHERS_GREY).all()
            assert (view[others, 1] >= STANDING).all()
            seen |= set(view[others, 1].tolist())
            view = env.step(env.expert_action())[0]["birdview"]
    assert STANDING in seen  # cones and stopped cars
    assert any(STANDING < value <= STANDING + (255 - STANDING) * 13.0 / 30.0 for value in seen)
