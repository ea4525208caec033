import numpy as np
import pytest

from rlkit.boxes import BoxLabels
from rlkit.errors import UserError
from rlkit.perception.detections import Detections
from rlkit.perception.objects import DISTANCE, KIND, BoxReader, boxes_of, empty_rows, rows_of

FIELDS = ("class", "x1", "y1", "x2", "y2", "occlusion", "distance")
SIZE = (96, 128)
NONE = (-1, 0, 0, 0, 0, 0, 0)


def read(*rows, fields=FIELDS):
    table = np.array([rows], np.float32)[..., : len(fields)]
    return BoxReader(BoxLabels(("car", "cone"), fields), SIZE)(table)[0]


def test_boxes_become_rows_and_rows_boxes():
    rows = read((0, 10, 40, 20, 50, 0.5, 12.5), (1, 60, 41, 63, 45, 0, 30), NONE)
    assert rows[:, KIND].tolist() == [0, 1, -1]
    boxes = boxes_of(rows)
    assert boxes.boxes.tolist() == [[10, 40, 20, 50], [60, 41, 63, 45]]
    assert boxes.labels.tolist() == [0, 1]
    assert boxes.attributes["distance"].tolist() == [12.5, 30]


def test_boxes_of_less_than_four_pixels_are_no_objects():
    assert read((0, 10, 40, 20, 44, 0, 40), (0, 10, 40, 20, 43, 0, 50))[:, KIND].tolist() == [0, -1]


def test_boxes_without_a_distance_are_read():
    rows = read((0, 10, 40, 20, 50), fields=FIELDS[:5])
    assert np.isnan(rows[0, DISTANCE])
    assert not boxes_of(rows).attributes


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((2, 10, 40, 20, 50, 0, 9), "class 2; expected 0 to 1"),
        ((0, 20, 40, 20, 50, 0, 9), "corners"),
        ((0, 20, 40, 130, 50, 0, 9), "x2 <= 128"),
        ((0, 10, 40, 20, 50, 0, np.nan), "finite"),
    ],
)
def test_a_box_that_is_not_as_declared_is_refused(row, message):
    with pytest.raises(UserError, match=message):
        read(row)


def test_detections_of_several_images_become_rows():
    def found(*heights):
        boxes = np.array([(5, 10, 9, 10 + height) for height in heights], np.float32).reshape(-1, 4)
        ones = np.ones(len(heights), np.float32)
        return Detections(boxes, np.zeros(len(heights), np.int64), ones, 7 * ones)

    rows = rows_of([found(8, 3), found(), found(4, 9)], np.array([1]))
    assert rows[..., KIND].tolist() == [[1, -1], [-1, -1], [1, 1]]
    assert rows[2, :, 4].tolist() == [14, 19]
    assert rows_of([found()], np.array([0])).shape == empty_rows(1, 0).shape
