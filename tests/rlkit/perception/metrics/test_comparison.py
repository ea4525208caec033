import numpy as np
import pytest

from rlkit.classes import Classes
from rlkit.errors import UserError
from rlkit.perception.metrics.comparison import Comparison

MODEL = Classes(("sky", "grass", "road", "line"), ("road", "line"))
DATA = Classes(("road", "pavement"), ("road",))


def test_the_same_classes_in_another_order_are_brought_into_the_models():
    data = Classes(("line", "road", "sky", "grass"), ("road",))
    comparison = Comparison.between(MODEL, data, drivable_only=False)
    assert comparison.of_data[:4].tolist() == [3, 2, 0, 1]
    assert comparison.of_data[255] == 255


def test_other_classes_are_refused_with_what_can_be_done():
    with pytest.raises(UserError, match="--drivable-only"):
        Comparison.between(MODEL, DATA, drivable_only=False)


def test_drivable_alone_is_the_sum_of_the_models_drivable_probabilities():
    comparison = Comparison.between(MODEL, DATA, drivable_only=True)
    probabilities = np.array([0.3, 0.1, 0.25, 0.35], np.float32)[None, :, None, None]
    assert comparison.of_model(probabilities)[0, :, 0, 0] == pytest.approx([0.4, 0.6])
    assert comparison.of_data[[0, 1, 255]].tolist() == [1, 0, 255]
    assert comparison.classes.drivable == ("drivable",)
