import dataclasses

import numpy as np
import pytest

from rlkit.errors import UserError
from rlkit.perception.bev import resize_map
from rlkit.perception.config import PerceptionConfig, choose_perception
from rlkit.perception.corruptions import Corruptions
from rlkit.perception.estimators import GroundTruthEstimator, SegmentationEstimator
from rlkit.perception.pipeline import PerceptionPipeline, make_pipeline
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


def pipeline_of(estimator, count, config=HERE, classes=CLASSES):
    pipeline = PerceptionPipeline(estimator, resize_map(SIZE, SIZE), Corruptions(config, count), count, classes)
    pipeline.reset(range(count), np.ones(count, bool))
    return pipeline


def test_ground_truth_shows_the_drivable_classes_and_nothing_else():
    truth = labels(3)
    views = pipeline_of(GroundTruthEstimator(CLASSES), 3).perceive(None, truth)
    assert np.array_equal(views[..., 0], np.where(truth == 2, 255, 0))
    assert views.shape == (3, *SIZE, 1)
    assert views.dtype == np.uint8


def test_a_model_shows_its_predicted_drivable_area(by_colour):
    truth = labels(3)
    for soft in (True, False):
        estimator = SegmentationEstimator(by_colour, soft)
        views = pipeline_of(estimator, 3).perceive(COLOURS[truth], None)
        assert np.array_equal(views[..., 0] >= 128, truth == 2)


def test_soft_estimates_are_probabilities_and_hard_ones_binary(by_colour):
    by_colour.network.sureness.data.fill_(5.0)
    images = COLOURS[labels(2)]
    hard, soft = (SegmentationEstimator(by_colour, soft).estimate(images, None).drivable for soft in (False, True))
    assert set(np.unique(hard)) == {0, 255}
    assert len(np.unique(soft)) == 3
    assert np.array_equal(soft, np.rint(by_colour.probabilities(images)[:, 2] * 255))


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 20])
def test_any_number_of_images_is_segmented_in_batches_of_one_shape(by_colour, count):
    seen = []
    by_colour.network.register_forward_hook(lambda module, inputs, output: seen.append(len(inputs[0])))
    truth = labels(count)
    found = SegmentationEstimator(by_colour, batch=8).estimate(COLOURS[truth], None).drivable
    assert np.array_equal(found >= 128, truth == 2)
    assert set(seen) == {8}


def test_environments_without_a_new_image_keep_their_view():
    pipeline = pipeline_of(GroundTruthEstimator(CLASSES), 3)
    before = pipeline.perceive(None, labels(3, seed=1))
    kept = before.copy()
    after = pipeline.perceive(None, labels(3, seed=2), np.array([False, True, False]))
    assert np.array_equal(after[[0, 2]], before[[0, 2]])
    assert np.array_equal(after[1, ..., 0], np.where(labels(3, seed=2)[1] == 2, 255, 0))
    assert np.array_equal(before, kept)  # returned arrays are never written again


def test_result_holds_image_truth_iou_and_uncertainty(by_colour):
    truth = labels(2)
    pipeline = pipeline_of(SegmentationEstimator(by_colour), 2)
    pipeline.perceive(COLOURS[truth], truth)
    result = pipeline.result(1)
    assert np.array_equal(result.image, COLOURS[truth[1]])
    assert np.array_equal(result.truth, truth[1] == 2)
    assert result.iou == 1.0
    assert result.uncertainty.shape == SIZE
    assert result.uncertainty.max() < 0.5
    assert dataclasses.replace(result, truth=~result.truth).iou == 0.0
    assert dataclasses.replace(result, truth=None).iou is None


def test_ground_truth_has_no_uncertainty():
    pipeline = pipeline_of(GroundTruthEstimator(CLASSES), 1)
    pipeline.perceive(None, labels(1))
    assert pipeline.result(0).uncertainty is None


def test_noise_lowers_the_iou():
    config = dataclasses.replace(HERE, noise=0.5)
    pipeline = pipeline_of(GroundTruthEstimator(CLASSES), 2, config)
    pipeline.perceive(None, np.full((2, *SIZE), 2, np.uint8))
    assert pipeline.result(0).iou < 0.95
    intersection, union = pipeline.intersection_and_union()
    assert intersection.shape == (2,)
    assert pipeline.result(0).iou == pytest.approx(intersection[0] / union[0])


def test_ground_behind_the_vehicle_is_0_in_the_birdview():
    pipeline = make_pipeline(PerceptionConfig(), METADATA, SHAPES, 1, "Road-v0")
    pipeline.reset([0], np.ones(1, bool))
    views = pipeline.perceive(None, np.full((1, *SIZE), 2, np.uint8))[0, ..., 0]
    assert views.shape == (24, 24)
    assert views[:10, 12].min() == 255
    assert not views[18:].any()


def test_the_camera_view_has_a_quarter_of_the_sides_by_default():
    assert make_pipeline(PerceptionConfig(view="camera"), METADATA, SHAPES, 1, "Road-v0").view.size == (6, 8)


def without(tree, key):
    return {name: value for name, value in tree.items() if name != key}


def test_missing_labels_and_cameras_are_refused(model_file):
    model = choose_perception(model_file)
    with pytest.raises(UserError, match="Road-v0 has no ground-truth labels"):
        make_pipeline(PerceptionConfig(), METADATA, without(SHAPES, "segmentation"), 1, "Road-v0")
    with pytest.raises(UserError, match="Road-v0 has no ground-truth labels"):
        make_pipeline(PerceptionConfig(), without(METADATA, "classes"), SHAPES, 1, "Road-v0")
    with pytest.raises(UserError, match="Road-v0 has no camera"):
        make_pipeline(model, METADATA, without(SHAPES, "camera"), 1, "Road-v0")
    with pytest.raises(UserError, match=r"mounting of its camera.*view=camera"):
        make_pipeline(PerceptionConfig(), without(METADATA, "camera"), SHAPES, 1, "Road-v0")


def test_a_model_for_images_of_another_size_is_refused(model_file):
    shapes = {"camera": (48, 64, 3)}
    with pytest.raises(UserError, match=r"24×32.*gives 48×64.*camera_size=\[24,32\]"):
        make_pipeline(choose_perception(model_file), METADATA, shapes, 1, "Road-v0")


def test_a_changed_model_file_is_refused(model_file, by_colour):
    chosen = choose_perception(model_file)
    by_colour.network.sureness.data.fill_(2.0)
    by_colour.save(model_file)
    with pytest.raises(UserError, match="has changed since the policy was trained"):
        make_pipeline(chosen, METADATA, SHAPES, 1, "Road-v0")


def test_a_view_without_visible_ground_is_refused():
    with pytest.raises(UserError, match="shows no ground"):
        make_pipeline(PerceptionConfig(view_size=8, metres_per_pixel=0.1), METADATA, SHAPES, 1, "Road-v0")
