import colorsys

import numpy as np
import pytest

from rlkit.segmentation.transforms.colour import LUMA, Colours, apply_colours, draw_colours


def changed(images, seed=0, **strengths):
    images = images.copy()
    apply_colours(images, draw_colours(images, np.random.default_rng(seed), **strengths))
    return images


@pytest.fixture
def images():
    return np.random.default_rng(5).integers(60, 180, size=(40, 8, 8, 3), dtype=np.uint8)


def test_no_strength_changes_nothing(images):
    assert np.abs(changed(images).astype(int) - images).max() == 0


def test_brightness_multiplies_every_channel_by_the_same_factor(images):
    ratios = changed(images, brightness=0.3).astype(float) / images
    means = ratios.mean(axis=(1, 2, 3))
    assert 1 / 1.31 < means.min() < 0.9
    assert 1.1 < means.max() < 1.31
    assert np.abs(ratios - means[:, None, None, None]).max() < 0.02


def test_contrast_keeps_the_mean(images):
    result = changed(images, contrast=0.3)
    sample = images[:, ::4, ::4].reshape(40, -1, 3).mean(axis=1) @ LUMA
    moved = result[:, ::4, ::4].reshape(40, -1, 3).mean(axis=1) @ LUMA
    assert moved == pytest.approx(sample, abs=1.0)
    spread = result.std(axis=(1, 2, 3)) / images.std(axis=(1, 2, 3))
    assert spread.min() < 0.9 < 1.1 < spread.max()


def test_saturation_leaves_grey_as_it_is_and_brightness_too(images):
    grey = np.repeat(images[..., :1], 3, axis=-1)
    assert np.abs(changed(grey, saturation=0.8).astype(int) - grey).max() <= 1
    assert np.abs((changed(images, saturation=0.3) - images.astype(float)) @ LUMA).max() < 1.5


def test_hue_rotates_colours_around_the_grey_axis():
    red = np.full((30, 2, 2, 3), (150, 90, 90), np.uint8)
    turned = changed(red, hue=0.2)[:, 0, 0] / 255.0
    hues = np.array([colorsys.rgb_to_hsv(*colour)[0] for colour in turned])
    around = np.minimum(hues, 1.0 - hues)
    assert 0.03 < around.max() <= 0.125  # a fifth of half a turn is a tenth of a turn, give or take the rotation's kind
    assert turned.mean(axis=-1) == pytest.approx(np.full(30, 330 / 765), abs=0.01)


def test_gamma_keeps_black_and_white():
    ends = np.zeros((10, 2, 2, 3), np.uint8)
    ends[:, 1] = 255
    assert (changed(ends, gamma=0.5) == ends).all()


def test_gamma_is_a_power_of_the_value():
    images = np.full((1, 1, 1, 3), 64, np.uint8)
    colours = Colours(np.eye(3, dtype=np.float32)[None], np.zeros((1, 3), np.float32), np.array([2.0], np.float32))
    apply_colours(images, colours)
    assert images.ravel().tolist() == [16, 16, 16]  # 255 (64 / 255)²


def test_every_picture_gets_colours_of_its_own(images):
    same = np.repeat(images[:1], 10, axis=0)
    assert len({picture.tobytes() for picture in changed(same, brightness=0.3)}) == 10
