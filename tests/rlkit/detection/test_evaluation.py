import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from rlkit.detection.evaluation import evaluate
from rlkit.errors import UserError
from rlkit.perception.detections import Detections
from rlkit.perception.detector import Detector
from rlkit.perception.model_card import DetectorCard
from rlkit.perception.networks import build_detector


class Perfect(Detector):
    """Finds the objects of the tests, whose kinds have other numbers, and a ghost of a third kind in each picture."""

    def __init__(self, source, kinds=("green", "red", "blue")):
        network = build_detector("centernet-compact", len(kinds), 0, torch.Generator().manual_seed(0))
        super().__init__(network, DetectorCard("centernet-compact", kinds, None, source.size, True))
        (batch,) = source.measured("test")
        self._known = {image.tobytes(): one for image, one in zip(batch.images, batch.objects, strict=True)}
        self._numbers = np.array([kinds.index(name) for name in source.objects])

    def perceive(self, images, threshold=0.3, most=100):
        found = []
        for image in images:
            one = self._known[image.tobytes()]
            boxes = np.concatenate([one.boxes, [[0, 0, 9, 9]]]).astype(np.float32)
            labels = np.concatenate([self._numbers[one.labels], [2]])
            scores = np.full(len(boxes), 0.9, np.float32)
            found.append(Detections(boxes, labels, scores, np.concatenate([1.1 * one.distances, [1]])))
        return found, None


def test_kinds_are_matched_by_name_and_others_left_out(make_source):
    source = make_source()
    result = evaluate(Perfect(source), source, timed=False)
    assert result.precision.ap == pytest.approx(1)
    assert result.precision.distance_error == pytest.approx(0.1, abs=1e-4)
    assert (result.pictures, result.split, result.speed) == (8, "test", None)
    assert any("the data lack blue" in note for note in result.notes)
    figures = json.loads(json.dumps(result.to_json()))
    assert figures["ap50_by_kind"] == {"green": pytest.approx(1), "red": pytest.approx(1), "blue": None}
    assert figures["drivable_iou"] is None


def test_conditions_are_measured_apart(make_source):
    source = make_source()
    batch = dataclasses.replace(next(source.measured("test")), conditions=("rain", "sun") * 4)
    source.measured = lambda split: iter([batch])
    result = evaluate(Perfect(source), source, timed=False)
    assert result.by_condition.keys() == {"rain", "sun"}
    assert sum(one.objects for one in result.by_condition.values()) == result.precision.objects


def test_a_number_of_pictures_and_the_speed(make_source):
    source = make_source()
    result = evaluate(Perfect(source), source, limit=3)
    assert result.pictures == 3
    assert result.speed.frames_per_second > 0


def test_kinds_that_the_detector_does_not_know_are_refused(make_source):
    source = make_source()
    detector = Perfect(source)
    source.objects = ("red", "pink")
    with pytest.raises(UserError, match=r"does not know: pink\. It finds green, red, blue"):
        evaluate(detector, source)


def test_nothing_found_is_zero(make_source):
    source = make_source()
    detector = Perfect(source)
    detector.perceive = lambda images, *_: ([Detections(*_none())] * len(images), None)
    result = evaluate(detector, source, timed=False)
    assert result.precision.ap == 0
    assert math.isnan(result.precision.distance_error)


def _none():
    return np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.float32)
