"""All stops are honoured within seconds, also in episodes without an end; what a stop adds does not count."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rlkit.training import run as training_run
from rlkit.training.logger import EXTRA, read_metrics
from rlkit.training.progress import PlainReporter

ENDLESS = f"{Path(__file__).with_name('endless.py')}:Endless"
SETTINGS = {"batch_size": "16", "hidden": "16", "learning_starts": "80", "buffer_size": "240", "update_interval": "16"}
SECONDS = 10.0  # that a stop may take


class Listener(PlainReporter):
    def __init__(self, total):
        super().__init__(total, quiet=True)
        self.said, self.warned = [], []

    def say(self, sentence):
        self.said.append(sentence)

    def warn(self, sentence):
        self.warned.append(sentence)


def newest(folder):
    return max(int(one.name) for one in (folder / "checkpoints").glob("[0-9]*"))


def chosen(folder):
    best = max((folder / "best").glob("[0-9]*"), default=None)
    return None if best is None else (best.name, (best / "weights.safetensors").read_bytes())


def evaluations(folder):
    return [row["steps"] for row in read_metrics(folder) if "eval/mean_reward" in row]


def test_the_time_limit_ends_an_evaluation_without_end_and_it_is_done_again(tmp_path, monkeypatch):
    monkeypatch.setattr("rlkit.training.evaluation.LONG", 100)
    evaluate = training_run.AgentTrainer.evaluate

    def limited(trainer, log, *, final):
        trainer.stop._deadline = time.monotonic() + 0.5
        evaluate(trainer, log, final=final)

    monkeypatch.setattr(training_run.AgentTrainer, "evaluate", limited)
    folder, listeners = tmp_path / "run", []
    listen = lambda total: listeners.append(Listener(total)) or listeners[-1]  # noqa: E731
    for resumed in (False, True):
        began = time.monotonic()
        if resumed:
            run = training_run.resume(folder, env=ENDLESS, time_limit=1000.0, reporter=listen)
        else:
            options = {"settings": SETTINGS, "num_envs": 1, "eval_freq": 200, "eval_episodes": 2, "steps": 800}
            run = training_run.train(ENDLESS, run_dir=folder, time_limit=1000.0, reporter=listen, **options)
        assert time.monotonic() - began < 60.0
        assert (run.steps, run.stopped) == (200, "time limit")
        assert newest(folder) == 200
        assert any("no end of an episode within 100 steps of evaluation" in line for line in listeners[-1].warned)
    assert not any(tag.startswith("eval/") for row in read_metrics(folder) for tag in row)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_end_an_evaluation_without_end(name, tmp_path):
    command = [
        "train",
        ENDLESS,
        "--steps",
        "800",
        "--eval-freq",
        "200",
        "--num-envs",
        "1",
        "--run-dir",
        str(tmp_path / "run"),
    ]
    settings = [f"{key}={value}" for key, value in SETTINGS.items()]
    process = subprocess.Popen([sys.executable, "-P", "-m", "rlkit", *command, "--set", *settings], stdout=-3)
    metrics, deadline = tmp_path / "run/metrics.jsonl", time.monotonic() + 60.0
    while not (metrics.exists() and '"steps": 200' in metrics.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(getattr(signal, name))
    began = time.monotonic()
    process.wait(60.0)
    assert time.monotonic() - began < 3 * SECONDS  # on a machine that is busy with other tests
    assert newest(tmp_path / "run") == 200


def test_what_a_time_limit_measures_neither_chooses_nor_stays(tmp_path, monkeypatch):
    options = {"settings": SETTINGS, "num_envs": 1, "eval_freq": 200, "eval_episodes": 2, "steps": 800, "save_freq": 0}
    options |= {"deterministic": True, "reporter": lambda total: PlainReporter(total, quiet=True)}
    training_run.train("CartPole-v1", run_dir=tmp_path / "whole", **options)

    step = training_run.AgentTrainer.step

    def limited(trainer):
        step(trainer)
        if trainer.steps in (120, 560):
            trainer.stop._deadline = time.monotonic()

    monkeypatch.setattr(training_run.AgentTrainer, "step", limited)
    folder = tmp_path / "parts"
    run = training_run.train("CartPole-v1", run_dir=folder, time_limit=1000.0, **options)
    assert (run.steps, run.stopped, chosen(folder)) == (120, "time limit", None)
    assert EXTRA in read_metrics(folder)[-1]
    assert training_run.resume(folder, time_limit=1000.0, reporter=options["reporter"]).steps == 560
    before = chosen(folder)
    assert before is not None
    assert int(before[0]) in (200, 400)
    assert training_run.resume(folder, reporter=options["reporter"]).stopped is None
    assert evaluations(folder) == evaluations(tmp_path / "whole") == [200, 400, 600, 800]
    assert not any(EXTRA in row for row in read_metrics(folder))


def test_a_run_that_begins_again_keeps_no_points_and_no_unfinished_files(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    options = {"settings": SETTINGS, "num_envs": 1, "eval_freq": 0, "steps": 400, "save_freq": 0}
    quiet = lambda total: PlainReporter(total, quiet=True)  # noqa: E731
    folder = tmp_path / "run"
    training_run.train("CartPole-v1", run_dir=folder, reporter=quiet, **options)
    for part in ("checkpoints", "replay"):  # as after a kill before the first checkpoint
        for file in sorted((folder / part).rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()
    rows = (folder / "metrics.jsonl").read_text().splitlines(keepends=True)
    (folder / "metrics.jsonl").write_text("".join(rows[:150]))
    for left in (".unfinished-metrics.jsonl", "checkpoints/.unfinished-x/weights", "best/.unfinished-y/weights"):
        (folder / left).parent.mkdir(parents=True, exist_ok=True)
        (folder / left).write_text("half")
    training_run.resume(folder, reporter=quiet)
    events = EventAccumulator(str(folder))
    events.Reload()
    assert [point.step for point in events.Scalars("time/episodes")] == list(range(2, 401, 2))
    assert not list(folder.rglob(".unfinished-*"))
