import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rlkit.perception.data.resizing import resize_label_batch, resize_labels, resize_picture, resize_pictures

SIDES = st.integers(1, 40)


@given(SIDES, SIDES, SIDES, SIDES, st.integers(0, 9))
def test_resized_labels_hold_no_number_that_was_not_there(height, width, new_height, new_width, seed):
    labels = np.random.default_rng(seed).choice(np.array([0, 3, 9, 255], np.uint8), size=(height, width))
    resized = resize_labels(labels, (new_height, new_width))
    assert resized.shape == (new_height, new_width)
    assert set(np.unique(resized)) <= set(np.unique(labels))


def test_labels_enlarged_and_shrunk_again_are_the_same():
    labels = np.random.default_rng(0).integers(5, size=(12, 16), dtype=np.uint8)
    assert (resize_labels(resize_labels(labels, (36, 48)), (12, 16)) == labels).all()


def test_a_shrunk_picture_keeps_the_mean_of_fine_stripes():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    small = resize_picture(stripes, (16, 16))
    assert np.abs(small[:, 2:-2].astype(int) - 100).max() <= 8


def test_pictures_of_the_right_size_are_left_alone():
    images, labels = np.ones((2, 4, 6, 3), np.uint8), np.ones((2, 4, 6), np.uint8)
    assert resize_pictures(images, (4, 6)) is images
    assert resize_label_batch(labels, (4, 6)) is labels


def test_batches_are_resized_picture_by_picture():
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(3, 10, 14, 3), dtype=np.uint8)
    labels = rng.integers(4, size=(3, 10, 14), dtype=np.uint8)
    assert (resize_pictures(images, (5, 7))[2] == resize_picture(images[2], (5, 7))).all()
    assert (resize_label_batch(labels, (5, 7))[1] == resize_labels(labels[1], (5, 7))).all()
