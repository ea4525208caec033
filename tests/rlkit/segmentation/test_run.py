"""Training a network: content of the run folder, and exact resumption."""

import json
import os
import shutil
import signal
import threading
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from rlkit.env.config import EnvConfig
from rlkit.errors import UserError
from rlkit.perception.model import SegmentationModel, find_model, load_model
from rlkit.segmentation import resume, train
from rlkit.segmentation.datasets.simulator import SimulatorDataset
from rlkit.segmentation.learner import SegmentationLearner
from rlkit.training.checkpoint import read_checkpoint
from rlkit.training.logger import read_metrics
from rlkit.training.progress import PlainReporter

SETTINGS = {"batch_size": "4", "bn_samples": "8", "threads": "1"}


class Listener(PlainReporter):
    """Keeps all messages, and sends Ctrl-C after some steps."""

    def __init__(self, total=0, stop_after=float("inf")):
        super().__init__(total, quiet=True)
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


@pytest.fixture(autouse=True)
def _tell_at_every_step(monkeypatch):
    monkeypatch.setattr("rlkit.training.trainer.REFRESH", 0)


@pytest.fixture
def go(tmp_path, make_source):
    """Train in tmp_path/NAME on stripes; returns the folder and the reporter."""

    def start(name, steps=12, pictures=None, stop_after=float("inf"), source=None, **options):
        listener = Listener(stop_after=stop_after)
        options = {"network": "tiny", "val_freq": 5, "save_freq": 4, "settings": SETTINGS} | options
        train(
            source or make_source(pictures),
            steps=steps,
            run_dir=tmp_path / name,
            reporter=lambda _: listener,
            **options,
        )
        return tmp_path / name, listener

    return start


def final(folder):
    checkpoint = max((folder / "checkpoints").iterdir())
    training = json.loads((checkpoint / "training.json").read_text())
    training["loop"].pop("seconds")
    files = read_checkpoint(checkpoint).manifest["files"]
    digests = {name: digest for name, digest in files.items() if name.endswith(".safetensors")}
    return training, digests, load_file(folder / "best/model.safetensors")


def curve(folder):
    rows = read_metrics(folder)
    return [{k: v for k, v in row.items() if k != "seconds" and not k.startswith("time/")} for row in rows]


def test_a_run_folder_holds_a_model_that_finds_the_road(go, source):
    folder, _ = go("run", steps=60, settings=SETTINGS | {"learning_rate": "3e-2"})
    names = {path.name for path in folder.iterdir()}
    assert {"config.json", "metrics.jsonl", "checkpoints", "best", "pictures"} <= names
    assert any(name.startswith("events.out") for name in names)
    model = load_model(find_model(folder))
    batch = source.batch(4, np.random.default_rng(9))
    assert (model.labels(batch.images) == batch.labels).mean() > 0.9
    assert model.card.classes == source.classes
    assert model.card.trained["data"] == "stripes"
    rows = read_metrics(folder)
    assert rows[-1]["eval/drivable_iou"] > 0.8
    assert {"train/loss", "train/learning_rate", "time/pictures_per_second"} <= rows[0].keys()


@pytest.mark.parametrize("pictures", [None, 10])
def test_interrupted_twice_and_resumed_equals_uninterrupted(pictures, go, make_source, monkeypatch):
    monkeypatch.setattr("rlkit.training.trainer.LOGS", 3)  # so that interruptions come between two records
    settings = SETTINGS | {"prefetch": "0" if pictures else "2"}
    whole, _ = go("whole", pictures=pictures, settings=settings)
    parts, listener = go("parts", pictures=pictures, settings=settings, stop_after=3)
    assert "stopped by Ctrl-C after 3 steps" in listener.said[-1]
    for stop in (7, float("inf")):
        again = Listener(stop_after=stop)
        outcome = resume(parts, data=make_source(pictures), reporter=lambda _, listener=again: listener)
    assert outcome.stopped is None
    assert outcome.steps == 12
    (a, digests_a, best_a), (b, digests_b, best_b) = final(whole), final(parts)
    assert a == b
    assert digests_a == digests_b
    assert all(torch.equal(best_a[name], best_b[name]) for name in best_a)
    assert curve(whole) == curve(parts)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_a_validation_which_is_done_again(name, go, source, monkeypatch):
    whole, _ = go("whole")
    labels = SegmentationModel.labels

    def stopped(model, images):
        os.kill(os.getpid(), getattr(signal, name))
        return labels(model, images)

    monkeypatch.setattr("rlkit.segmentation.network_trainer.AT_ONCE", 2)
    with monkeypatch.context() as patch:
        patch.setattr(SegmentationModel, "labels", stopped)
        parts, listener = go("parts")
    assert f"stopped by {'Ctrl-C' if name == 'SIGINT' else name} after 5 steps" in listener.said[-1]
    assert "000000005" in [checkpoint.name for checkpoint in (parts / "checkpoints").iterdir()]
    assert not any(tag.startswith("eval/") for row in read_metrics(parts) for tag in row)
    assert resume(parts, data=source, reporter=lambda _: Listener()).stopped is None
    assert final(parts)[:2] == final(whole)[:2]
    assert curve(parts) == curve(whole)


