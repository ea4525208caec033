"""A run that was killed a hundred times is the run that was never killed, bit for bit."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rlkit.training.checkpoint import read_checkpoint
from rlkit.training.logger import read_metrics

KILLS = 100


def newest(folder):
    return read_checkpoint(max((folder / "checkpoints").glob("[0-9]*")))


def weights_and_state(folder):
    return {name: text for name, text in newest(folder).manifest["files"].items() if name.endswith(".safetensors")}


def replayed(folder):
    """The rows of the replay buffer, without those that were overwritten."""
    segments = newest(folder).manifest["replay"]
    rows = np.concatenate([np.load(folder / "replay" / segment["file"]) for segment in segments])
    return rows[-480:].tobytes()


def curve(folder):
    return [{k: v for k, v in row.items() if k not in ("seconds", "time/fps")} for row in read_metrics(folder)]


def points(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    tags = set(events.Tags()["scalars"]) - {"time/fps"}
    return {tag: [(point.step, point.value) for point in events.Scalars(tag)] for tag in tags}


@pytest.mark.slow
def test_a_run_that_was_killed_a_hundred_times_equals_one_that_was_not(tmp_path):
    server = [sys.executable, "-P", str(Path(__file__).with_name("kill_server.py")), str(tmp_path), str(KILLS), "0"]
    done = subprocess.run(server, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    counts = ast.literal_eval(done.stdout.splitlines()[-1])
    assert counts["call"] + counts["time"] == KILLS, counts
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert weights_and_state(parts) == weights_and_state(whole)
    assert replayed(parts) == replayed(whole)
    assert curve(parts) == curve(whole)
    assert points(parts) == points(whole)
    assert not list(tmp_path.rglob(".unfinished-*"))
