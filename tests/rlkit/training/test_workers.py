"""Runs whose environments are stepped in processes of their own, crash there or hang."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from rlkit.errors import UserError
from rlkit.training import run as training_run
from rlkit.training.checkpoint import read_checkpoint
from rlkit.training.progress import PlainReporter

WALK = f"{Path(__file__).parents[1] / 'env/subproc/planted.py'}:Walk"
SETTINGS = {"batch_size": "16", "hidden": "16", "learning_starts": "40", "buffer_size": "600", "update_interval": "16"}


class Listener(PlainReporter):
    """Keeps the warnings, and asks for a stop, as Ctrl-C does, once a number of steps has been told of."""

    def __init__(self, stop_at=float("inf")):
        super().__init__(0, quiet=True)
        self.warnings = []
        self.stop_at = stop_at

    def progress(self, steps, figures):
        if steps >= self.stop_at:
            self.stop_at = float("inf")
            os.kill(os.getpid(), signal.SIGINT)

    def warn(self, sentence):
        self.warnings.append(sentence)


@pytest.fixture(autouse=True)
def _tell_at_every_step(monkeypatch):
    monkeypatch.setattr("rlkit.training.trainer.REFRESH", 0)


def train(folder, reporter=None, **kwargs):
    reporter = reporter or Listener()
    return training_run.train(
        WALK, steps=240, settings=SETTINGS, num_envs=4, env_kwargs=kwargs, run_dir=folder, deterministic=True,
        eval_freq=0, save_freq=80, reporter=lambda total: reporter,
    )  # fmt: skip


def newest(folder):
    return max((folder / "checkpoints").iterdir())


def test_a_run_with_workers_is_the_run_without_and_goes_on_as_it(tmp_path):
    train(tmp_path / "none")
    stopped = train(tmp_path / "two", reporter=Listener(stop_at=100), workers=2)
    assert stopped.stopped == "Ctrl-C"
    assert stopped.steps < 240
    listener = Listener()
    training_run.resume(tmp_path / "two", env=WALK, reporter=lambda total: listener)
    assert not listener.warnings
    config = json.loads((tmp_path / "two/config.json").read_text())
    assert config["environment"]["kwargs"] == {"workers": 2}
    files = [read_checkpoint(newest(tmp_path / name)).manifest["files"] for name in ("none", "two")]
    tensors = [{name: digest for name, digest in each.items() if name.endswith(".safetensors")} for each in files]
    assert tensors[0] == tensors[1]
    loops = [json.loads((newest(tmp_path / name) / "training.json").read_text())["loop"] for name in ("none", "two")]
    assert loops[0]["episodes"] == loops[1]["episodes"]


def test_a_run_goes_on_after_a_crash_and_says_so_once(tmp_path):
    listener = Listener()
    run = train(tmp_path / "run", reporter=listener, workers=2, fault="exit", at=4, marker=str(tmp_path / "once"))
    assert run.steps == 240
    (warning,) = listener.warnings
    assert "step 4: step ended its process with exit status 3; a new process replaces it" in warning
    episodes = json.loads((newest(tmp_path / "run") / "training.json").read_text())["loop"]["episodes"]
    assert sorted({episode["length"] for episode in episodes["recent"]})[0] == 4
    assert np.isfinite([episode["reward"] for episode in episodes["recent"]]).all()


def test_a_run_whose_environment_hangs_keeps_its_last_checkpoint(tmp_path):
    with pytest.raises(UserError, match=r"step 25: step did not come back within 0.5 s \(.*planted.py:\d+\)"):
        train(tmp_path / "run", fault="hang", at=25, length=40, step_timeout=0.5)
    assert read_checkpoint(newest(tmp_path / "run")).steps == 80
