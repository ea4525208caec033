"""`rlkit perception` with a captioner, as a stranger meets it."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from rlkit.captioning.captioner import Captioner, CaptionerCard
from rlkit.captioning.vocabulary import Vocabulary
from rlkit.perception.networks import build_captioner

WORDS = ("a", "dark", "picture")


@pytest.fixture(scope="module")
def captions(tmp_path_factory):
    """Dark pictures with a caption each in COCO's layout: 2 for training, 3 for tests."""
    folder = tmp_path_factory.mktemp("captions")
    (folder / "annotations").mkdir()
    for split, count in (("train", 2), ("val", 3)):
        (folder / split).mkdir()
        for n in range(count):
            Image.fromarray(np.full((32, 48, 3), 40, np.uint8)).save(folder / split / f"{n}.png")
        images = [{"id": n, "file_name": f"{n}.png", "height": 32, "width": 48} for n in range(count)]
        annotations = [{"id": n, "image_id": n, "caption": "A dark picture."} for n in range(count)]
        text = json.dumps({"images": images, "annotations": annotations})
        (folder / "annotations" / f"captions_{split}.json").write_text(text)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The file of an untrained captioner."""
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    vocabulary = Vocabulary(WORDS)
    network = build_captioner("nic-compact", len(vocabulary), 1, 0, 0, torch.Generator().manual_seed(0))
    Captioner(network, CaptionerCard("nic-compact", (32, 48), vocabulary, 1, ())).save(path)
    return path


def test_sentences_are_printed_and_drawn_on_a_sheet(rlkit, model, captions, tmp_path, capsys):
    out = tmp_path / "sheet.png"
    assert rlkit("perception", "predict", model, "--data", captions, "--num-images", 2, "--out", out) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in told[:2]] == ["0", "1"]
    assert told[2] == f"2 pictures: {out}"
    with Image.open(out) as sheet:
        assert sheet.width > 440


def test_a_sheet_that_cannot_be_written_leaves_no_file(rlkit, model, captions, tmp_path, monkeypatch, capsys):
    def fail(self, file, **options):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    assert rlkit("perception", "predict", model, "--data", captions, "--out", tmp_path / "sheet.png") == 1
    assert "sheet.png: the disk is full" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["evaluate", "MODEL", "--min-height", "0"], "--min-height"),
        (["evaluate", "MODEL", "--env-kwargs", "weather=fog"], "--env-kwargs"),
        (["predict", "MODEL", "--input", "photo.png"], "--input"),
        (["train", "--network", "nic-compact", "--learners", "2"], "--learners"),
        (["train", "--network", "nic-compact", "--pretrained-vgg16", "a.safetensors"], "--pretrained-vgg16"),
    ],
)
def test_options_of_other_models_are_refused(rlkit, model, arguments, option, capsys):
    assert rlkit("perception", *(model if one == "MODEL" else one for one in arguments)) == 2
    assert f"{option} has no meaning for a captioner: leave it out" in capsys.readouterr().err


def test_a_captioner_is_evaluated_on_the_data_that_are_named(rlkit, model, captions, tmp_path, capsys):
    pytest.importorskip("pycocoevalcap", reason="needs the extra captioning")
    assert rlkit("perception", "evaluate", model) == 2
    assert "--data is needed: the training data of" in capsys.readouterr().err
    assert rlkit("perception", "evaluate", model, "--data", captions, "--json", tmp_path / "figures.json") == 0
    assert "bleu4" in capsys.readouterr().out
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert (figures["split"], figures["pictures"]) == ("val", 3)
    assert figures["searched_again"] is None  # there is no grammar
