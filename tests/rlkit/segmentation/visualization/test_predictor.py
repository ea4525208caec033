"""A model looks at pictures of any size, and the result comes at theirs."""

import numpy as np
import pytest

from rlkit.segmentation.visualization.predictor import DRIVABLE, Predictor, enlarged, resized_classes
from rlkit.segmentation.visualization.sources import View
from rlkit.spaces import IGNORED, Classes


def test_a_prediction_has_the_size_of_its_image(model, colours):
    row = Predictor(model).row(View(colours, caption="photo"))
    assert row.found.shape == (16, 24)
    assert (row.found[:, :11] == 0).all()
    assert (row.found[:, 13:] == 1).all()
    assert row.uncertainty.shape == (16, 24)
    assert row.truth is None
    assert row.caption == "photo"


def test_uncertainty_is_largest_at_the_border(model, colours):
    doubt = Predictor(model).row(View(colours)).uncertainty
    assert 0 <= doubt.min() <= doubt.max() <= 1
    assert abs(doubt.mean(0).argmax() - 11.5) < 2


def test_labels_with_the_classes_of_the_model_are_unchanged(model, colours, classes):
    truth = np.ones((16, 24), dtype=np.uint8)
    onlooker = Predictor(model, classes)
    assert onlooker.note == ""
    assert onlooker.classes == classes
    assert onlooker.row(View(colours, truth)).truth is truth


def test_labels_with_other_classes_are_reduced_to_drivable(model, colours):
    theirs = Classes(("background", "direct", "alternative"), ("direct", "alternative"))
    truth = np.full((16, 24), 2, dtype=np.uint8)
    truth[0], truth[1] = 0, IGNORED
    onlooker = Predictor(model, theirs)
    row = onlooker.row(View(colours, truth))
    assert onlooker.classes == DRIVABLE
    assert "alternative" in onlooker.note
    assert row.truth[:, 0].tolist() == [0, IGNORED] + [1] * 14
    assert (row.found[:, :11] == 0).all()
    assert (row.found[:, 13:] == 1).all()


@pytest.mark.parametrize("size", [(4, 6), (9, 7), (40, 60)])
def test_classes_are_those_of_the_interpolated_probabilities(size):
    probabilities = np.random.default_rng(0).dirichlet(np.ones(5), (4, 6)).transpose(2, 0, 1).astype(np.float32)
    together = np.stack([enlarged(share, size) for share in probabilities]).argmax(0)
    assert np.array_equal(resized_classes(probabilities, size), together)
