import gymnasium
import numpy as np
import pytest
import rlkit_envs  # noqa: F401

GREY, MEADOW, LIGHT, RED_PAINT = (102, 102, 102), (102, 204, 102), (102, 230, 102), (204, 0, 0)


def seen(circuit, frames=60, action=0, **kwargs):
    """The environment after some frames, and its picture as integers."""
    env = gymnasium.make("rlkit/CarRacing-v0", continuous=False, circuit=circuit, split="test", **kwargs).unwrapped
    picture = env.reset(seed=0)[0]
    for _ in range(frames):
        picture = env.step(action)[0]
    return env, picture.astype(int)


def is_colour(picture, colour):
    return (np.abs(picture - colour) <= 6).all(axis=-1)


def test_road_is_grey_car_red_and_grass_green_with_lighter_squares(circle):
    _, picture = seen(circle)
    assert is_colour(picture[76, 50], GREY)
    assert is_colour(picture[70:74, 46:50], RED_PAINT).any()
    grass = picture[:84, 70:]
    assert 0.1 < is_colour(grass, LIGHT).mean() < 0.5
    assert is_colour(grass, MEADOW).mean() > 0.4


def test_a_pixel_is_064_metres_wide(circle):
    _, picture = seen(circle)  # road of 10 m
    row = is_colour(picture[78], GREY)
    assert row.sum() * 1000.0 / 96.0 / 16.2 == pytest.approx(10.0, abs=0.7)


def test_the_view_zooms_in_from_the_whole_field_in_the_first_second(circle):
    _, first = seen(circle, frames=0)
    _, later = seen(circle, frames=60)
    assert is_colour(first[:84], (0, 0, 0)).mean() > 0.5  # beyond the field
    assert is_colour(first[:84], GREY).sum() < 0.5 * is_colour(later[:84], GREY).sum()
    assert not is_colour(later[:84], (0, 0, 0)).any()


def test_instruments_show_speed_and_steering(circle):
    _, still = seen(circle)
    _, fast = seen(circle, action=3)
    _, turning = seen(circle, frames=70, action=2)
    white = [picture[84:, 12:15].sum() for picture in (still, fast)]
    assert white[1] > white[0] + 500
    green = turning[84:, :, 1] - turning[84:, :, 0]
    assert green[:, 40:48].max() > 200  # left of the middle: to the left
    assert green[:, 49:70].max() <= 0


def test_colours_of_another_weather_replace_those_of_the_original(circle):
    _, plain = seen(circle)
    _, snowy = seen(circle, weather="snow")
    assert np.abs(plain - snowy)[:84].mean() > 20.0


def test_other_cars_are_drawn(circle):
    _, alone = seen(circle)
    _, busy = seen(circle, obstacles=40)
    assert np.abs(alone - busy)[:84].max() > 60