def test_a_signal_is_heard_while_pictures_are_waited_for(go, source, make_source, monkeypatch):
    """A folder on a network drive that does not answer: the thread that reads is left behind."""
    monkeypatch.setattr("rlkit.segmentation.loader.LEAVE", 0.2)
    whole, _ = go("whole", settings=SETTINGS | {"prefetch": "2"})
    slow, answered = make_source(), threading.Event()
    training = slow.training

    def waiting(*arguments):
        for number, batch in enumerate(training(*arguments)):
            if number == 8:
                os.kill(os.getpid(), signal.SIGTERM)
                answered.wait(60.0)
            yield batch

    slow.training = waiting
    began = time.monotonic()
    parts, listener = go("parts", source=slow, settings=SETTINGS | {"prefetch": "2"})
    answered.set()
    assert time.monotonic() - began < 30.0
    assert "stopped by SIGTERM after" in listener.said[-1]
    assert resume(parts, data=source, reporter=lambda _: Listener()).stopped is None
    assert final(parts)[:2] == final(whole)[:2]


def test_with_the_simulator_too_a_resumed_run_equals_an_uninterrupted_one(go):
    def simulator():
        environment = EnvConfig("rlkit/DrivingCamera-v0", {"num_circuits": 2})
        return SimulatorDataset(environment, selected=2)

    whole, _ = go("whole", steps=5, source=simulator())
    parts, _ = go("parts", steps=5, source=simulator(), stop_after=2)
    assert resume(parts, data=simulator(), reporter=lambda _: Listener()).steps == 5
    assert final(whole)[1] == final(parts)[1]


