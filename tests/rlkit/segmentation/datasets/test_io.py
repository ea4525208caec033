import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlkit.errors import UserError
from rlkit.segmentation.datasets.image_file import read_size
from rlkit.segmentation.datasets.io import (
    ImageFiles,
    Numbers,
    read_labels,
    read_pair,
    read_picture,
    resize_label_batch,
    resize_labels,
    resize_picture,
    resize_pictures,
    same_numbers,
)

THREE = same_numbers(3, "numbers of a test")


def test_a_picture_is_red_green_and_blue_whatever_its_file_holds(save):
    grey = save("grey.png", np.full((4, 5), 7))
    clear = save("clear.png", np.full((4, 5, 4), (10, 20, 30, 40)))
    assert (read_picture(grey) == 7).all()
    assert read_picture(grey).shape == (4, 5, 3)
    assert read_picture(clear)[0, 0].tolist() == [10, 20, 30]


def test_labels_keep_their_numbers_and_ignored_ones_are_ignored(save):
    path = save("labels.png", [[0, 1, 2], [255, 2, 0]])
    assert read_labels(path, THREE).tolist() == [[0, 1, 2], [255, 2, 0]]
    assert read_labels(path, same_numbers(3, "", ignored=(255, 9))).dtype == np.uint8


def test_the_numbers_of_a_palette_are_read_not_its_colours(tmp_path):
    from PIL import Image

    image = Image.fromarray(np.array([[0, 1], [2, 1]], dtype=np.uint8), "P")
    image.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200])
    image.save(tmp_path / "palette.png")
    assert read_labels(tmp_path / "palette.png", THREE).tolist() == [[0, 1], [2, 1]]


def test_a_number_that_is_no_class_is_named_with_its_file_and_what_is_expected(save):
    path = save("labels.png", [[0, 1, 7]])
    with pytest.raises(UserError, match=r"labels\.png holds the class number 7.*expected 0 to 2, 255"):
        read_labels(path, THREE)


def test_numbers_are_translated_and_gaps_are_refused(save):
    numbers = Numbers({7: 0, 8: 1, 255: 255}, "labelIds")
    assert read_labels(save("a.png", [[7, 8, 255]]), numbers).tolist() == [[0, 1, 255]]
    with pytest.raises(UserError, match="expected 7 to 8, 255"):
        read_labels(save("b.png", [[7, 0]]), numbers)


def test_labels_in_colour_are_refused_where_numbers_are_expected(save, picture):
    with pytest.raises(UserError, match=r"labels\.png is a colour picture"):
        read_labels(save("labels.png", picture()), THREE)


@pytest.mark.parametrize("content", [b"", b"no picture at all", None])
def test_a_damaged_file_is_named(save, picture, content):
    path = save("picture.png", picture(size=(40, 50)) + np.random.default_rng(0).integers(99, size=(40, 50, 3)))
    path.write_bytes(path.read_bytes()[:2000] if content is None else content)
    with pytest.raises(UserError, match=r"picture\.png cannot be read as a picture"):
        read_picture(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no picture .*missing\.png"):
        read_picture(tmp_path / "missing.png")


def test_a_picture_and_labels_of_different_sizes_are_named_with_both_sizes(save, picture):
    files = ImageFiles(save("p.png", picture(size=(12, 16))), save("l.png", np.zeros((6, 8))))
    with pytest.raises(UserError, match=r"p\.png is 16×12 pixels, but its labels .*l\.png are 8×6"):
        read_pair(files, THREE)


def test_size_is_height_and_width(save, picture):
    assert read_size(save("p.png", picture(size=(12, 16)))) == (12, 16)


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
