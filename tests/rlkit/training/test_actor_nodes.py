"""Remote actors on several nodes, simulated on this machine: a lost node, a full object store, a killed learner."""

import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import rlkit
from rlkit.errors import UserError
from rlkit.training import run as training_run
from rlkit.training.progress import PlainReporter

pytestmark = pytest.mark.slow
MARK = f"nodes-of-{os.getpid()}"
SHARED = runpy.run_path(str(Path(__file__).with_name("actor_runs.py")))
Listener, SETTINGS, WAITING = SHARED["Listener"], SHARED["SETTINGS"], SHARED["WAITING"]


@pytest.fixture(autouse=True)
def _marked(monkeypatch):
    monkeypatch.setenv("RLKIT_TEST", MARK)  # processes that are started inherit it


@pytest.fixture
def cluster(monkeypatch):
    utils = pytest.importorskip("ray.cluster_utils", reason="needs Ray")
    monkeypatch.setattr("rlkit.training.trainer.REFRESH", 0)
    made = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 80 * 2**20})
    yield made
    made.shutdown()


def train(folder, address, listener, **options):
    return rlkit.train(
        WAITING, steps=4096, env_kwargs={"seconds": 0.002}, actors=2, num_envs=4, eval_freq=0, save_freq=1024,
        settings=SETTINGS, run_dir=folder, ray=address, reporter=lambda total: listener, **options,
    )  # fmt: skip


def test_a_run_outlives_the_node_of_an_actor_and_more_actors_than_cpus_are_refused(cluster, tmp_path):
    with pytest.raises(UserError, match="has 1 CPUs, one for each actor"):
        train(tmp_path / "refused", cluster.address, Listener())
    node = cluster.add_node(num_cpus=1)
    listener = Listener((1024, lambda: cluster.remove_node(node, allow_graceful=False)))
    began = time.monotonic()
    run = train(tmp_path / "run", cluster.address, listener)
    assert (run.steps, run.stopped) == (4096, None)
    assert any("is replaced" in warning for warning in listener.warnings)
    assert time.monotonic() - began < 120


def test_a_full_object_store_does_not_end_a_run(cluster, tmp_path):
    import ray

    cluster.add_node(num_cpus=1)
    held = []

    def fill():
        held.extend(ray.put(np.ones(2**20)) for _ in range(15))  # 8 MiB each, of 80

    run = train(tmp_path / "run", cluster.address, Listener((1024, fill)))
    assert (run.steps, run.stopped) == (4096, None)
    assert held


def running(title):
    """Ids of the running processes of a test whose title begins so."""
    return SHARED["processes"](MARK, title)


def test_a_learner_that_is_killed_leaves_nothing_running_and_is_resumed(tmp_path):
    run = tmp_path / "run"
    options = ["--steps", "4096", "--actors", "2", "--num-envs", "4", "--eval-freq", "0", "--save-freq", "512"]
    settings = ["--set", *(f"{key}={value}" for key, value in SETTINGS.items()), "--env-kwargs", "seconds=0.005"]
    command = [sys.executable, "-P", "-m", "rlkit", "train", WAITING, *options, *settings, "--run-dir", str(run)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while not (run / "checkpoints" / "000000512").exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
    deadline = time.monotonic() + 60
    while (left := running("ray::")) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not left
    done = training_run.resume(run, env=WAITING, reporter=lambda total: PlainReporter(total, quiet=True))
    assert (done.steps, done.stopped) == (4096, None)


def test_a_hanging_actor_is_replaced_within_a_minute(tmp_path, monkeypatch):
    monkeypatch.setattr("rlkit.training.trainer.REFRESH", 0)

    def halt():
        os.kill(running("ray::ActorServer")[-1], signal.SIGSTOP)

    listener = Listener((512, halt))
    began = time.monotonic()
    run = train(tmp_path / "run", "local", listener, deterministic=True)  # waits for each actor in turn
    assert (run.steps, run.stopped) == (4096, None)
    assert any("is replaced" in warning for warning in listener.warnings)
    assert time.monotonic() - began < 120
