"""Training by two learners: exact resumption, common stops, lost learners. In threads unless said otherwise."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from rlkit_agents.dqn import DQN

from rlkit import plugins
from rlkit.agent import Agent
from rlkit.env.seeding import episode_seed
from rlkit.errors import UserError
from rlkit.nn.distributed import share
from rlkit.training import learners
from rlkit.training.checkpoint import read_checkpoint, saved_steps
from rlkit.training.collector import Collector
from rlkit.training.config import plan
from rlkit.training.learners import started_learners
from rlkit.training.logger import read_metrics
from rlkit.training.progress import PlainReporter
from rlkit.training.run import resume, start, train

SETTINGS = {
    "batch_size": "16", "hidden": "16", "learning_starts": "64", "buffer_size": "512", "update_interval": "16",
    "per_alpha": "0.5", "noisy": "true",
}  # fmt: skip
OPTIONS = {"steps": 480, "num_envs": 8, "settings": SETTINGS, "eval_freq": 160, "eval_episodes": 2, "save_freq": 160}


class Listener(PlainReporter):
    """Keeps warnings, and sends Ctrl-C after some steps."""

    def __init__(self, stop_after=float("inf")):
        super().__init__(0, quiet=True)
        self.stop_after = stop_after
        self.warned = []

    def warn(self, sentence):
        if "global generators" not in sentence:  # threads share them
            self.warned.append(sentence)

    def progress(self, steps, figures):
        if steps >= self.stop_after:
            self.stop_after = float("inf")
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def _at_every_step(monkeypatch):
    monkeypatch.setattr("rlkit.training.trainer.REFRESH", 0)


def go(folder, stop_after=float("inf"), **options):
    listener = Listener(stop_after)
    return train("CartPole-v1", run_dir=folder, learners=2, reporter=lambda _: listener, **OPTIONS | options), listener


def saved(folder):
    """Digests of what both learners saved last, and the part of the state that is not in a tensor."""
    found = []
    for part in (folder, folder / "learners/1"):
        checkpoint = read_checkpoint(max((part / "checkpoints").glob("0*")))
        training = json.loads((checkpoint.folder / "training.json").read_text())
        training["loop"].pop("seconds")
        training["loop"]["latest"].pop("time/fps", None)
        files = {name: digest for name, digest in checkpoint.manifest["files"].items() if name != "training.json"}
        found.append((training, files))
    return found


def scores(folder):
    return [
        {tag: value for tag, value in row.items() if tag not in ("seconds", "time/fps")} for row in read_metrics(folder)
    ]


@pytest.mark.usefixtures("in_threads", "_at_every_step")
def test_a_stopped_and_resumed_run_equals_an_unbroken_one(tmp_path):
    whole, _ = go(tmp_path / "whole")
    assert whole.steps == 480
    part, _ = go(tmp_path / "part", stop_after=200)
    assert (part.stopped, 200 <= part.steps < 480) == ("Ctrl-C", True)
    assert resume(tmp_path / "part", reporter=lambda _: Listener()).stopped is None
    assert saved(tmp_path / "part") == saved(tmp_path / "whole")
    assert scores(tmp_path / "part") == scores(tmp_path / "whole")
    (first, weights), (second, same) = saved(tmp_path / "whole")
    assert weights["weights.safetensors"] == same["weights.safetensors"]
    assert first["replay"]["generator"] != second["replay"]["generator"]
    assert first["agent"]["steps"] == second["agent"]["steps"] == 480


@pytest.mark.usefixtures("in_threads")
def test_what_only_some_learners_saved_is_repeated(tmp_path):
    """As after a kill between the checkpoints of the others and that of the first."""
    go(tmp_path / "run")
    whole, lines = saved(tmp_path / "run"), scores(tmp_path / "run")
    shutil.rmtree(tmp_path / "run/checkpoints/000000480")
    listener = Listener()
    resume(tmp_path / "run", reporter=lambda _: listener)
    assert saved(tmp_path / "run") == whole
    assert scores(tmp_path / "run") == lines
    assert listener.warned == []
    shutil.rmtree(tmp_path / "run/learners/1/checkpoints/000000480")
    resume(tmp_path / "run", reporter=lambda _: listener)
    assert saved(tmp_path / "run") == whole
    assert listener.warned == [
        "the checkpoint after 480 steps lacks the part of another learner: training goes on after 320"
    ]


@pytest.mark.usefixtures("in_threads")
def test_a_run_without_the_part_of_a_learner_is_refused(tmp_path):
    go(tmp_path / "run", steps=160)
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["learners"] == 2
    (tmp_path / "run/config.json").write_text(json.dumps(config | {"learners": 4}))
    with pytest.raises(UserError, match=r"learners = 4, and .*learners holds checkpoints of 1; only as many learners"):
        resume(tmp_path / "run")
    (tmp_path / "run/config.json").write_text(json.dumps(config))
    shutil.rmtree(tmp_path / "run/learners/1/checkpoints")
    with pytest.raises(UserError, match="one of its 2 learners has no intact checkpoint"):
        resume(tmp_path / "run", reporter=lambda _: Listener())
    assert saved_steps(tmp_path / "run") == 160


@pytest.mark.usefixtures("in_threads", "_at_every_step")
def test_an_evaluation_that_a_stop_cuts_short_stops_all(tmp_path, monkeypatch):
    evaluate = []

    def interrupted(agent, algorithm, environments, seeds, check):
        os.kill(os.getpid(), signal.SIGINT)
        evaluate.append(seeds)
        check()

    with monkeypatch.context() as patch:
        patch.setattr("rlkit.training.agent_trainer.evaluate", interrupted)
        run, _ = go(tmp_path / "run")
    assert (run.stopped, run.steps, len(evaluate)) == ("Ctrl-C", 160, 1)
    resume(tmp_path / "run", reporter=lambda _: Listener())
    go(tmp_path / "whole")
    assert scores(tmp_path / "run") == scores(tmp_path / "whole")


@pytest.mark.usefixtures("in_threads")
def test_a_loss_that_diverges_ends_all(tmp_path, monkeypatch):
    monkeypatch.setattr("rlkit.training.agent_trainer.DIVERGED", 1e-9)
    with pytest.raises(UserError, match=r"train/loss became .* training stopped"):
        go(tmp_path / "run")


@pytest.mark.usefixtures("in_threads")
def test_pqn_learns_with_two_learners(tmp_path):
    settings = {"rollout_steps": "8", "minibatches": "2", "epochs": "1", "hidden": "16"}
    go(tmp_path / "run", algo="pqn", settings=settings)
    weights = [files["weights.safetensors"] for _, files in saved(tmp_path / "run")]
    assert weights[0] == weights[1]
    assert read_metrics(tmp_path / "run")[-2]["train/n_updates"] == 480 // (8 * 8) * 2


def test_environments_have_the_seeds_that_they_have_in_one_process():
    class Seeds:
        num_envs = 4

        def reset(self, seeds, mask=None):
            return {"seeds": np.array(seeds)}

    assert [Collector(Seeds(), 3, first).observations["seeds"].tolist() for first in (0, 4)] == [
        [episode_seed(3, index, 0) for index in numbers] for numbers in (range(4), range(4, 8))
    ]


def test_one_learner_is_not_in_the_configuration():
    config = plan("CartPole-v1", steps=64)
    assert "learners" not in config.to_json()
    assert type(config).from_json(config.to_json()).learners == 1
    assert type(config).from_json(plan("CartPole-v1", steps=64, learners=2).to_json()).learners == 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"learners": 0}, "--learners 0: expected a whole number of at least 1"),
        (
            {"learners": 3, "num_envs": 6},
            "--learners 3: batch_size = 128 cannot be divided",
        ),
        ({"learners": 16, "num_envs": 8}, "--learners 16: --num-envs 8 cannot be divided by it; use 16"),
        ({"learners": 300}, "--learners 300: expected a whole number of at least 1 and at most 256"),
        (
            {"learners": 2, "algo": "other"},
            "--learners 2: the agent Other is trained by a single process",
        ),
        ({"learners": 2, "algo": "pqn", "num_envs": 5}, "--learners 2: --num-envs 5 cannot be divided by it; use 6"),
    ],
)
def test_what_is_impossible_is_refused(options, sentence, monkeypatch):
    class Other(DQN):
        shared = classmethod(Agent.shared.__func__)

    find = plugins.agent_class
    monkeypatch.setattr(plugins, "agent_class", lambda name: Other if name == "other" else find(name))
    with pytest.raises(UserError, match=sentence):
        start(plan("CartPole-v1", steps=640, settings={} if "algo" in options else {"batch_size": 128}, **options))


def test_a_killed_learner_process_ends_the_run_with_how_to_resume(tmp_path):
    """With processes, as the command starts them."""
    settings = [f"{name}={value}" for name, value in SETTINGS.items()]
    arguments = ["CartPole-v1", "--steps", "1000000", "--learners", "2", "--save-freq", "160", "--eval-freq", "0"]
    command = [sys.executable, "-P", "-m", "rlkit", "train", *arguments, "--run-dir", "run", "--set", *settings]
    first = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not saved_steps(tmp_path / "run"):
        assert first.poll() is None, first.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (child,) = _children(first.pid)
    os.kill(child, signal.SIGKILL)
    _, errors = first.communicate(timeout=60)
    assert first.returncode == 1
    assert errors.startswith("rlkit: learner 1 was ended by SIGKILL")
    assert "continue with: rlkit train --resume run" in errors
    assert len(errors.splitlines()) == 1


def test_the_error_of_a_learner_process_is_the_error_of_the_run():
    def train_first():
        # `share` refuses to divide 3 by 2.
        with started_learners(2, "cpu", lambda: "how to go on", share, 3, 2) as group:
            group.minimum(0.0)

    with pytest.raises(UserError, match=r"learner 1: --learners 2: .* = 3 cannot be divided .*; how to go on"):
        train_first()


def test_a_first_learner_that_does_not_notice_is_ended(monkeypatch, capsys):
    """As one that waits for a GPU: no other thread can interrupt it."""

    class Killed:
        failed = True

        def ending(self):
            return 1, "learner 1 was ended by SIGKILL", 1

        def leave(self, deadline):
            return

    def leave(status):
        raise SystemExit(status)

    monkeypatch.setattr(learners, "STUCK", 0.0)
    monkeypatch.setattr(os, "_exit", leave)
    done = threading.Event()
    monkeypatch.setattr(done, "wait", lambda seconds: False)
    with pytest.raises(SystemExit, match="1"):
        learners._end_if_stuck([Killed()], done, lambda: "how to go on")
    assert capsys.readouterr().err == "rlkit: learner 1 was ended by SIGKILL; how to go on\n"


def _children(pid):
    """Process ids of a process's children that are learners."""
    if not Path("/proc/self").is_dir():
        pytest.skip("there is no /proc")
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if parent == str(pid) and "learner_process" in (folder / "cmdline").read_text():
                found.append(int(folder.name))
    return found
