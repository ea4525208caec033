"""`rlkit perception` with a detector, as a stranger meets it."""

import json

import numpy as np
import pytest
from PIL import Image

from rlkit.cli.perception.detector import RESULT

SMALL = ["--set", "batch_size=2", "bn_samples=2", "threads=1"]


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    """Pictures with one white rectangle each in COCO's layout, and masks: 6 for training, 3 for tests."""
    folder = tmp_path_factory.mktemp("boxes")
    generator = np.random.default_rng(0)
    (folder / "annotations").mkdir()
    for split, count in (("train", 6), ("val", 3)):
        for kind in ("images", "masks"):
            (folder / kind / split).mkdir(parents=True)
        images, annotations = [], []
        for n in range(count):
            x, y = int(generator.integers(0, 30)), int(generator.integers(0, 16))
            picture = np.full((32, 48, 3), 40, dtype=np.uint8)
            picture[y : y + 12, x : x + 16] = 250
            Image.fromarray(picture).save(folder / "images" / split / f"{n}.png")
            Image.fromarray((picture[..., 0] > 100).astype(np.uint8)).save(folder / "masks" / split / f"{n}.png")
            images.append({"id": n, "file_name": f"{n}.png"})
            annotations.append({"id": n, "image_id": n, "category_id": 1, "bbox": [x, y, 16, 12], "distance": 20})
        tree = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "block"}]}
        (folder / "annotations" / f"{split}.json").write_text(json.dumps(tree, indent=1))
    (folder / "classes.json").write_text('{"names": ["other", "road"], "drivable": ["road"]}')
    return folder


@pytest.fixture(scope="module")
def run(rlkit, boxes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    command = ["perception", "train", "--network", "centernet-compact", "--data", boxes, "--epochs", 2, "-q", *SMALL]
    assert rlkit(*command, "--run-dir", folder) == 0
    return folder


def test_a_detector_is_evaluated_on_the_tests_of_its_data(rlkit, run, tmp_path, capsys):
    assert rlkit("perception", "evaluate", run, "--json", tmp_path / "figures.json") == 0
    told = capsys.readouterr().out
    for part in ("AP50 block", "distance error", "drivable IoU", "3 pictures of 48×32", "at least 4 pixels high"):
        assert part in told
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures.keys() >= RESULT
    assert figures["objects"] == 3
    assert figures["drivable_iou"] is not None


def test_found_boxes_are_drawn_over_pictures(rlkit, run, boxes, tmp_path):
    assert rlkit("perception", "predict", run, "--out", tmp_path / "a.png") == 0
    assert rlkit("perception", "predict", run, "--input", boxes / "images/val", "--out", tmp_path / "b.png") == 0
    with Image.open(tmp_path / "a.png") as beside, Image.open(tmp_path / "b.png") as alone:
        assert beside.width > alone.width  # the truth beside the prediction


def test_a_detector_resumes_and_goes_on(rlkit, run, capsys):
    assert rlkit("perception", "train", "--resume", run) == 0
    assert "complete" in capsys.readouterr().out
    assert rlkit("perception", "train", "--resume", run, "--epochs", 3) == 0
    assert json.loads((run / "config.json").read_text())["steps"] == 9


def test_a_detector_is_exported_with_its_decoding(rlkit, run, tmp_path, capsys):
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra export")
    assert rlkit("perception", "export", run, "--out", tmp_path / "m.onnx") == 0
    assert "scores within" in capsys.readouterr().out
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    names = [output.name for output in session.get_outputs()]
    assert names == ["boxes", "labels", "scores", "distances", "probabilities"]
    answers = dict(zip(names, session.run(None, {"pictures": np.zeros((3, 3, 32, 48), np.float32)}), strict=True))
    assert answers["boxes"].shape[::2] == (3, 4)
    assert answers["probabilities"].shape == (3, 2, 32, 48)
    assert rlkit("perception", "export", run, "--format", "torch") == 2


def test_what_a_detector_cannot_take_is_refused(rlkit, run, boxes, tmp_path, capsys):
    train = ["perception", "train", "--network", "centernet-compact"]
    for arguments, message in (
        ([*train, "--data", "env:rlkit/DrivingCamera-v0"], "have no boxes"),
        ([*train, "--data", boxes, "--env-kwargs", "a=1"], "--env-kwargs belong to a simulator"),
        (["perception", "evaluate", run, "--drivable-only"], "--drivable-only has no meaning"),
        (["perception", "evaluate", run, "--min-height", "-1"], "--min-height -1"),
        (["perception", "predict", run, "--network", "a:b"], "--network has no meaning"),
        (["perception", "evaluate", "pretrained:segnet-compact", "--min-height", 8], "--min-height is for detectors"),
    ):
        assert rlkit(*arguments) == 2
        assert message in capsys.readouterr().err


def test_wrong_boxes_are_named_before_anything_is_trained(rlkit, boxes, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "boxes"
    (folder / "annotations").mkdir(parents=True)
    (folder / "images").symlink_to(boxes / "images")
    text = (boxes / "annotations/train.json").read_text()
    (folder / "annotations/train.json").write_text(text.replace("    16,\n    12\n", "    160,\n    12\n", 1))
    monkeypatch.chdir(tmp_path)
    assert rlkit("perception", "train", "--network", "centernet-compact", "--data", folder) == 2
    assert "lies outside of its picture" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_data_with_unknown_objects_are_refused(rlkit, run, boxes, tmp_path, capsys):
    folder = tmp_path / "boxes"
    (folder / "annotations").mkdir(parents=True)
    (folder / "images").symlink_to(boxes / "images")
    text = (boxes / "annotations/val.json").read_text()
    (folder / "annotations/val.json").write_text(text.replace('"block"', '"ball"'))
    assert rlkit("perception", "evaluate", run, "--data", folder) == 2
    assert "objects that the detector does not know: ball. It finds block." in capsys.readouterr().err


def test_the_hyperparameters_of_detectors_are_listed_beside_the_others(rlkit, capsys):
    assert rlkit("perception", "hyperparameters", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    meanings = {row["name"]: row["meaning"] for row in rows}
    assert meanings["box_weight"].startswith("Detectors: weight of the boxes' loss")
    assert [row["simulator"] for row in rows if row["name"] == "select_by"] == ["drivable_iou", "ap"]
