import numpy as np
import pytest

from rlkit.detection.objects import LabelledObjects, Objects
from rlkit.segmentation.transforms import Augmentation


def one(box, distance=10.0):
    return Objects(np.array([box], np.float32), np.zeros(1, np.int64), np.zeros(1, np.bool_), np.float32([distance]))


@pytest.fixture
def picture():
    """A grey picture with a white rectangle, which is its object and its class 1."""
    labels = np.zeros((1, 24, 32), dtype=np.uint8)
    labels[0, 6:16, 4:12] = 1
    images = np.where(labels, 255, 40).astype(np.uint8)[..., None].repeat(3, -1)
    return LabelledObjects(images, labels, ("a",), ("",), objects=(one((4, 6, 12, 16)),))


def bounds(labels):
    rows, columns = np.nonzero(labels == 1)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_a_flip_moves_boxes_with_the_pixels(picture):
    flipped = Augmentation(flip=1.0)(picture, np.random.default_rng(0))
    assert flipped.objects[0].boxes.tolist() == [[20, 6, 28, 16]]
    assert flipped.objects[0].boxes[0].tolist() == bounds(flipped.labels[0])


@pytest.mark.parametrize("seed", range(8))
def test_scale_crop_and_flip_move_boxes_with_the_pixels(picture, seed):
    changed = Augmentation(crop=(20, 28), scale=(0.7, 1.4), flip=0.5)(picture, np.random.default_rng(seed))
    assert changed.objects[0].boxes[0] == pytest.approx(bounds(changed.labels[0]), abs=1.0)
    height = changed.objects[0].boxes[0, 3] - changed.objects[0].boxes[0, 1]
    assert changed.objects[0].distances[0] * height == pytest.approx(100, rel=0.02) or height < 7  # cut off


def test_a_box_that_is_cut_off_is_clipped_then_ignored_then_left_out():
    window = np.array([0.0, 8.0, 1.0, 1.0])  # the picture without its first 8 columns
    for box, kept, ignored in (
        ((4, 0, 12, 8), [0, 0, 4, 8], False),
        ((0, 0, 9, 8), [0, 0, 1, 8], True),
        ((0, 0, 8, 8), None, None),
    ):
        moved = one(box).moved(window, (16, 16))
        assert moved.boxes.tolist() == ([] if kept is None else [kept])
        assert moved.ignored.tolist() == ([] if kept is None else [ignored])


def test_boxes_follow_a_picture_that_is_resized_and_low_ones_are_ignored():
    objects = one((2, 4, 6, 8)).resized((10, 20), (20, 60))
    assert objects.boxes.tolist() == [[6, 8, 18, 16]]
    assert objects.without_low(8).ignored.tolist() == [False]
    assert objects.without_low(8.5).ignored.tolist() == [True]


def test_a_part_of_a_batch_has_its_objects(picture):
    assert len(picture.part(slice(0, 1)).objects) == 1
    assert len(picture.part(slice(1, 2)).objects) == len(picture.part(slice(1, 2))) == 0
