"""The pipeline with objects: by truth and by a detector, under faults, and what it refuses."""

import dataclasses

import numpy as np
import pytest
import torch

from rlkit.boxes import BoxLabels, Size
from rlkit.errors import UserError
from rlkit.perception.config import PerceptionConfig, choose_perception
from rlkit.perception.detector import Detector
from rlkit.perception.model_card import DetectorCard
from rlkit.perception.networks import build_detector
from rlkit.perception.pipeline import make_pipeline
from rlkit.spaces import Classes

SIZE = (32, 48)
CLASSES = Classes(("grass", "road"), ("road",))
BOXES = BoxLabels(("car", "cone"), ("class", "x1", "y1", "x2", "y2", "distance"), {"car": Size(4.0, 2.0, 1.5)})
METADATA = {
    "classes": CLASSES.names,
    "drivable": CLASSES.drivable,
    "camera": {"height_above_ground": 1.3, "pitch": 0.1, "field_of_view": 1.2, "ahead": 0.0},
    "box_labels": {"classes": BOXES.classes, "fields": BOXES.fields},
}
SHAPES = {"camera": (*SIZE, 3), "segmentation": (*SIZE, 1)}
CAR = (0, 20, 14, 27, 22, 10.0)  # ahead
NO_CAR = (-1, 0, 0, 0, 0, 0)
ROAD = np.ones((2, *SIZE), np.uint8)
BOX = PerceptionConfig(view="camera", view_size=SIZE)


def pipeline_of(config=BOX, metadata=METADATA, boxes=BOXES):
    pipeline = make_pipeline(config, metadata, SHAPES, 2, "Road-v0", boxes)
    pipeline.reset([5, 6], np.ones(2, bool))
    return pipeline


def seen(pipeline, *boxes):
    return pipeline.perceive(None, ROAD, None, np.array([boxes, boxes], np.float32))


@pytest.fixture
def detector(tmp_path):
    def save(objects=("cone", "car"), classes=CLASSES, size=SIZE):
        generator = torch.Generator().manual_seed(1)
        network = build_detector("centernet-compact", len(objects), 0 if classes is None else 2, generator)
        kinds = len(objects)
        network.output.bias.data[:kinds] = 0.0  # logits of the centres: about half of the peaks are found
        network.output.bias.data[kinds + 2 : kinds + 4] = 0.7  # logarithms of the sides: about two cells of four pixels
        card = DetectorCard("centernet-compact", objects, classes, size, True)
        Detector(network, card).save(tmp_path / "detector.safetensors")
        return choose_perception(tmp_path / "detector.safetensors")

    return save


def test_the_second_channel_holds_the_cells_that_true_objects_occupy():
    views = seen(pipeline_of(), CAR, NO_CAR)
    assert views.shape == (2, *SIZE, 2)
    assert (views[..., 0] == 255).all()
    box = np.zeros(SIZE, np.uint8)
    box[14:22, 20:27] = 255
    assert np.array_equal(views[0, ..., 1], box)
    birdview = seen(pipeline_of(PerceptionConfig()), CAR)[0, ..., 1]
    rows, columns = np.nonzero(birdview > 64)  # 10 to 14 m ahead at 2 m per cell
    assert set(rows) == {11, 12}
    assert set(columns) <= {11, 12}


def test_without_objects_the_view_is_that_of_the_drivable_area_alone():
    both, alone = pipeline_of(), pipeline_of(dataclasses.replace(BOX, objects=False))
    assert (both.has_objects, alone.has_objects) == (True, False)
    assert np.array_equal(seen(alone, CAR), seen(both, CAR)[..., :1])
    assert not pipeline_of(boxes=None).has_objects
    assert alone.boxed(0) is None


def test_noise_of_the_road_is_the_same_with_objects_and_without():
    noisy = dataclasses.replace(BOX, noise=0.4, dropped=0.3, latency=1)
    with_faults = pipeline_of(dataclasses.replace(noisy, missed=0.5, ghosts=1.0))
    alone = pipeline_of(dataclasses.replace(noisy, objects=False))
    for _ in range(8):
        assert np.array_equal(seen(alone, CAR)[..., 0], seen(with_faults, CAR)[..., 0])


def test_objects_are_missed_with_the_probability_asked_for():
    pipeline = pipeline_of(dataclasses.replace(BOX, missed=0.3))
    shares = np.mean([seen(pipeline, CAR)[..., 1].any((1, 2)) for _ in range(300)])
    assert shares == pytest.approx(0.7, abs=0.06)
    assert not seen(pipeline_of(dataclasses.replace(BOX, missed=1.0)), CAR)[..., 1].any()


