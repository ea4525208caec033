"""How commands end: by each signal, with a closed output, with a closed terminal."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rlkit.training.checkpoint import saved_steps

ENDLESS = f"{Path(__file__).parents[1] / 'training/endless.py'}:Endless"
SETTINGS = ["--set", "batch_size=16", "hidden=16", "learning_starts=80", "buffer_size=2400", "update_interval=16"]
CARTPOLE = ["train", "CartPole-v1", "--steps", "1000000", *SETTINGS]
COMMANDS = {  # with the files that show that it is under way
    "train": ([*CARTPOLE, "--run-dir", "run"], "run/metrics.jsonl"),
    "train in evaluation": (
        ["train", ENDLESS, "--steps", "8000", "--eval-freq", "200", "--num-envs", "1", "--run-dir", "run", *SETTINGS],
        "run/metrics.jsonl",
    ),
    "train before learning": (
        [*CARTPOLE[:4], "--set", "learning_starts=900000", "buffer_size=1000000", "--run-dir", "run"],
        "run/metrics.jsonl",
    ),
    "train with workers": ([*CARTPOLE, "--env-kwargs", "workers=2", "--run-dir", "run"], "run/metrics.jsonl"),
    "train in a thread": (
        [*CARTPOLE, "--env-kwargs", "workers=2", "--async-envs", "--run-dir", "run"],
        "run/metrics.jsonl",
    ),
    "seeds": ([*CARTPOLE, "--seeds", "0..2", "--run-dir", "run"], "run/s0/metrics.jsonl"),
    "perception train": (
        ["perception", "train", "--steps", "10000", "--size", "48x64", "--run-dir", "run"],
        "run/checkpoints/0*",
    ),
    "tune": (
        ["tune", "CartPole-v1", "--study", "run.sqlite3", "--search", "gamma=0.9..0.99", *SETTINGS],
        "run-trials/*/s0/metrics.jsonl",
    ),
    "evaluate": (["evaluate", "random", "--env", ENDLESS], None),
    "watch": (["watch", "random", "--env", ENDLESS, "--record", "film.mp4"], "*film*"),
    "perception evaluate": (["perception", "evaluate", "pretrained:segnet-compact", "--num-images", "9999"], None),
    "perception predict": (
        ["perception", "predict", "pretrained:segnet-compact", "--out", "film.mp4", "--num-images", "9999"],
        "*film*",
    ),
    "perception make-dataset": (
        ["perception", "make-dataset", "data", "--num-images", "99999"],
        ".unfinished*/images/train/*",
    ),
}
SAVING = ("train", "seeds", "perception train", "tune")
SECONDS = 10.0  # that a command may take to end
SLOW = 3.0  # times longer on a machine that is busy with other tests


def start(name_or_arguments, folder, **options):
    arguments = COMMANDS[name_or_arguments][0] if name_or_arguments in COMMANDS else name_or_arguments.split()
    command = [sys.executable, "-P", "-m", "rlkit", *arguments]
    return subprocess.Popen(command, cwd=folder, **{"stdout": -1, "stderr": -1, "text": True, **options})


def wait_for(process, folder, pattern, seconds=1.0):
    deadline = time.monotonic() + 120.0
    while pattern and not list(folder.glob(pattern)) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    time.sleep(seconds if pattern else 10 * seconds)


def saved(folder):
    runs = [path.parent for path in folder.rglob("config.json")]
    return runs and all(saved_steps(run) or (run / "checkpoints/000000000").exists() for run in runs)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_ends_within_seconds(name, number, tmp_path):
    if name == "tune":
        pytest.importorskip("optuna", reason="optuna is not installed: it is in the tune extra")
    process = start(name, tmp_path)
    wait_for(process, tmp_path, COMMANDS[name][1])
    began = time.monotonic()
    process.send_signal(number)
    process.send_signal(number)
    out, errors = process.communicate(timeout=120.0)
    assert time.monotonic() - began < SLOW * SECONDS
    assert process.returncode in (128 + number, -number), out + errors  # -n: the second one after all was done
    assert "Traceback" not in out + errors
    assert "Exception ignored" not in errors
    assert not list(tmp_path.rglob(".unfinished-*"))
    if name.startswith(SAVING):
        assert saved(tmp_path)
        assert "continue" in out


@pytest.mark.parametrize("merged", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_pipe_that_closes_stops_and_saves(merged, tmp_path):
    """As `rlkit train … | head -1`, with `2>&1` or not."""
    arguments = " ".join([*CARTPOLE, "--eval-freq", "200", "--eval-episodes", "2", "--run-dir", "run"])
    process = start(arguments, tmp_path, stderr=subprocess.STDOUT if merged else subprocess.PIPE)
    assert process.stdout.readline().startswith("environment: CartPole-v1")
    process.stdout.close()
    errors = "" if merged else process.stderr.read()
    assert process.wait(60.0) == 128 + signal.SIGPIPE
    assert saved(tmp_path)
    if not merged:
        assert "continue with: rlkit train --resume run" in errors
        assert len(errors.splitlines()) == 1
        process.stderr.close()


@pytest.mark.slow
def test_a_result_into_a_closed_pipe_is_no_success(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    arguments = "evaluate random --env CartPole-v1 --episodes 1 --json -"
    process = start(arguments, tmp_path, stdout=writer)
    os.close(writer)
    assert process.communicate()[1] == ""
    assert process.returncode == 128 + signal.SIGPIPE


@pytest.mark.slow
def test_a_closed_terminal_saves(tmp_path):
    """The bar is drawn there by a thread of its own; the kernel sends SIGHUP, and writing fails."""
    master, slave = pty.openpty()
    with (tmp_path / "errors").open("w") as errors:
        arguments = " ".join([*CARTPOLE, "--run-dir", "run"])
        session = {"start_new_session": True, "preexec_fn": lambda: __import__("fcntl").ioctl(0, 0x540E, 0)}
        process = start(arguments, tmp_path, stdin=slave, stdout=slave, stderr=errors, **session)
        os.close(slave)
        wait_for(process, tmp_path, "run/metrics.jsonl")
        os.close(master)
        assert process.wait(60.0) in (128 + signal.SIGHUP, 128 + signal.SIGPIPE, -signal.SIGHUP)
    assert saved(tmp_path)
    assert "Traceback" not in (tmp_path / "errors").read_text()


@pytest.mark.slow
def test_outputs_that_were_closed_from_the_start_are_no_reason_to_stop(tmp_path):
    command = f"{sys.executable} -P -m rlkit train CartPole-v1 --steps 400 --run-dir run {' '.join(SETTINGS)} >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], cwd=tmp_path, check=False).returncode == 0
    assert saved_steps(tmp_path / "run") == 400
