import numpy as np
import pytest
from scipy.ndimage import correlate1d

from rlkit.segmentation.transforms.sensor import add_noise, blur, convolve_separable, gaussian


def test_a_picture_is_blurred_as_scipy_does_with_the_same_weights():
    image = np.random.default_rng(0).integers(256, size=(20, 30, 3), dtype=np.uint8)
    weights = gaussian(1.3)
    expected = image.astype(np.float64)
    for axis in (0, 1):
        expected = correlate1d(expected, weights.astype(np.float64), axis=axis, mode="nearest")
    softened = image.copy()
    convolve_separable(softened, weights)
    assert np.abs(softened - expected).max() <= 0.51


@pytest.mark.parametrize("deviation", [0.3, 1.0, 4.0])
def test_weights_add_up_to_one_and_are_symmetric(deviation):
    weights = gaussian(deviation)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights == weights[::-1]).all()


def test_half_of_the_pictures_stay_sharp():
    images = np.random.default_rng(0).integers(256, size=(200, 8, 8, 3), dtype=np.uint8)
    before = images.copy()
    blur(images, 3.0, np.random.default_rng(1))
    assert 0.35 < (images != before).any(axis=(1, 2, 3)).mean() < 0.6


def test_noise_has_no_mean_and_at_most_the_strength_that_was_asked_for():
    images = np.full((60, 32, 32, 3), 128, np.uint8)
    add_noise(images, 0.05, np.random.default_rng(0))
    spread = images.std(axis=(1, 2, 3))
    assert spread.max() < 0.05 * 255 * 1.1
    assert spread.max() > 0.05 * 255 * 0.8
    assert images.mean() == pytest.approx(128, abs=0.3)


def test_noise_differs_from_pixel_to_pixel_channel_to_channel_and_picture_to_picture():
    images = np.full((4, 16, 16, 3), 128, np.uint8)
    add_noise(images, 0.2, np.random.default_rng(3))
    flat = images.reshape(4, -1, 3).astype(float) - 128
    assert abs(np.corrcoef(flat[1, :, 0], flat[1, :, 1])[0, 1]) < 0.25
    assert abs(np.corrcoef(flat[1, :, 0], flat[2, :, 0])[0, 1]) < 0.25


def test_noise_never_wraps_around():
    images = np.zeros((8, 8, 8, 3), np.uint8)
    images[:, :, 4:] = 255
    add_noise(images, 0.1, np.random.default_rng(0))
    assert images[:, :, :4].max() < 128 < images[:, :, 4:].min()