def test_one_seed_gives_one_run_and_another_seed_another(go):
    runs = [final(go(name, seed=seed)[0]) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    assert runs[0][1] == runs[1][1]
    assert runs[0][1] != runs[2][1]


def test_a_thread_that_prepares_pictures_changes_nothing(go):
    a, b = (go(f"ahead{count}", settings=SETTINGS | {"prefetch": count})[0] for count in ("0", "3"))
    assert final(a)[1]["weights.safetensors"] == final(b)[1]["weights.safetensors"]


def test_a_complete_run_says_so_and_stays_as_it_is(go, source):
    folder, _ = go("run")
    before = final(folder)[1]
    listener = Listener()
    assert resume(folder, data=source, reporter=lambda _: listener).steps == 12
    assert "complete" in listener.said[-1]
    assert final(folder)[1] == before


def test_a_complete_run_is_trained_further_and_resumes_exactly(go, make_source):
    whole, _ = go("whole", pictures=10)
    parts, _ = go("parts", pictures=10)
    listener = Listener()
    assert resume(whole, data=make_source(10), epochs=8, reporter=lambda _: listener).steps == 24
    assert any("24 steps in place of 12" in line and "after 12" in line for line in listener.said)
    resume(parts, data=make_source(10), steps=24, reporter=lambda _: Listener(stop_after=16))
    assert resume(parts, data=make_source(10), reporter=lambda _: Listener()).steps == 24
    assert final(whole)[1] == final(parts)[1]
    assert curve(whole) == curve(parts)
    assert read_metrics(whole)[-2]["train/learning_rate"] > 0
    with pytest.raises(UserError, match=r"--epochs 2: a budget of 6 steps, and .* is trained for 24 already"):
        resume(whole, data=make_source(10), epochs=2, reporter=lambda _: Listener())
    with pytest.raises(UserError, match="leave one out"):
        resume(whole, data=make_source(10), epochs=20, steps=60, reporter=lambda _: Listener())


def test_a_run_that_ended_by_its_patience_is_not_trained_further(go, source):
    folder, _ = go("run", steps=60, val_freq=1, settings=SETTINGS | {"patience": "1", "learning_rate": "1e-9"})
    config = (folder / "config.json").read_bytes()
    with pytest.raises(UserError, match=r"patience=1\): begin another run with --init"):
        resume(folder, data=source, steps=100, reporter=lambda _: Listener())
    assert (folder / "config.json").read_bytes() == config


def test_the_time_limit_stops_measures_and_saves(go):
    folder, listener = go("run", steps=100_000, time_limit=0.5, val_freq=100_000)
    assert "stopped by time limit" in listener.said[-1]
    assert (folder / "best/model.safetensors").exists()
    assert any((folder / "checkpoints").iterdir())


def test_without_a_better_selection_for_long_enough_training_ends(go, source):
    folder, listener = go("run", steps=500, val_freq=1, settings=SETTINGS | {"patience": "3", "learning_rate": "1e-9"})
    rows = [row for row in read_metrics(folder) if "eval/drivable_iou" in row]
    scores = [row["eval/drivable_iou"] for row in rows]
    assert len(rows) < 500
    assert max(scores[:-3]) >= max(scores[-3:])
    assert "stopped" not in listener.said[-1]
    resumed = Listener()
    resume(folder, data=source, reporter=lambda _: resumed)
    assert "complete" in resumed.said[-1]


def test_a_loss_that_is_no_number_stops_with_the_checkpoint_before_kept(go, source, tmp_path, monkeypatch):
    original = SegmentationLearner.update

    def update(self, images, labels, step):
        return original(self, images, labels, step) * (float("nan") if step == 6 else 1.0)

    monkeypatch.setattr(SegmentationLearner, "update", update)
    with pytest.raises(UserError, match=r"nan in step 7, .*learning_rate"):
        go("run")
    assert [folder.name for folder in (tmp_path / "run/checkpoints").iterdir()] == ["000000000", "000000004"]
    monkeypatch.setattr(SegmentationLearner, "update", original)
    assert resume(tmp_path / "run", data=source, reporter=lambda _: Listener()).steps == 12


def test_without_pictures_to_select_by_the_newest_model_is_the_best(go, make_source):
    folder, _ = go("run", source=make_source(selected=0))
    assert load_model(find_model(folder)).card.trained["steps"] == 12


def test_training_begins_with_another_model(go):
    first, _ = go("first")
    second, listener = go("second", steps=1, init=first, settings=SETTINGS | {"learning_rate": "1e-12"})
    a, b = (load_file(folder / "best/model.safetensors") for folder in (first, second))
    assert all(torch.allclose(a[name], b[name], atol=1e-5) for name in a if name.endswith("weight"))
    assert any("model.safetensors (sha256" in line for line in listener.said)
    third, _ = go("third", steps=1, seed=5)
    c = load_file(third / "best/model.safetensors")
    assert not all(torch.allclose(a[name], c[name], atol=1e-3) for name in a)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"steps": 0}, "--steps 0"),
        ({"steps": 5, "epochs": 2}, "leave one out"),
        ({"steps": None, "epochs": 2}, "never end"),
        ({"seed": -1}, "--seed -1"),
        ({"network": "segnet-compct"}, "segnet-compact"),
        ({"preset": "filess"}, "Did you mean files"),
        ({"settings": {"learning_rat": "1"}}, "Did you mean learning_rate"),
        ({"settings": {"learning_rate": "0"}}, "learning_rate"),
        ({"settings": {"optimizer": "adma"}}, "adamw"),
        ({"device": "gpu"}, "--device"),
        ({"time_limit": -1.0}, "--time-limit"),
        ({"val_freq": 0}, "--val-freq"),
        ({"init": "nowhere"}, "nowhere"),
        ({"init": "nowhere", "vgg16": "x"}, "leave one out"),
    ],
)
def test_what_a_user_can_mend_is_named_and_leaves_no_folder(options, sentence, go, tmp_path):
    with pytest.raises(UserError, match=sentence):
        go("run", **options)
    assert not (tmp_path / "run").exists()


def test_a_folder_in_use_is_refused(go, source):
    folder, _ = go("run")
    with pytest.raises(UserError, match="already holds a run"):
        go("run")
    (folder / "config.json").write_text("{}")
    with pytest.raises(UserError, match="no configuration of segmentation training"):
        resume(folder, data=source)


def test_data_with_other_classes_are_refused_when_going_on(go, make_source):
    folder, _ = go("run", stop_after=2)
    source = make_source()
    source.classes = type(source.classes)(("grass", "street"), ("street",))
    with pytest.raises(UserError, match="other classes"):
        resume(folder, data=source)


def killed_at_once(monkeypatch, trained):
    """Start a training and end it before its first step, without the checkpoint at the end."""

    def update(self, images, labels, step):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(SegmentationLearner, "update", update)
        with pytest.raises(KeyboardInterrupt):
            trained()


