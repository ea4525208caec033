"""Training a detector: content of the run folder, exact resumption, and that it learns."""

import json
import os
import signal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from rlkit.detection import resume, train
from rlkit.detection.average_precision import AveragePrecision
from rlkit.detection.datasets.boxed import BoxedDataset
from rlkit.env.config import EnvConfig
from rlkit.errors import UserError
from rlkit.perception.detector import load_detector
from rlkit.perception.model import find_model
from rlkit.segmentation import resume as resume_segmentation
from rlkit.segmentation.datasets.simulator import SimulatorDataset
from rlkit.training.checkpoint import read_checkpoint
from rlkit.training.logger import read_metrics
from rlkit.training.progress import PlainReporter

SETTINGS = {"batch_size": "4", "bn_samples": "8", "threads": "1"}


class Listener(PlainReporter):
    """Keeps all messages, and sends Ctrl-C after some steps."""

    def __init__(self, stop_after=float("inf")):
        super().__init__(0, quiet=True)
        self.stop_after = stop_after
        self.said, self.warned = [], []

    def say(self, sentence):
        self.said.append(sentence)

    def warn(self, sentence):
        self.warned.append(sentence)

    def progress(self, steps, figures):
        if steps >= self.stop_after:
            self.stop_after = float("inf")
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def go(tmp_path, make_source, monkeypatch):
    monkeypatch.setattr("rlkit.training.trainer.REFRESH", 0)

    def start(name, source=None, stop_after=float("inf"), **options):
        listener = Listener(stop_after)
        options = {"steps": 6, "val_freq": 3, "save_freq": 2, "settings": SETTINGS} | options
        source = make_source(10) if source is None else source
        train(source, run_dir=tmp_path / name, reporter=lambda _: listener, **options)
        return tmp_path / name, listener

    return start


def digests(folder):
    checkpoint = max((folder / "checkpoints").iterdir())
    files = read_checkpoint(checkpoint).manifest["files"]
    return {name: digest for name, digest in files.items() if name.endswith(".safetensors")}


def test_a_run_folder_holds_a_detector_with_its_card(go, make_source):
    folder, listener = go("run", make_source(10, masked=True))
    assert {"config.json", "metrics.jsonl", "checkpoints", "best", "pictures"} <= {p.name for p in folder.iterdir()}
    detector = load_detector(find_model(folder))
    assert detector.card.objects == ("red", "green")
    assert detector.card.classes.names == ("above", "below")
    assert detector.card.has_distances
    assert detector.card.trained["data"] == "rectangles"
    assert json.loads((folder / "config.json").read_text())["kind"] == "detection"
    rows = read_metrics(folder)
    assert {"eval/ap", "eval/ap50", "eval/drivable_iou"} <= rows[-1].keys() | rows[-2].keys()
    assert any("2 kinds of objects: red, green (with distances); 2 classes of pixels" in line for line in listener.said)


def test_interrupted_and_resumed_equals_uninterrupted(go, make_source):
    whole, _ = go("whole")
    parts, listener = go("parts", stop_after=4)
    assert "stopped by Ctrl-C after 4 steps" in listener.said[-1]
    assert resume(parts, data=make_source(10), reporter=lambda _: Listener()).steps == 6
    assert digests(whole) == digests(parts)
    one, other = (load_file(folder / "best/model.safetensors") for folder in (whole, parts))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_weights_of_a_segmentation_network_initialise_what_they_share(go):
    folder, listener = go(
        "run", init="pretrained:segnet-compact", steps=1, settings=SETTINGS | {"learning_rate": "1e-9"}
    )
    ours, theirs = load_file(folder / "best/model.safetensors"), load_file(find_model("pretrained:segnet-compact"))
    shared = [name for name in ours if name.startswith("encoders") and name.endswith("0.weight")]
    assert len(shared) == 5
    assert all(torch.allclose(ours[name], theirs[name].float(), atol=1e-6) for name in shared)
    assert any("these are random" in line for line in listener.warned)


def test_a_run_of_another_kind_or_with_other_objects_is_refused(go, make_source, tmp_path):
    folder, _ = go("run", steps=1)
    with pytest.raises(UserError, match="a run of detection training, not of segmentation training"):
        resume_segmentation(folder)
    other = make_source(10)
    other.objects = ("red", "blue")
    with pytest.raises(UserError, match="other objects or classes than this run: red, blue"):
        resume(folder, data=other)


def test_weights_are_not_selected_by_what_the_data_lack(make_source):
    with pytest.raises(UserError, match="select_by = drivable_iou needs masks"):
        train(make_source(10), settings={"select_by": "drivable_iou"})


def measured(folder, source):
    detector, precision = load_detector(find_model(folder)), AveragePrecision(source.objects)
    batch = source.batch(48, np.random.default_rng(9))
    for truth, found in zip(batch.objects, detector.objects(batch.images, 0.01), strict=True):
        precision.add(truth, found)
    return precision.result()


PLAIN = dict.fromkeys(("recolour", "blotches", "haze", "hue", "blur", "noise", "saturation"), "0")


def test_it_begins_to_find_rectangles(go, make_source):
    settings = SETTINGS | PLAIN | {"learning_rate": "1e-2", "ema_decay": "0.9"}
    folder, _ = go("run", make_source(), steps=60, val_freq=60, save_freq=0, settings=settings)
    assert measured(folder, make_source()).ap50 > 0.3


def test_a_two_stage_detector_is_trained_and_resumed_alike(go, make_source):
    whole, _ = go("whole", network="faster-rcnn-compact", steps=3)
    parts, _ = go("parts", network="faster-rcnn-compact", steps=3, stop_after=2)
    assert resume(parts, data=make_source(10), reporter=lambda _: Listener()).steps == 3
    assert digests(whole) == digests(parts)
    assert load_detector(find_model(whole)).objects(make_source().batch(2, np.random.default_rng(0)).images, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["centernet-compact", "faster-rcnn-compact"])
def test_it_finds_rectangles_their_distance_and_the_road(network, go, make_source):
    settings = SETTINGS | PLAIN | {"batch_size": "8", "learning_rate": "8e-3"}
    source = make_source(masked=True)
    options = {"steps": 500, "val_freq": 250, "save_freq": 0, "settings": settings, "network": network}
    folder, _ = go("run", source, **options)
    result = measured(folder, source)
    assert result.ap50 > 0.9
    assert result.distance_error < 0.1
    model = load_detector(find_model(folder)).segmentation
    batch = source.batch(8, np.random.default_rng(9))
    assert (model.labels(batch.images) == batch.labels).mean() > 0.98


def test_with_the_simulator_too_a_resumed_run_equals_an_uninterrupted_one(go):
    small = {"num_circuits": 1, "camera_size": [48, 64], "circuit_length": [300.0, 400.0], "traffic": 20}

    def simulator():
        environment = EnvConfig("rlkit/DrivingTrafficCamera-v0", small)
        return BoxedDataset(SimulatorDataset(environment, selected=2))

    settings = SETTINGS | {"batch_size": "2", "bn_samples": "2"}
    whole, _ = go("whole", simulator(), steps=3, settings=settings)
    parts, _ = go("parts", simulator(), steps=3, settings=settings, stop_after=2)
    assert resume(parts, data=simulator(), reporter=lambda _: Listener()).steps == 3
    assert digests(whole) == digests(parts)
