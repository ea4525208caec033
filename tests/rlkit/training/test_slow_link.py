"""Training over a slow link between two nodes of Ray: it takes longer, and ends."""

import json
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from rlkit.experiments.records import read_run

pytestmark = pytest.mark.slow
SHARED = runpy.run_path(str(Path(__file__).with_name("actor_runs.py")))
LINK = runpy.run_path(str(Path(__file__).with_name("slow_link.py")))
SILENCE = 10  # s after which a node of these runs counts as lost, instead of 45
COMMAND = f"""
import sys
from rlkit.cli import main
from rlkit.experiments import run_on_cluster
run_on_cluster.SILENT = {SILENCE}
sys.argv[0] = "rlkit"
main()
"""


@pytest.fixture
def train(tmp_path):
    """`rlkit train` on two nodes with a link of 20 ms and 1 Mbit/s; returns what it printed."""
    if reason := LINK["unavailable"]():
        pytest.skip(f"no slow link without network namespaces and TUN devices: {reason}")
    pytest.importorskip("ray", reason="needs Ray")

    def run(*arguments):
        settings = ["--set", *(f"{name}={value}" for name, value in SHARED["SETTINGS"].items())]
        options = [*settings, "--num-envs", "4", "--eval-freq", "0", "--run-dir", str(tmp_path / "runs")]
        command = ["unshare", *LINK["OPTIONS"], sys.executable, "-P", LINK["__file__"], "20", "1", str(tmp_path)]
        command += [sys.executable, "-P", "-c", COMMAND, "train", *options, *arguments, "--ray", LINK["ADDRESS"]]
        with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as folder:  # paths of sockets have to be short
            ray = {"RAY_TMPDIR": folder, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
            environment = os.environ | ray
            done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_actors_go_on_with_a_whole_curve_and_no_long_pause(train, tmp_path):
    out = train(SHARED["WAITING"], "--actors", "2", "--steps", "2048")
    assert "is replaced" not in out
    run = read_run(tmp_path / "runs")
    assert (run.steps, run.complete) == (2048, True)
    rows = [json.loads(line) for line in (tmp_path / "runs/metrics.jsonl").read_text().splitlines()]
    assert (np.diff([row["steps"] for row in rows]) >= 0).all()
    assert np.diff([row["seconds"] for row in rows]).max() < 60


def test_run_folders_that_take_longer_than_silence_come_back(train, tmp_path):
    network = ["--set", "hidden=320,320"]
    out = train("CartPole-v1", "--seeds", "0..1", "--steps", "1000", "--save-freq", "0", *network)
    assert "lost" not in out
    for seed in ("s0", "s1"):
        run = read_run(tmp_path / "runs" / seed)
        assert (run.steps, run.complete) == (1000, True)
        assert sum(file.stat().st_size for file in run.path.rglob("*")) > SILENCE * 125_000