@pytest.mark.parametrize("lost", [False, True])
def test_killed_before_the_first_interval_it_goes_on_with_the_same_weights(go, source, tmp_path, monkeypatch, lost):
    whole, _ = go("whole")
    killed_at_once(monkeypatch, lambda: go("parts"))
    if lost:  # killed even before its first weights were saved
        shutil.rmtree(tmp_path / "parts/checkpoints")
    assert resume(tmp_path / "parts", data=source, reporter=lambda _: Listener()).steps == 12
    assert final(tmp_path / "parts")[1] == final(whole)[1]


def test_killed_before_the_first_interval_it_goes_on_with_the_weights_it_was_given(go, source, tmp_path, monkeypatch):
    given, _ = go("given", seed=5)
    whole, _ = go("whole", init=given)
    killed_at_once(monkeypatch, lambda: go("parts", init=given))
    shutil.rmtree(given)
    assert resume(tmp_path / "parts", data=source, reporter=lambda _: Listener()).steps == 12
    assert final(tmp_path / "parts")[1] == final(whole)[1]


def test_without_the_weights_it_was_given_it_does_not_go_on_with_others(go, source, tmp_path, monkeypatch):
    given, _ = go("given", seed=5)
    killed_at_once(monkeypatch, lambda: go("parts", init=given))
    shutil.rmtree(tmp_path / "parts/checkpoints")
    with pytest.raises(UserError, match=r"does not hold the weights that it began with .*--init"):
        resume(tmp_path / "parts", data=source, reporter=lambda _: Listener())


def test_a_log_is_not_cut_where_all_checkpoints_are_damaged_or_gone(go, source):
    folder, _ = go("run", stop_after=9)
    log = (folder / "metrics.jsonl").read_bytes()
    for checkpoint in (folder / "checkpoints").iterdir():
        (checkpoint / "weights.safetensors").write_bytes(b"spoilt")
    with pytest.raises(UserError, match=r"no checkpoint in .* is intact"):
        resume(folder, data=source, reporter=lambda _: Listener())
    shutil.rmtree(folder / "checkpoints")
    with pytest.raises(UserError, match="no checkpoint any more"):
        resume(folder, data=source, reporter=lambda _: Listener())
    assert (folder / "metrics.jsonl").read_bytes() == log


@pytest.mark.parametrize("name", ["best", "pictures", "checkpoints", ".lock", "best/model.safetensors"])
def test_links_out_of_a_run_are_refused(go, source, tmp_path, name):
    folder, _ = go("run", stop_after=6)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    place = folder / name
    place.rename(tmp_path / "aside")
    place.symlink_to(mine / "thesis.txt" if place.suffix or name == ".lock" else mine)
    with pytest.raises(UserError, match="symbolic link"):
        resume(folder, data=source, reporter=lambda _: Listener())
    assert [(path.name, path.read_text()) for path in mine.iterdir()] == [("thesis.txt", "years of work")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 10**30),
        ("seed", 2**70),
        ("val_fraction", "x"),
        ("preset", "nobody"),
        ("network", 7),
        ("data", None),
        ("env_kwargs", [1]),
        ("pictures", 1.5),
        ("device", "tpu"),
        ("size", [10**9, "x"]),
    ],
)
def test_settings_that_no_run_can_have_are_refused(go, source, name, value):
    folder, _ = go("run", steps=1)
    tree = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(tree | {name: value}))
    with pytest.raises(UserError, match=r"config\.json cannot be used: .*expected"):
        resume(folder, data=source, reporter=lambda _: Listener())


def test_code_that_a_run_names_is_imported_only_if_it_is_typed(go, source, tmp_path, monkeypatch):
    folder, _ = go("run", steps=1)
    (tmp_path / "evil_envs.py").write_text("raise RuntimeError('code from a file was run')")
    monkeypatch.chdir(tmp_path)
    tree = json.loads((folder / "config.json").read_text())
    for change, remedy in (
        ({"data": "env:evil_envs:Env"}, "needs the code of 'evil_envs:Env'"),
        ({"data": "env:evil_envs:Env", "env_kwargs": {"a": "evil_envs.X"}}, "needs the code of 'evil_envs:Env'"),
        ({"data": "sim", "env_kwargs": {"a": "evil_envs.X"}}, "add: --env-kwargs a=evil_envs.X"),
    ):
        (folder / "config.json").write_text(json.dumps(tree | change))
        with pytest.raises(UserError, match=remedy):
            resume(folder, reporter=lambda _: Listener())
    with pytest.raises(UserError, match=r"a='other': this run has 'evil_envs\.X'; leave it out"):
        resume(folder, env_kwargs={"a": "other"}, reporter=lambda _: Listener())