def test_ghosts_are_on_the_ground_in_view_and_as_many_as_asked_for():
    pipeline = pipeline_of(PerceptionConfig(ghosts=1.5))
    boxes = []
    for _ in range(200):
        seen(pipeline, NO_CAR)
        boxes.append(pipeline.boxed(0).boxes)
    assert np.mean([len(one) for one in boxes]) == pytest.approx(1.5, abs=0.25)
    corners = np.concatenate([one.boxes for one in boxes])
    assert corners.min() >= 0.0
    assert (corners.max(0) <= [SIZE[1], SIZE[0]] * 2).all()
    assert ((corners[:, 3] - corners[:, 1]) >= 3.9).all()
    assert {0, 1} == set(np.concatenate([one.labels for one in boxes]).tolist())


def test_faults_of_objects_depend_on_the_seed_of_the_episode_alone():
    config = PerceptionConfig(missed=0.5, ghosts=1.0)
    one, other = pipeline_of(config), pipeline_of(config)
    first = [seen(one, CAR) for _ in range(5)]
    assert not all(np.array_equal(a[0], a[1]) for a in first)
    seen(other, CAR)
    other.reset([5, 6], np.ones(2, bool))
    assert all(np.array_equal(a, seen(other, CAR)) for a in first)


def test_latency_delays_the_objects_with_the_road():
    pipeline = pipeline_of(dataclasses.replace(BOX, latency=1))
    first = seen(pipeline, CAR)
    assert np.array_equal(seen(pipeline, NO_CAR), first)
    assert not seen(pipeline, NO_CAR)[..., 1].any()


def test_a_detector_finds_road_and_objects(detector):
    images = np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3), dtype=np.uint8)
    config = dataclasses.replace(detector(), view="camera", view_size=SIZE)
    for soft in (False, True):
        pipeline = pipeline_of(dataclasses.replace(config, soft=soft))
        views = pipeline.perceive(images, ROAD)
        found = pipeline.estimator.estimate(images, None)
        assert np.array_equal(views[..., 0], found.drivable)
        assert (len(np.unique(found.drivable)) > 2) == soft
        boxed = pipeline.boxed(1)
        assert len(boxed.boxes) > 0
        assert boxed.classes == ("car", "cone")
        assert np.array_equal(boxed.image, images[1])
        x1, y1, x2, y2 = boxed.boxes.boxes[0].round().astype(int)
        assert views[1, y1 + 1 : y2 - 1, x1 + 1 : x2 - 1, 1].min() == 255
    assert pipeline.result(0).uncertainty.shape == SIZE


def test_a_detector_numbers_its_kinds_as_the_environment_does(detector):
    images = np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3), dtype=np.uint8)
    both = [
        pipeline_of(detector(objects)).estimator.estimate(images, None).objects[..., 0]
        for objects in (("cone", "car"), ("car", "cone"))
    ]
    assert np.array_equal(both[0] == 1, both[1] == 0)


def test_a_detector_without_objects_shows_the_road(detector):
    pipeline = pipeline_of(dataclasses.replace(detector(), objects=False))
    assert pipeline.perceive(np.zeros((2, *SIZE, 3), np.uint8), ROAD).shape == (2, 24, 24, 1)


def test_detectors_that_do_not_fit_are_refused_by_name(detector, model_file):
    with pytest.raises(UserError, match="no drivable area, by which one drives"):
        pipeline_of(detector(classes=None))
    with pytest.raises(UserError, match=r"finds tram, car, and the objects of Road-v0 are car, cone: tram is not"):
        pipeline_of(detector(objects=("tram", "car")))
    with pytest.raises(UserError, match=r"camera_size=\[64,48\]"):
        pipeline_of(detector(size=(64, 48)))
    with pytest.raises(UserError, match="needs no such code"):
        pipeline_of(dataclasses.replace(detector(), network="my_package:MyNet"))


def test_objects_that_are_not_to_be_had_are_refused(model_file):
    with pytest.raises(UserError, match=r"Road-v0 has no boxes.*objects=false"):
        pipeline_of(dataclasses.replace(BOX, objects=True), boxes=None)
    shapes = {"camera": (24, 32, 3)}
    with pytest.raises(UserError, match="finds the drivable area and no objects"):
        make_pipeline(choose_perception(model_file, {"objects": True}), METADATA, shapes, 1, "Road-v0")
    with pytest.raises(UserError, match="faults of objects, and this perception finds none"):
        pipeline_of(PerceptionConfig(missed=0.1, objects=False))
    with pytest.raises(UserError, match="leave ghosts out"):
        pipeline_of(dataclasses.replace(BOX, ghosts=1.0), {k: v for k, v in METADATA.items() if k != "camera"})
