import numpy as np
import pytest
import torch

from rlkit.errors import UserError
from rlkit.perception.detector import Detector, load_detector
from rlkit.perception.model import SegmentationModel, load_model
from rlkit.perception.model_card import DetectorCard, ModelCard, is_detector
from rlkit.perception.networks import build_detector
from rlkit.spaces import Classes

CLASSES = Classes(("grass", "road"), ("road",))
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 32, 48, 3), dtype=np.uint8)


def make(classes=CLASSES, **options):
    network = build_detector(
        "centernet-compact", 2, 0 if classes is None else len(classes), torch.Generator().manual_seed(1)
    )
    return Detector(network, DetectorCard("centernet-compact", ("car", "cone"), classes, (32, 48), True), **options)


def test_it_finds_objects_and_classes_in_one_pass():
    detector = make()
    found, classes = detector.perceive(IMAGES, 0.0, most=7)
    assert [len(one) for one in found] == [7, 7, 7]
    assert classes.shape == IMAGES.shape[:3]
    alone = detector.objects(IMAGES, 0.0, most=7)
    assert all((a.boxes == b.boxes).all() for a, b in zip(found, alone, strict=True))
    assert (detector.segmentation.labels(IMAGES) == classes).all()


def test_it_finds_objects_and_the_drivable_probability_in_one_pass():
    detector = make()
    found, drivable = detector.perceive_drivable(IMAGES, 0.0, most=7)
    assert np.array_equal(found[1].boxes, detector.objects(IMAGES, 0.0, most=7)[1].boxes)
    assert np.array_equal(drivable, detector.segmentation.drivable(IMAGES))


def test_without_classes_of_pixels_there_is_no_segmentation():
    detector = make(classes=None)
    assert detector.segmentation is None
    assert detector.perceive(IMAGES)[1] is None


def test_saved_and_loaded_it_finds_the_same(tmp_path):
    detector, path = make(), tmp_path / "model.safetensors"
    detector.save(path)
    loaded = load_detector(path, fuse=False)
    assert loaded.card == detector.card
    assert is_detector(path)
    for one, other in zip(detector.objects(IMAGES, 0.0), loaded.objects(IMAGES, 0.0), strict=True):
        assert (one.boxes == other.boxes).all()
    folded = load_detector(path).objects(IMAGES, 0.0, most=3)
    assert np.allclose(folded[0].scores, detector.objects(IMAGES, 0.0, most=3)[0].scores, atol=1e-4)


def test_a_detector_is_no_segmentation_model_and_the_reverse(tmp_path):
    make().save(tmp_path / "detector.safetensors")
    with pytest.raises(UserError, match=r"detector\.safetensors holds a detector, which finds objects"):
        load_model(tmp_path / "detector.safetensors")
    model = SegmentationModel(torch.nn.Conv2d(3, 2, 1), ModelCard("segnet", CLASSES, (32, 48)))
    model.save(tmp_path / "segmentation.safetensors")
    with pytest.raises(UserError, match="holds no detector"):
        load_detector(tmp_path / "segmentation.safetensors")


@pytest.mark.parametrize(
    "changes", [{"objects": []}, {"objects": ["car", "car"]}, {"objects": [3]}, {"has_distances": 1}, {"size": [1]}]
)
def test_a_damaged_card_is_refused(changes):
    tree = make().card.to_json() | changes
    with pytest.raises((ValueError, UserError)):
        DetectorCard.from_json(tree)
