import numpy as np
import pytest

from rlkit.boxes import BoxLabels
from rlkit.errors import UserError

LABELS = BoxLabels(("car", "cone"), ("distance", "class", "x1", "y1", "x2", "y2"))
ROWS = [[12.0, 1, 2, 3, 6, 9], [0, -1, 0, 0, 0, 0], [40.0, 0, 0, 0, 32, 24]]


def test_rows_are_read_by_the_names_of_their_columns_and_empty_ones_left_out():
    boxes = LABELS.read(ROWS, (24, 32))
    assert boxes.boxes.tolist() == [[2, 3, 6, 9], [0, 0, 32, 24]]
    assert boxes.labels.tolist() == [1, 0]
    assert boxes.labels.dtype == np.int64
    assert {name: values.tolist() for name, values in boxes.attributes.items()} == {"distance": [12.0, 40.0]}
    assert len(LABELS.read(ROWS[1:2], (24, 32))) == 0


def test_boxes_are_resized_with_their_image():
    boxes = LABELS.read(ROWS, (24, 32))
    assert boxes.resized((24, 32), (48, 16)).boxes.tolist() == [[1, 6, 3, 18], [0, 0, 16, 48]]
    assert boxes.resized((24, 32), (24, 32)) is boxes


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([1.0, 2, 2, 3, 6, 9], "class 2; expected 0 to 1 \\(car, cone\\)"),
        ([1.0, 0.5, 2, 3, 6, 9], "class 0.5"),
        ([1.0, 0, 2, 3, 2, 9], "corners"),
        ([1.0, 0, 2, 3, 33, 9], "x2 <= 32"),
        ([1.0, 0, -1, 3, 6, 9], "0 <= x1"),
        ([np.nan, 0, 2, 3, 6, 9], "finite"),
    ],
)
def test_bad_boxes_are_a_sentence(row, said):
    with pytest.raises(UserError, match=said):
        LABELS.read([row], (24, 32))
