"""Training on what remote actors collect: reproducible where asked, and none of its processes may end it."""

import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import rlkit
from rlkit.env.seeding import episode_seed
from rlkit.errors import EnvironmentFailure, UserError
from rlkit.experiments.records import read_run
from rlkit.training import run as training_run
from rlkit.training.checkpoint import read_checkpoint
from rlkit.training.cluster import connected

SHARED = runpy.run_path(str(Path(__file__).with_name("actor_runs.py")))
Listener, SETTINGS, WAITING = SHARED["Listener"], SHARED["SETTINGS"], SHARED["WAITING"]
WALK = f"{Path(__file__).parents[1] / 'env/subproc/planted.py'}:Walk"
MARK = f"actors-of-{os.getpid()}"


@pytest.fixture(scope="module", autouse=True)
def _ray():
    os.environ["RLKIT_TEST"] = MARK  # its processes inherit it
    with connected("local") as cluster:
        yield cluster.ray
    del os.environ["RLKIT_TEST"]


@pytest.fixture(autouse=True)
def _tell_at_every_step(monkeypatch):
    monkeypatch.setattr("rlkit.training.trainer.REFRESH", 0)


def train(folder, listener=None, env="CartPole-v1", steps=1024, **options):
    listener = listener or Listener()
    options = {"actors": 2, "num_envs": 4, "eval_freq": 0, "save_freq": 256, "settings": SETTINGS} | options
    return rlkit.train(env, steps=steps, run_dir=folder, reporter=lambda total: listener, **options)


def processes(title):
    """Ids of the running processes of this test's cluster whose title begins so, oldest first."""
    return SHARED["processes"](MARK, title)


def kill(name):
    os.kill(processes(name)[-1], signal.SIGKILL)


def weights(folder):
    newest = max((folder / "checkpoints").iterdir())
    return {name: value.numpy() for name, value in read_checkpoint(newest).weights().items()}


def test_deterministic_runs_are_equal_their_episodes_differ_and_nothing_is_left_running(tmp_path):
    options = {"deterministic": True, "settings": SETTINGS | {"per_alpha": "0.6"}, "steps": 512, "env": WAITING}
    one, two = (
        train(tmp_path / name, env_kwargs={"log": str(tmp_path / f"{name}.log")}, **options) for name in ("one", "two")
    )
    assert (one.steps, one.stopped) == (512, None) == (two.steps, two.stopped)
    first, second = weights(one.path), weights(two.path)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    seeds = [int(line) for line in (tmp_path / "one.log").read_text().split()]
    possible = {episode_seed(0, env, number) for env in range(4) for number in range(100)}
    trained = [seed for seed in seeds if seed in possible]
    assert len(trained) == len(set(trained)) > 20
    assert {episode_seed(0, env, 0) for env in range(4)} <= set(trained)
    deadline = time.monotonic() + 20
    while (left := processes("ray::ActorServer") + processes("ray::ReplayServer")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left


def test_neither_a_killed_actor_nor_a_killed_replay_buffer_nor_a_signal_cuts_the_curve(tmp_path):
    listener = Listener(
        (300, lambda: kill("ray::ActorServer")),
        (600, lambda: kill("ray::ReplayServer")),
        (800, lambda: os.kill(os.getpid(), signal.SIGINT)),
    )
    stopped = train(tmp_path / "run", listener)
    assert any("is replaced" in warning for warning in listener.warnings)
    assert any("training goes on from 512 steps" in warning for warning in listener.warnings)
    assert stopped.stopped == "Ctrl-C"
    assert 800 <= stopped.steps < 1024
    again = Listener()
    done = training_run.resume(stopped.path, reporter=lambda total: again)
    assert (done.steps, done.stopped) == (1024, None)
    assert f"resuming after {stopped.steps:,} of 1,024 steps" in again.said
    assert not again.warnings
    curve = read_run(done.path).curve("rollout/exploration_rate")
    assert (np.diff(curve.steps) > 0).all()
    assert curve.steps[-1] == 1024


def test_an_environment_that_fails_ends_the_run_with_its_sentence(tmp_path):
    with pytest.raises(EnvironmentFailure, match="step"):
        train(tmp_path / "run", env=WALK, env_kwargs={"fault": "raise", "odd_only": True})
    assert read_run(tmp_path / "run").steps >= 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"actors": 3}, "4 environments cannot be shared out evenly"),
        ({"actors": -1}, "--actors -1: expected a whole number of at least 0"),
        ({"algo": "pqn", "settings": {}}, "'pqn' learns from its own steps only"),
        ({"async_envs": True}, "leave out --async-envs"),
        ({"ray": "local", "actors": 0}, "this run has no --actors"),
        ({"actors": 4096}, "--actors 4096"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, options, said):
    with pytest.raises(UserError, match=said):
        train(tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_without_ray_the_command_to_install_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"pip install \"rlkit-toolkit\[cluster\]\""):
        train(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_number_of_environments_follows_that_of_actors(tmp_path):
    assert training_run.plan("CartPole-v1", actors=3).num_envs == 9
    assert training_run.plan("CartPole-v1", actors=16).num_envs == 16
    assert "actors" not in training_run.plan("CartPole-v1").to_json()


@pytest.mark.slow
def test_actors_that_are_killed_twenty_times_do_not_end_a_run(tmp_path):
    done = threading.Event()
    killed = []

    def kill_again_and_again():
        while not done.wait(2.0) and len(killed) < 20:
            # The one that has run for longest: one that has just begun would be an actor that never begins.
            if len(found := processes("ray::ActorServer.collect")) > 1:
                os.kill(found[0], signal.SIGKILL)
                killed.append(found[0])

    listener = Listener((100, threading.Thread(target=kill_again_and_again, daemon=True).start))
    run = train(tmp_path / "run", listener, env=WAITING, env_kwargs={"seconds": 0.01}, steps=16_000)
    done.set()
    assert (run.steps, run.stopped) == (16_000, None)
    assert len(killed) == 20
