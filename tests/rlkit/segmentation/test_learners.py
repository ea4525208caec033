"""Two learners with half of a batch each take the steps of one learner with the whole batch."""

import contextlib
import copy
import dataclasses
import itertools
import json
import os
import signal

import numpy as np
import pytest
import torch
from torch import nn

from rlkit.errors import UserError
from rlkit.nn.distributed import ALONE, LearnerGroup
from rlkit.perception.model import load_model
from rlkit.segmentation import resume, train
from rlkit.segmentation.hyperparameters import Hyperparameters
from rlkit.segmentation.learner import SegmentationLearner, seeded
from rlkit.segmentation.loader import TrainingPictures
from rlkit.spaces import IGNORED
from rlkit.training.checkpoint import read_checkpoint
from rlkit.training.progress import PlainReporter

SETTINGS = {
    "plain": {},
    "weighted, with dice": {"dice": 0.5, "label_smoothing": 0.1},
}


class Tiny(nn.Sequential):
    """Two classes of each pixel, with batch norm."""

    def __init__(self, seed):
        with seeded(seed):
            super().__init__(
                nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
                nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 2, 1),
            )  # fmt: skip


@pytest.mark.parametrize("kind", SETTINGS)
def test_gradients_losses_and_statistics_equal_those_of_one_learner(kind, together, source):
    """Labels are missing, and classes are rare, in one half only."""
    pictures = [source.batch(4, np.random.default_rng(number)) for number in range(2)]
    batches = [(one.images, one.labels.copy()) for one in pictures]
    for _, labels in batches:
        labels[:2, :5] = IGNORED
        labels[0] = 0
    settings = Hyperparameters(batch_size=4, max_grad_norm=1.0, optimizer="sgd", precision="float32")
    settings = dataclasses.replace(settings, **SETTINGS[kind])
    weights = None if kind == "plain" else np.array([0.5, 2.0], dtype=np.float32)

    networks = [Tiny(seed) for seed in (3, 4)]  # before threads share torch's generator

    def learn(group):
        network = copy.deepcopy(networks[group.rank])  # all begin with the weights of the first
        learner = SegmentationLearner(network, settings, 10, class_weights=weights, group=group)
        rows = slice(group.rank * 4 // group.count, (group.rank + 1) * 4 // group.count)
        found = []
        for step, (images, labels) in enumerate(batches):
            loss = learner.update(images[rows], labels[rows], step)
            gradients = [parameter.grad.clone() for parameter in learner.network.parameters()]
            found.append((loss, gradients, {name: value.clone() for name, value in learner.weights().items()}))
        return found, learner.averaged([]).state_dict()

    expected = learn(ALONE)
    halves = together(2, learn)
    for found in halves:
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    assert all(torch.equal(tensor, halves[1][1][name]) for name, tensor in halves[0][1].items())


@pytest.mark.parametrize("pictures", [None, 10])
def test_learners_divide_each_batch(pictures, make_source):
    def taken(group):
        loader = TrainingPictures(make_source(pictures), lambda batch, _: batch, 4, 7, statistics=6, group=group)
        return [batch.images for batch in itertools.islice(loader.batches(), 5)], loader

    whole, _ = taken(ALONE)
    (first, loader), (second, other) = (taken(LearnerGroup(rank, 2)) for rank in range(2))
    for number, batch in enumerate(whole):
        parts = np.concatenate([first[number], second[number]])
        assert parts.shape == batch.shape
        assert len({picture.tobytes() for picture in parts}) == len({picture.tobytes() for picture in batch})
        assert pictures is None or np.array_equal(parts, batch)
    assert sum(map(len, loader.statistics)) == 6
    assert loader.ready
    assert other.ready
    assert other.statistics == []


class Interrupting(PlainReporter):
    """Sends Ctrl-C after some steps."""

    def __init__(self, stop_after=float("inf")):
        super().__init__(0, quiet=True)
        self.stop_after = stop_after

    def progress(self, steps, figures):
        if steps >= self.stop_after:
            self.stop_after = float("inf")
            os.kill(os.getpid(), signal.SIGINT)


def digests(folder):
    parts = [max((part / "checkpoints").iterdir()) for part in (folder, folder / "learners/1")]
    files = [read_checkpoint(part).manifest["files"] for part in parts]
    return [{name: digest for name, digest in found.items() if name != "training.json"} for found in files]


@pytest.mark.usefixtures("in_threads")
def test_a_run_of_two_learners_is_resumed_exactly(tmp_path, monkeypatch, source, save):
    for split in ("train", "selection"):
        pictures = source.batch(6, np.random.default_rng(0))
        for number, (image, labels) in enumerate(zip(pictures.images, pictures.labels, strict=True)):
            save(f"data/images/{split}/{split}{number}.png", image)
            save(f"data/masks/{split}/{split}{number}.png", labels)
    (tmp_path / "data/classes.json").write_text(json.dumps({"names": ["grass", "road"], "drivable": ["road"]}))
    monkeypatch.setattr("rlkit.training.trainer.REFRESH", 0)
    # Threads share torch's global generator, from which no layer of this network draws.
    monkeypatch.setattr("rlkit.segmentation.learner.seeded", lambda *_: contextlib.nullcontext())
    settings = {"batch_size": "4", "bn_samples": "4", "threads": "1", "prefetch": "0"}
    options = {"network": "tiny", "val_freq": 4, "save_freq": 4, "settings": settings, "learners": 2}

    def go(name, **more):
        silent = {"reporter": lambda _: Interrupting()}
        return train(tmp_path / "data", steps=8, run_dir=tmp_path / name, **silent | options | more)

    assert go("whole").stopped is None
    assert go("part", reporter=lambda _: Interrupting(stop_after=3)).stopped == "Ctrl-C"
    assert resume(tmp_path / "part", reporter=lambda _: Interrupting()).steps == 8
    first, second = digests(tmp_path / "whole")
    assert digests(tmp_path / "part") == [first, second]
    assert first["weights.safetensors"] == second["weights.safetensors"]
    assert load_model(tmp_path / "whole/best/model.safetensors").card.trained["steps"] in (4, 8)
    # Patience ends the training of both.
    assert go("patient", settings=settings | {"patience": "1", "learning_rate": "1e-12"}, val_freq=1).steps < 8


def test_data_given_in_python_are_refused(make_source):
    with pytest.raises(UserError, match="learners=2: each opens the data itself; give a name or a folder"):
        train(make_source(10), network="tiny", learners=2)


def test_a_batch_that_cannot_be_divided_is_refused():
    with pytest.raises(UserError, match="--learners 3: batch_size = 16 cannot be divided by it"):
        train("sim", learners=3, settings={"batch_size": "16"}, size=(24, 32))
