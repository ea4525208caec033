import dataclasses
import json
import math

import numpy as np
import pytest

from rlkit.env.config import EnvConfig
from rlkit.errors import UserError
from rlkit.perception.model import SegmentationModel
from rlkit.segmentation.datasets.base import LabelledImages
from rlkit.segmentation.datasets.simulator import SimulatorDataset
from rlkit.segmentation.evaluation import Comparison, evaluate
from rlkit.segmentation.metrics import Confusion
from rlkit.spaces import Classes


class Written:
    """A data set of one given batch."""

    name, splits, training_pictures = "written", ("test",), 0

    def __init__(self, images, labels, classes, conditions=None):
        self.classes, self.size = classes, labels.shape[1:]
        names = tuple(map(str, range(len(images))))
        self.batch = LabelledImages(images, labels, names, conditions or ("",) * len(images))

    def training(self, batch_size, generator):
        yield self.batch

    def selection(self):
        yield self.batch

    def measured(self, split):
        yield self.batch


@pytest.fixture
def source(road_camera):
    return SimulatorDataset(EnvConfig(road_camera), measured=20)


@pytest.fixture
def half_wrong(by_colour, source):
    """Twenty pictures of the road, the first half of which is labelled as grass."""
    batches = list(source.measured("test"))
    images, labels = (np.concatenate([getattr(batch, part) for batch in batches]) for part in ("images", "labels"))
    labels[:10][labels[:10] == 2] = 1
    return Written(images, labels, by_colour.classes, ("wrong",) * 10 + ("right",) * 10)


def test_a_perfect_model_has_perfect_metrics(by_colour, source):
    result = evaluate(by_colour, source, timed=False)
    assert result.pictures == 20
    assert result.confusion.iou.tolist() == [1.0, 1.0, 1.0]
    assert result.drivable_iou == result.boundaries.mean == 1.0
    assert result.calibration.expected_error < 0.01
    assert math.isnan(result.errors.auroc)
    assert result.speed is None


def test_confusions_of_the_conditions_add_up_to_the_total(by_colour, half_wrong):
    result = evaluate(by_colour, half_wrong, timed=False)
    assert result.by_condition["right"].mean_iou == 1.0
    assert result.by_condition["wrong"].drivable_iou(by_colour.classes.drivable_mask) == 0.0
    total = result.by_condition["right"] + result.by_condition["wrong"]
    assert (total.counts == result.confusion.counts).all()


def test_figures_are_those_of_the_confusion_of_all_pictures(by_colour, half_wrong):
    expected = Confusion(3)
    (batch,) = half_wrong.measured("test")
    expected.add(batch.labels, by_colour.labels(batch.images))
    assert (evaluate(by_colour, half_wrong, timed=False).confusion.counts == expected.counts).all()


def test_pictures_of_another_size_are_resized_and_that_is_said(by_colour, half_wrong):
    smaller = SegmentationModel(by_colour.network, dataclasses.replace(by_colour.card, size=(12, 16)))
    result = evaluate(smaller, half_wrong, timed=False)
    assert result.size == (12, 16)
    assert result.confusion.pixels == 20 * 12 * 16
    assert "32×24 pixels were resized to 16×12" in result.notes[0]


def test_a_limit_measures_the_first_pictures_only(by_colour, half_wrong):
    result = evaluate(by_colour, half_wrong, limit=10, timed=False)
    assert result.pictures == 10
    assert result.drivable_iou == 0.0


def test_other_classes_are_refused_or_compared_by_what_is_drivable(by_colour, half_wrong):
    lanes = Written(
        half_wrong.batch.images, (half_wrong.batch.labels == 2).astype(np.uint8), Classes(("off", "lane"), ("lane",))
    )
    with pytest.raises(UserError, match="--drivable-only"):
        evaluate(by_colour, lanes, timed=False)
    result = evaluate(by_colour, lanes, drivable_only=True, timed=False)
    assert result.classes.names == ("other", "drivable")
    expected = evaluate(by_colour, half_wrong, timed=False)
    assert result.confusion.counts[1, 1] == expected.confusion.counts[2, 2]
    assert "road of the model, lane of the data" in result.notes[0]


def test_json_has_the_keys_used_by_scripts_and_no_nan(by_colour, source):
    result = evaluate(by_colour, source, name="my-net")
    tree = json.loads(json.dumps(result.to_json(), allow_nan=False))
    for key in ("model", "parameters", "pictures", "size", "iou", "mean_iou", "global_accuracy", "frames_per_second"):
        assert key in tree
    assert tree["model"] == "my-net"
    assert tree["iou"] == {"sky": 1.0, "grass": 1.0, "road": 1.0}
    assert tree["size"] == [24, 32]
    assert tree["error_auroc"] is None
    assert tree["frames_per_second"] > 0
    assert 0 < tree["latency_ms"]["p50"] <= tree["latency_ms"]["p99"]


def test_progress_is_called_for_every_image(by_colour, source):
    counts = []
    evaluate(by_colour, source, timed=False, progress=counts.append)
    assert sum(counts) == 20


def test_a_split_without_pictures_is_refused(by_colour, half_wrong):
    empty = Written(np.zeros((0, 24, 32, 3), np.uint8), np.zeros((0, 24, 32), np.uint8), by_colour.classes)
    with pytest.raises(UserError, match="has no images in the split 'test'"):
        evaluate(by_colour, empty)


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
