import dataclasses

import numpy as np
import pytest

from rlkit.errors import UserError
from rlkit.perception.bev import smaller_view
from rlkit.perception.config import PerceptionConfig, choose_perception
from rlkit.perception.corruptions import Corruptions
from rlkit.perception.pipeline import GroundTruthEstimator, PerceptionPipeline, SegmentationEstimator, make_pipeline
from rlkit.spaces import Classes

CLASSES = Classes(("sky", "grass", "road"), ("road",))
COLOURS = np.array([(90, 120, 200), (40, 90, 30), (80, 80, 84)], np.uint8)
SIZE = (24, 32)
METADATA = {
    "classes": CLASSES.names,
    "drivable": CLASSES.drivable,
    "camera": {"height_above_ground": 1.3, "pitch": 0.1, "field_of_view": 1.2, "ahead": 0.0},
}
SHAPES = {"camera": (*SIZE, 3), "segmentation": (*SIZE, 1)}
HERE = PerceptionConfig(view="camera", view_size=SIZE)


def labels(count, seed=0):
    return np.random.default_rng(seed).integers(0, 3, (count, *SIZE), dtype=np.uint8)


def perceiver_of(eyes, count, config=HERE, classes=CLASSES):
    perceiver = PerceptionPipeline(eyes, smaller_view(SIZE, SIZE), Corruptions(config, count), count, classes)
    perceiver.begin(range(count), np.ones(count, bool))
    return perceiver


def test_truth_shows_the_drivable_classes_and_nothing_else():
    true = labels(3)
    shown = perceiver_of(GroundTruthEstimator(CLASSES), 3).perceive(None, true)
    assert np.array_equal(shown[..., 0], np.where(true == 2, 255, 0))
    assert shown.shape == (3, *SIZE, 1)
    assert shown.dtype == np.uint8


def test_a_model_shows_what_it_finds(by_colour):
    true = labels(3)
    for soft in (True, False):
        eyes = SegmentationEstimator(by_colour, soft)
        shown = perceiver_of(eyes, 3).perceive(COLOURS[true], None)
        assert np.array_equal(shown[..., 0] >= 128, true == 2)


def test_hard_eyes_say_yes_or_no_and_soft_ones_how_likely(by_colour):
    by_colour.network.sureness.data.fill_(5.0)
    pictures = COLOURS[labels(2)]
    hard, soft = (SegmentationEstimator(by_colour, soft).look(pictures, None) for soft in (False, True))
    assert set(np.unique(hard)) == {0, 255}
    assert len(np.unique(soft)) == 3
    assert np.array_equal(soft, np.rint(by_colour.probabilities(pictures)[:, 2] * 255))


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 20])
def test_any_number_of_pictures_is_segmented_in_batches_of_one_shape(by_colour, count):
    seen = []
    by_colour.network.register_forward_hook(lambda module, inputs, output: seen.append(len(inputs[0])))
    true = labels(count)
    found = SegmentationEstimator(by_colour, batch=8).look(COLOURS[true], None)
    assert np.array_equal(found >= 128, true == 2)
    assert set(seen) == {8}


def test_those_whose_picture_is_not_new_see_what_they_saw():
    perceiver = perceiver_of(GroundTruthEstimator(CLASSES), 3)
    before = perceiver.perceive(None, labels(3, seed=1))
    kept = before.copy()
    after = perceiver.perceive(None, labels(3, seed=2), np.array([False, True, False]))
    assert np.array_equal(after[[0, 2]], before[[0, 2]])
    assert np.array_equal(after[1, ..., 0], np.where(labels(3, seed=2)[1] == 2, 255, 0))
    assert np.array_equal(before, kept)  # what has been handed out is never written again


def test_what_was_perceived_can_be_looked_at(by_colour):
    true = labels(2)
    perceiver = perceiver_of(SegmentationEstimator(by_colour), 2)
    perceiver.perceive(COLOURS[true], true)
    seen = perceiver.perceived(1)
    assert np.array_equal(seen.picture, COLOURS[true[1]])
    assert np.array_equal(seen.truth, true[1] == 2)
    assert seen.iou == 1.0
    assert seen.uncertainty.shape == SIZE
    assert seen.uncertainty.max() < 0.5
    assert dataclasses.replace(seen, truth=~seen.truth).iou == 0.0
    assert dataclasses.replace(seen, truth=None).iou is None


def test_truth_has_no_doubt():
    perceiver = perceiver_of(GroundTruthEstimator(CLASSES), 1)
    perceiver.perceive(None, labels(1))
    assert perceiver.perceived(0).uncertainty is None


def test_mistakes_that_were_put_in_are_seen_and_counted():
    config = dataclasses.replace(HERE, noise=0.5)
    perceiver = perceiver_of(GroundTruthEstimator(CLASSES), 2, config)
    perceiver.perceive(None, np.full((2, *SIZE), 2, np.uint8))
    assert perceiver.perceived(0).iou < 0.95
    both, either = perceiver.overlap()
    assert both.shape == (2,)
    assert perceiver.perceived(0).iou == pytest.approx(both[0] / either[0])


def test_seen_from_above_the_ground_behind_is_dark():
    perceiver = make_pipeline(PerceptionConfig(), METADATA, SHAPES, 1, "Road-v0")
    perceiver.begin([0], np.ones(1, bool))
    shown = perceiver.perceive(None, np.full((1, *SIZE), 2, np.uint8))[0, ..., 0]
    assert shown.shape == (24, 24)
    assert shown[:10, 12].min() == 255
    assert not shown[18:].any()


def test_the_camera_is_seen_at_a_quarter_unless_told_otherwise():
    assert make_pipeline(PerceptionConfig(view="camera"), METADATA, SHAPES, 1, "Road-v0").view.size == (6, 8)


def without(tree, key):
    return {name: value for name, value in tree.items() if name != key}


def test_what_an_environment_lacks_is_named(model_file):
    model = choose_perception(model_file)
    with pytest.raises(UserError, match="Road-v0 offers no true labels"):
        make_pipeline(PerceptionConfig(), METADATA, without(SHAPES, "segmentation"), 1, "Road-v0")
    with pytest.raises(UserError, match="Road-v0 offers no true labels"):
        make_pipeline(PerceptionConfig(), without(METADATA, "classes"), SHAPES, 1, "Road-v0")
    with pytest.raises(UserError, match="Road-v0 has no camera"):
        make_pipeline(model, METADATA, without(SHAPES, "camera"), 1, "Road-v0")
    with pytest.raises(UserError, match=r"how its camera is mounted.*view=camera"):
        make_pipeline(PerceptionConfig(), without(METADATA, "camera"), SHAPES, 1, "Road-v0")


def test_a_model_for_pictures_of_another_size_is_refused(model_file):
    shapes = {"camera": (48, 64, 3)}
    with pytest.raises(UserError, match=r"24×32.*gives 48×64.*camera_size=\[24,32\]"):
        make_pipeline(choose_perception(model_file), METADATA, shapes, 1, "Road-v0")


def test_a_model_that_was_exchanged_is_refused(model_file, by_colour):
    chosen = choose_perception(model_file)
    by_colour.network.sureness.data.fill_(2.0)
    by_colour.save(model_file)
    with pytest.raises(UserError, match="another one than the driver was trained with"):
        make_pipeline(chosen, METADATA, SHAPES, 1, "Road-v0")


def test_a_view_that_the_camera_sees_nothing_of_is_refused():
    with pytest.raises(UserError, match="sees nothing of the ground"):
        make_pipeline(PerceptionConfig(view_size=8, metres_per_pixel=0.1), METADATA, SHAPES, 1, "Road-v0")
