"""Training a captioner: content of the run folder, exact resumption, and that it learns."""

import json
import os
import signal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from rlkit.captioning import resume, train
from rlkit.captioning.captioner import load_captioner
from rlkit.captioning.config import plan
from rlkit.detection import resume as resume_detection
from rlkit.errors import UserError
from rlkit.perception.detector import Detector
from rlkit.perception.model import find_model
from rlkit.perception.model_card import DetectorCard
from rlkit.perception.networks import build_detector
from rlkit.training.checkpoint import read_checkpoint
from rlkit.training.logger import read_metrics
from rlkit.training.progress import PlainReporter

SETTINGS = {"batch_size": "4", "bn_samples": "8", "threads": "1", "freeze_encoder": "false"}


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


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """The file of an untrained detector."""
    network = build_detector("centernet-compact", 2, 0, torch.Generator().manual_seed(0))
    path = tmp_path_factory.mktemp("detector") / "detector.safetensors"
    Detector(network, DetectorCard("centernet-compact", ("car", "cone"), None, (32, 64), True)).save(path)
    return path


def digests(folder):
    checkpoint = max((folder / "checkpoints").iterdir())
    files = read_checkpoint(checkpoint).manifest["files"]
    return {name: digest for name, digest in files.items() if name.endswith(".safetensors")}


def test_a_run_folder_holds_a_captioner_with_its_card(go, make_source):
    folder, listener = go("run", make_source(10, frames=2, signals=("speed",)))
    assert {"config.json", "metrics.jsonl", "checkpoints", "best", "pictures"} <= {p.name for p in folder.iterdir()}
    card = load_captioner(find_model(folder)).card
    assert (card.vocabulary.words, card.frames, card.signals) == (make_source.words, 2, ("speed",))
    assert (card.language, card.trained["data"]) == ("en", "squares")
    assert json.loads((folder / "config.json").read_text())["kind"] == "captioning"
    rows = read_metrics(folder)
    assert {"eval/likelihood", "eval/slots", "eval/slot/side"} <= rows[-1].keys() | rows[-2].keys()
    assert any("2 pictures of each example and speed; sentences in en of 8 words" in line for line in listener.said)


@pytest.mark.parametrize("dropout", ["0", "0.3"])
def test_interrupted_and_resumed_equals_uninterrupted(dropout, go, make_source):
    options = {"settings": SETTINGS | {"dropout": dropout}, "steps": 4}
    whole, _ = go("whole", **options)
    parts, listener = go("parts", stop_after=3, **options)
    assert "stopped by Ctrl-C after 3 steps" in listener.said[-1]
    assert resume(parts, data=make_source(10), reporter=lambda _: Listener()).steps == 4
    assert digests(whole) == digests(parts)
    one, other = (load_file(folder / "best/model.safetensors") for folder in (whole, parts))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_frozen_encoder_stays_that_of_the_detector(go, detector):
    folder, _ = go("run", init=detector, settings=SETTINGS | {"freeze_encoder": "true"})
    ours, theirs = load_file(folder / "best/model.safetensors"), load_file(detector)
    shared = {name: tensor for name, tensor in ours.items() if name.startswith("encoder.")}
    assert len(shared) > 50
    assert all(torch.equal(tensor, theirs[name.removeprefix("encoder.")]) for name, tensor in shared.items())


def test_with_a_pool_too_a_resumed_run_equals_an_uninterrupted_one(go, make_source, detector):
    settings = SETTINGS | {"freeze_encoder": "true", "pool": "12"}
    whole, _ = go("whole", init=detector, settings=settings, steps=4)
    parts, _ = go("parts", init=detector, settings=settings, steps=4, stop_after=3)
    assert resume(parts, data=make_source(10), reporter=lambda _: Listener()).steps == 4
    assert digests(whole) == digests(parts)


def test_a_frozen_encoder_needs_trained_weights(make_source):
    settings = {"freeze_encoder": "true"}
    shipped = "--init pretrained:centernet-compact, or"
    with pytest.raises(UserError, match=f"name a model with a trained encoder, such as {shipped}"):
        plan(make_source(), settings=settings)
    with pytest.raises(UserError, match=rf"needs all weights .* fits but for lateral.* such as {shipped}"):
        plan(make_source(), settings=settings, init="pretrained:segnet-compact")
    planned = plan(make_source(), settings=settings, init="pretrained:centernet-compact")
    assert planned.notes == ()


def test_another_captioner_gives_all_but_other_words(go, make_source):
    first, _ = go("first", steps=1)
    other = make_source(10)
    other.words = make_source.words[::-1]
    settings = SETTINGS | {"learning_rate": "1e-9"}
    folder, listener = go("second", other, steps=1, init=first, settings=settings, seed=1)
    before, after = (load_file(path / "best/model.safetensors") for path in (first, folder))
    assert torch.allclose(before["recurrent.weight"], after["recurrent.weight"], atol=1e-6)
    assert not torch.allclose(before["embedding.weight"], after["embedding.weight"], atol=1e-3)
    assert any("fits but for" in line and "embedding.weight" in line for line in listener.warned)


def test_a_run_of_another_kind_or_with_other_words_is_refused(go, make_source):
    folder, _ = go("run", steps=1)
    with pytest.raises(UserError, match="a run of captioning training, not of detection training"):
        resume_detection(folder)
    other = make_source(10)
    other.words = ("a", "blue", "square")
    with pytest.raises(UserError, match="has other words, pictures or signals of an example than this run"):
        resume(folder, data=other)


def test_weights_are_not_selected_by_what_the_data_lack(coco):
    with pytest.raises(UserError, match="select_by = slots needs a grammar"):
        plan(coco, settings={"select_by": "slots"})


def test_captions_of_files_are_learned_with_their_own_vocabulary(go, coco):
    folder, _ = go("run", coco, steps=2, settings=SETTINGS | {"min_count": "14", "dropout": "0"})
    card = load_captioner(find_model(folder)).card
    assert card.vocabulary.words == ("a", "on", "square", "the")
    assert card.size == (32, 64)


@pytest.mark.slow
def test_it_says_what_is_where(go, make_source):
    settings = SETTINGS | {"batch_size": "16", "learning_rate": "5e-3", "ema_decay": "0.9", "precision": "float32"}
    settings |= dict.fromkeys(("recolour", "blotches", "haze", "hue", "blur", "noise", "saturation"), "0")
    folder, _ = go("run", make_source(), steps=150, val_freq=50, save_freq=0, settings=settings)
    source = make_source()
    batch = source.batch(32, np.random.default_rng(9))
    found = load_captioner(find_model(folder)).describe(batch.images, batch.signals)
    said = [source.slots_of(tokens) for tokens in found]
    assert sum(one == truth for one, truth in zip(said, batch.slots, strict=True)) >= 28
