"""Class weights come from the training pictures, by the recipe."""

import numpy as np
import pytest

from rlkit.perception.training.recipe import Recipe
from rlkit.perception.training.weighting import class_weights


def test_without_weights_all_classes_count_alike(source):
    assert class_weights(Recipe(), source, 0) is None
    assert source.drawn == 0


@pytest.mark.parametrize("pictures", [None, 10])
def test_median_frequency_weights_are_the_same_whenever_asked(pictures, make_source):
    recipe = Recipe(class_weights="median-frequency", batch_size=4)
    source = make_source(pictures)
    weights = class_weights(recipe, source, 3)
    assert weights.shape == (2,)
    assert np.array_equal(weights, class_weights(recipe, make_source(pictures), 3))
    if pictures:
        assert source.drawn == 3


def test_root_weights_are_the_square_roots_of_those_by_median_frequency(make_source):
    plain, root = (
        class_weights(Recipe(class_weights=name, batch_size=4), make_source(10), 3)
        for name in ("median-frequency", "root-median-frequency")
    )
    assert np.allclose(root, np.sqrt(plain))
