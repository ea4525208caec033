import numpy as np
import pytest

from rlkit.segmentation.transforms.geometry import cut_windows, draw_windows
from rlkit.spaces import IGNORED


def pictures(count=2, size=(8, 10), seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(256, size=(count, *size, 3), dtype=np.uint8), rng.integers(
        5, size=(count, *size), dtype=np.uint8
    )


def cut(images, labels, windows, wanted=None):
    wanted = wanted or labels.shape[1:]
    out_images, out_labels = np.empty((len(images), *wanted, 3), np.uint8), np.empty((len(images), *wanted), np.uint8)
    cut_windows(images, labels, np.asarray(windows, dtype=np.float64), out_images, out_labels)
    return out_images, out_labels


def draw(count=200, size=(8, 10), wanted=(8, 10), scale=(1.0, 1.0), flip=0.0, seed=0):
    return draw_windows(count, size, wanted, scale, flip, np.random.default_rng(seed))


def test_the_whole_window_changes_nothing():
    images, labels = pictures()
    seen, named = cut(images, labels, [(0, 0, 1, 1)] * 2)
    assert (seen == images).all()
    assert (named == labels).all()


def test_a_mirrored_window_exchanges_left_and_right_of_picture_and_labels():
    images, labels = pictures(size=(8, 10))
    seen, named = cut(images, labels, draw(count=2, flip=1.0))
    assert (seen == images[:, :, ::-1]).all()
    assert (named == labels[:, :, ::-1]).all()


def test_a_crop_is_a_part_of_the_picture_pixel_by_pixel():
    images, labels = pictures(size=(8, 10))
    windows = draw(count=2, wanted=(4, 6))
    seen, named = cut(images, labels, windows, (4, 6))
    for n, (top, left, _, _) in enumerate(windows.astype(int)):
        assert (seen[n] == images[n, top : top + 4, left : left + 6]).all()
        assert (named[n] == labels[n, top : top + 4, left : left + 6]).all()


def test_crops_lie_everywhere_in_the_picture_and_nowhere_else():
    windows = draw(wanted=(4, 6))
    assert set(windows[:, 0]) == {0, 1, 2, 3, 4}
    assert set(windows[:, 1]) == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_a_magnified_window_lies_within_the_image(flip):
    top, left, down, right = draw(scale=(1.0, 2.0), flip=flip).T
    columns = np.stack([left, left + 9 * right])
    assert (top > -0.5).all()
    assert (top + 7 * down < 7.5).all()
    assert columns.min() > -0.5
    assert columns.max() < 9.5


def test_what_lies_beyond_a_picture_is_grey_and_ignored():
    images, labels = pictures(count=1)
    seen, named = cut(images, labels, [(-3, 0, 1, 1)])
    assert (named[0, :3] == IGNORED).all()
    assert (seen[0, :3] == 127).all()
    assert (named[0, 3:] == labels[0, :-3]).all()


def test_magnified_twice_a_pixel_becomes_four():
    images, labels = pictures(count=1, size=(4, 4))
    _, named = cut(images, labels, [(-0.25, -0.25, 0.5, 0.5)], (8, 8))
    assert (named[0] == np.kron(labels[0], np.ones((2, 2), int))).all()


def test_between_two_pixels_a_picture_is_their_mean_and_labels_are_one_of_them():
    images = np.zeros((1, 1, 2, 3), np.uint8)
    images[0, 0, 1] = 100
    labels = np.array([[[3, 4]]], np.uint8)
    seen, named = cut(images, labels, [(0, 0.5, 1, 1)], (1, 1))
    assert seen[0, 0, 0].tolist() == [50, 50, 50]
    assert named[0, 0, 0] in (3, 4)


def test_labels_are_never_mixed():
    images, labels = pictures(count=20)
    labels[labels > 0] = 4
    _, named = cut(images, labels, draw(count=20, scale=(0.5, 3.0), flip=0.5))
    assert set(np.unique(named)) <= {0, 4, IGNORED}
