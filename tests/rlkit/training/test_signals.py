"""What a signal, a closed output or a step that hangs does to a run."""

import os
import signal
import sys
import threading
import time

import gymnasium
import numpy as np
import pytest

from rlkit.experiments.multi_seed import train_seeds
from rlkit.training import run as training_run
from rlkit.training.config import plan
from rlkit.training.logger import read_metrics
from rlkit.training.progress import PlainReporter
from rlkit.training.signals import Interrupted, exit_status, interruptible

SETTINGS = {"batch_size": "16", "hidden": "16", "learning_starts": "80", "buffer_size": "240", "update_interval": "16"}
OPTIONS = {"settings": SETTINGS, "num_envs": 2, "steps": 400, "eval_freq": 200, "eval_episodes": 2, "save_freq": 0}


class Hanging(gymnasium.Env):
    """Sends SIGTERM in a step and does not return from it, once."""

    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
    left = 0
    """Steps until then, of all environments."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.steps += 1
        Hanging.left -= 1
        if Hanging.left == 0:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60.0)
        return self.np_random.uniform(-1, 1, 2).astype(np.float32), 1.0, self.steps >= 20, False, {}


@pytest.fixture(scope="module", autouse=True)
def _hanging():
    gymnasium.register("tests/Hanging-v0", Hanging)
    yield
    del gymnasium.registry["tests/Hanging-v0"]


@pytest.fixture
def at_step(monkeypatch):
    """Call a function after some steps of a training, once."""

    def arrange(steps, function):
        step = training_run.AgentTrainer.step
        waiting = [steps]

        def taken(trainer):
            step(trainer)
            if waiting and trainer.steps >= waiting[0]:
                waiting.clear()
                function()

        monkeypatch.setattr(training_run.AgentTrainer, "step", taken)

    return arrange


def send(*numbers):
    for number in numbers:
        os.kill(os.getpid(), number)


def quiet(total):
    return PlainReporter(total, quiet=True)


def train(folder, env="CartPole-v1", **options):
    return training_run.train(env, run_dir=folder, **{"reporter": quiet, **OPTIONS, **options})


def newest(folder):
    return max(int(one.name) for one in (folder / "checkpoints").glob("[0-9]*"))


def curve(folder):
    return [{k: v for k, v in row.items() if k not in ("seconds", "time/fps")} for row in read_metrics(folder)]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_comes_twice_is_one_stop(name, tmp_path, at_step):
    """`timeout` sends SIGTERM to the process and to its group, a shell that ends SIGHUP as the terminal does."""
    number = getattr(signal, name)
    at_step(100, lambda: send(number, number))
    run = train(tmp_path / "run")
    assert (run.steps, run.stopped, newest(run.path)) == (100, name, 100)
    assert exit_status(run.stopped) == 128 + number


def test_a_later_signal_interrupts_at_once(tmp_path, at_step, monkeypatch):
    monkeypatch.setattr("rlkit.training.signals.SAME", 0.0)
    at_step(100, lambda: send(signal.SIGINT, signal.SIGINT))
    with pytest.raises(Interrupted, match="Ctrl-C"):
        train(tmp_path / "run")


def test_nohup_keeps_a_run_alive(tmp_path, at_step):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        at_step(100, lambda: send(signal.SIGHUP))
        with interruptible():
            assert train(tmp_path / "run").stopped is None
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_first_of_two_signals_interrupts_other_commands():
    cleaned = []

    def command():
        with interruptible():
            try:
                send(signal.SIGTERM)
            finally:
                send(signal.SIGTERM)  # not in what cleans up
                cleaned.append(True)

    with pytest.raises(Interrupted, match="SIGTERM") as interrupted:
        command()
    assert cleaned
    assert interrupted.value.number == signal.SIGTERM


def test_a_closed_output_stops_and_saves(tmp_path, monkeypatch, capfd):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        run = train(tmp_path / "run", reporter=PlainReporter)
        assert sys.stdout is closed
        monkeypatch.undo()
        with pytest.raises(BrokenPipeError):
            closed.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), writer)
    assert (run.stopped, exit_status(run.stopped)) == ("closed output", 128 + signal.SIGPIPE)
    assert "stopped by closed output after 0 steps; continue with: rlkit train --resume" in capfd.readouterr().err
    assert training_run.resume(run.path, reporter=quiet).stopped is None
    whole = train(tmp_path / "whole")
    assert curve(run.path) == curve(whole.path)


def test_a_step_that_hangs_is_interrupted_and_the_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("rlkit.training.signals.PATIENCE", 0.2)
    monkeypatch.setattr("rlkit.training.signals.LONGER", 0.0)
    whole = train(tmp_path / "whole", "tests/Hanging-v0", save_freq=50)
    Hanging.left = 130
    began = time.monotonic()
    with pytest.raises(Interrupted, match="SIGTERM"):
        train(tmp_path / "run", "tests/Hanging-v0", save_freq=50)
    assert time.monotonic() - began < 30.0
    assert newest(tmp_path / "run") == 100
    training_run.resume(tmp_path / "run", reporter=quiet)
    assert curve(tmp_path / "run") == curve(whole.path)


def test_an_evaluation_that_hangs_is_interrupted_and_all_is_saved(tmp_path, monkeypatch):
    monkeypatch.setattr("rlkit.training.signals.PATIENCE", 0.2)
    monkeypatch.setattr("rlkit.training.signals.LONGER", 0.0)
    Hanging.left = 220
    run = train(tmp_path / "run", "tests/Hanging-v0")
    assert (run.steps, run.stopped, newest(run.path)) == (200, "SIGTERM", 200)
    training_run.resume(run.path, reporter=quiet)
    assert curve(run.path) == curve(train(tmp_path / "whole", "tests/Hanging-v0").path)


def test_saving_is_not_interrupted_however_long_it_takes(tmp_path, at_step, monkeypatch):
    monkeypatch.setattr("rlkit.training.signals.PATIENCE", 0.1)
    monkeypatch.setattr("rlkit.training.signals.LONGER", 0.0)
    save = training_run.AgentTrainer._save

    def slow(trainer, log):
        time.sleep(0.4)
        save(trainer, log)

    monkeypatch.setattr(training_run.AgentTrainer, "_save", slow)
    at_step(100, lambda: send(signal.SIGTERM))
    assert train(tmp_path / "run").stopped == "SIGTERM"
    assert newest(tmp_path / "run") == 100


@pytest.mark.parametrize("named", [True, False])
def test_a_set_of_seeds_says_how_it_is_continued(named, tmp_path, at_step, monkeypatch):
    monkeypatch.chdir(tmp_path)
    at_step(300, lambda: send(signal.SIGTERM))
    said = []
    config = plan("CartPole-v1", **{key: value for key, value in OPTIONS.items() if key != "reporter"})
    folder = tmp_path / "set" if named else None
    options = {"folder": folder, "reporter": quiet, "say": said.append}
    runs = train_seeds(config, [0, 1, 2], **options)
    assert [run.stopped for run in runs] == ["SIGTERM"]
    if not named:
        assert any("resume its run by --resume, then begin the seeds that are left with --seeds 1,2" in s for s in said)
        return
    assert any(f"the same command with --run-dir {folder} continues it" in sentence for sentence in said)
    runs = train_seeds(config, [0, 1, 2], **options)
    assert [run.stopped for run in runs] == [None, None, None]


def test_a_run_whose_last_evaluation_was_cut_short_is_not_complete(tmp_path, monkeypatch):
    """It is done by the same set of seeds, though all steps were taken and saved."""
    evaluate = training_run.AgentTrainer.evaluate

    def cut(trainer, log, *, final):
        if trainer.steps == 400:
            send(signal.SIGTERM)
        evaluate(trainer, log, final=final)

    config, options = plan("CartPole-v1", **OPTIONS), {"folder": tmp_path, "reporter": quiet, "say": lambda line: None}
    with monkeypatch.context() as patch:
        patch.setattr(training_run.AgentTrainer, "evaluate", cut)
        assert train_seeds(config, [0], **options)[0].stopped == "SIGTERM"
    assert newest(tmp_path / "s0") == 400
    assert train_seeds(config, [0], **options)[0].stopped is None
    assert [row["steps"] for row in read_metrics(tmp_path / "s0") if "eval/mean_reward" in row] == [200, 400]


def test_other_threads_keep_their_signals(tmp_path):
    runs = []
    thread = threading.Thread(target=lambda: runs.append(train(tmp_path / "run", eval_freq=0, steps=100)))
    before = signal.getsignal(signal.SIGTERM)
    thread.start()
    thread.join()
    assert runs[0].stopped is None
    assert signal.getsignal(signal.SIGTERM) == before
