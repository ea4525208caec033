import numpy as np
import pytest

from rlkit.perception.data.balance import median_frequency_weights
from rlkit.perception.pictures import LabelledPictures


def batch(*labels):
    stacked = np.array(labels, dtype=np.uint8)
    names = ("",) * len(stacked)
    return LabelledPictures(np.zeros((*stacked.shape, 3), np.uint8), stacked, names, names)


def test_weights_are_those_of_a_case_worked_out_by_hand():
    # Class 0: 6 of the 8 known pixels of both pictures. Class 1: 1 of 4 (first only). Class 2: 1 of 4 (second only).
    pictures = batch([[0, 0], [0, 1]], [[0, 0], [0, 2]])
    # Frequencies 3/4, 1/4, 1/4, whose median is 1/4.
    assert median_frequency_weights([pictures], 3) == pytest.approx([1 / 3, 1.0, 1.0])


def test_a_class_that_is_seldom_but_large_is_not_weighed_up():
    pictures = batch(*([[[0, 0], [0, 1]]] * 9), [[2, 2], [2, 1]])
    weights = median_frequency_weights([pictures], 3)
    assert weights[2] == pytest.approx(weights[0])  # three quarters of the pictures that hold it, as class 0


def test_ignored_pixels_count_neither_for_nor_against_a_class():
    pictures = batch([[0, 0], [1, 255]])
    assert median_frequency_weights([pictures], 2) == pytest.approx([0.75, 1.5])  # frequencies 2/3 and 1/3


def test_a_class_that_no_picture_holds_weighs_nothing():
    assert median_frequency_weights([batch([[0, 1]])], 3)[2] == 0.0
    assert median_frequency_weights([], 3).tolist() == [0.0, 0.0, 0.0]


def test_batches_add_up_to_the_whole():
    rng = np.random.default_rng(0)
    labels = [rng.integers(4, size=(5, 7)) for _ in range(6)]
    one = median_frequency_weights([batch(*labels)], 4)
    assert median_frequency_weights([batch(*labels[:2]), batch(*labels[2:])], 4) == pytest.approx(one)


def test_the_weights_of_camvid_are_those_that_the_segnet_tutorial_publishes(camvid):
    from rlkit.perception.data import find_source

    source = find_source(camvid, size=(90, 120), held_out=0.0)
    weights = median_frequency_weights(source.measured("train"), 11)
    published = [0.2595, 0.1826, 4.5640, 0.1417, 0.9051, 0.3826, 9.6446, 1.8418, 0.6823, 6.2478, 7.3614]
    # Theirs count otherwise (the car's weight, for one); the order of magnitude and of the classes is the same.
    assert np.corrcoef(np.log(weights), np.log(published))[0, 1] > 0.9
