"""A run that starts from the weights of a trained agent: only they are taken over, and it resumes exactly."""

import dataclasses
import json
import shutil

import pytest
import torch

import rlkit
from rlkit.errors import UserError
from rlkit.experiments.groups import group_runs
from rlkit.experiments.records import read_run
from rlkit.policy import find_policy
from rlkit.training.config import RunConfig, plan
from rlkit.training.progress import PlainReporter
from rlkit.training.run import resume, start
from rlkit.training.run_folder import RunFolder
from rlkit.training.trained_agent import find_trained, initialised
from rlkit.utils.io import load_tensors, sha256

TINY = {"batch_size": "16", "hidden": "16", "learning_starts": "100"}
USUAL = {"steps": 240, "num_envs": 4, "eval_freq": 0, "save_freq": 80, "deterministic": True}


def quiet(total):
    return PlainReporter(total, quiet=True)


def train(folder, init, settings=TINY, **more):
    return rlkit.train("CartPole-v1", init=init, run_dir=folder, settings=settings, reporter=quiet, **USUAL | more).path


def weights_of(run):
    return load_tensors(max((run / "checkpoints").glob("[0-9]*")) / "weights.safetensors")


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_training_starts_from_these_weights_and_keeps_its_own_steps(cartpole_run, tmp_path):
    run = train(tmp_path / "run", cartpole_run, steps=80)  # no update before learning_starts
    assert equal(weights_of(run), find_trained(cartpole_run).weights())
    assert not equal(weights_of(train(tmp_path / "fresh", None, steps=80)), find_trained(cartpole_run).weights())


def test_statistics_of_observations_are_kept_with_the_weights(cartpole_run, tmp_path):
    run = train(tmp_path / "run", cartpole_run)
    ours, theirs = weights_of(run), find_trained(cartpole_run).weights()
    assert torch.equal(ours["encoder.normalize.mean"], theirs["encoder.normalize.mean"])
    assert not equal(ours, theirs)


def test_the_run_says_what_it_started_from_and_keeps_a_copy(cartpole_run, tmp_path):
    trained = find_trained(cartpole_run)
    run = train(tmp_path / "run", trained.source)
    stored = json.loads((run / "config.json").read_text())["init"]
    assert stored["source"] == trained.source
    assert stored["steps"] == trained.steps
    assert stored["sha256"] == sha256(run / "initial.safetensors") == trained.digest
    assert find_policy(run).to_json()["init"] == stored
    assert "init" not in json.loads((cartpole_run / "config.json").read_text())


class Stop(PlainReporter):
    def progress(self, steps, figures):
        if steps >= 100:
            raise KeyboardInterrupt


@pytest.mark.parametrize("saved", [True, False])
def test_it_resumes_exactly_also_before_its_first_checkpoint(cartpole_run, tmp_path, monkeypatch, saved):
    whole = train(tmp_path / "whole", cartpole_run)
    monkeypatch.setattr("rlkit.training.trainer.REFRESH", 0)
    config = initialised(plan("CartPole-v1", settings=TINY, **USUAL), cartpole_run)
    with pytest.raises(KeyboardInterrupt):
        start(config, run_dir=tmp_path / "half", reporter=lambda total: Stop(total, quiet=True))
    if not saved:
        shutil.rmtree(tmp_path / "half/checkpoints")
        (tmp_path / "half/metrics.jsonl").unlink()
    resume(tmp_path / "half", reporter=quiet)
    assert equal(weights_of(whole), weights_of(tmp_path / "half"))


def test_a_run_is_repeated_from_its_own_copy(cartpole_run, tmp_path):
    source = shutil.copytree(cartpole_run, tmp_path / "source")
    run = train(tmp_path / "run", source)
    shutil.rmtree(source)
    config = RunFolder.open(run, RunConfig).config
    again = start(config, run_dir=tmp_path / "again", reporter=quiet).path
    assert equal(weights_of(run), weights_of(again))


def test_runs_with_and_without_initial_weights_are_told_apart(cartpole_run, tmp_path):
    fresh = plan("CartPole-v1", settings=TINY, **USUAL)
    configs = [fresh, *(initialised(dataclasses.replace(fresh, seed=seed), cartpole_run) for seed in (0, 1))]
    runs = [RunFolder.create(tmp_path / str(number), config) for number, config in enumerate(configs)]
    groups = group_runs([read_run(run.path) for run in runs])
    assert [len(group.runs) for group in groups] == [1, 2]
    assert "random weights" in groups[0].label
    assert "weights of" in groups[1].label
    assert list(runs[1].config.differences(runs[2].config)) == ["seed"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"hidden": "24"}, r"dense\S+ is \(16.*\), expected \(24.*\)"),
        ({"dueling": "false"}, "its network is not that of this run: .* is missing|the network has no"),
    ],
)
def test_another_network_is_refused_by_its_layer_and_nothing_is_written(cartpole_run, tmp_path, settings, said):
    with pytest.raises(UserError, match=said):
        train(tmp_path / "run", cartpole_run, {**TINY, **settings})
    assert not (tmp_path / "run").exists()


def test_another_environment_is_refused_by_what_differs(cartpole_run, tmp_path):
    with pytest.raises(UserError, match=r"--init .*: vector of 4 then, vector of 6 now; actions: 2 then, 3 now"):
        rlkit.train("Acrobot-v1", init=cartpole_run, run_dir=tmp_path / "run", settings=TINY, reporter=quiet, **USUAL)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("random", "--init random: this is an agent without weights"),
        ("nowhere", "--init nowhere: there is no run folder there"),
        ("pretrained:nobody", "No agent called 'nobody' ships"),
    ],
)
def test_what_has_no_weights_is_refused(source, said, tmp_path):
    with pytest.raises(UserError, match=said):
        train(tmp_path / "run", source)


def test_a_copy_that_was_changed_is_refused(cartpole_run, tmp_path):
    run = train(tmp_path / "run", cartpole_run)
    shutil.rmtree(run / "checkpoints")
    (run / "metrics.jsonl").unlink()
    content = bytearray((run / "initial.safetensors").read_bytes())
    content[-1] ^= 1
    (run / "initial.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=r"initial\.safetensors is damaged"):
        resume(run, reporter=quiet)


@pytest.mark.parametrize(
    ("entry", "value", "said"),
    [
        ("source", 3, r"init\.source = 3: expected a text"),
        ("steps", "x", r"init\.steps = 'x': expected a whole number"),
        ("spaces", [], r"init\.spaces = \[\]: expected a text for each"),
        ("more", 1, "init = .*: expected an object with sha256, source, spaces, steps"),
    ],
)
def test_a_record_that_cannot_be_is_refused_by_its_entry(cartpole_run, tmp_path, entry, value, said):
    run = tmp_path / "run"
    run.mkdir()
    tree = json.loads((cartpole_run / "config.json").read_text())
    tree["init"] = {"source": "pretrained:pole", "steps": 1, "sha256": "0", "spaces": {}, entry: value}
    (run / "config.json").write_text(json.dumps(tree))
    with pytest.raises(UserError, match=rf"config\.json cannot be used: {said}"):
        RunFolder.open(run, RunConfig)
