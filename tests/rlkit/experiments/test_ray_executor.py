"""Runs on a cluster equal those of this process, and outlive its nodes; the nodes are simulated on this machine."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest

from rlkit.errors import EnvironmentFailure, UserError
from rlkit.experiments import run_on_cluster
from rlkit.experiments.multi_seed import train_seeds
from rlkit.experiments.ray_executor import RayExecutor, ray_executor
from rlkit.experiments.records import read_run
from rlkit.experiments.tuning import Search, tune
from rlkit.training.checkpoint import saved_steps
from rlkit.training.cluster import Cluster, connected, need_of
from rlkit.training.config import plan
from rlkit.training.progress import PlainReporter

cluster_utils = pytest.importorskip("ray.cluster_utils", reason="ray is not installed: it is in the cluster extra")

SETTINGS = {"batch_size": "16", "hidden": "16", "learning_starts": "100", "buffer_size": "500", "update_interval": "16"}
OPTIONS = {"settings": SETTINGS, "num_envs": 2, "eval_episodes": 1}
NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
FAILING = """
import os, signal
import gymnasium
from pathlib import Path

class {name}(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (2,))
    action_space = gymnasium.spaces.Discrete(2)
    mark = Path(__file__).with_name("failed")

    def __init__(self, render_mode=None):
        self.steps = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample() * 0, {{}}

    def step(self, action):
        self.steps += 1
        if self.steps == 50:
            {fails}
        return self.observation_space.sample() * 0, 1.0, self.steps % 20 == 0, False, {{}}
"""


class Nodes:
    """A cluster: a head with one CPU, and further nodes with one each."""

    def __init__(self):
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        head = {**NODE, "include_dashboard": False}
        self._simulated = cluster_utils.Cluster(initialize_head=True, head_node_args=head)
        self._others = []
        self.address = self._simulated.address

    def have(self, count):
        """Have so many nodes."""
        while len(self._others) < count - 1:
            self._others.append(self._simulated.add_node(**NODE))

    @property
    def count(self):
        return 1 + len(self._others)

    def pop(self):
        """One that is no longer counted on."""
        return self._others.pop()

    def lose(self):
        """Lose one as by a crash."""
        self._simulated.remove_node(self.pop(), allow_graceful=False)

    def close(self):
        self._simulated.shutdown()


@pytest.fixture(scope="module")
def nodes():
    simulated = Nodes()
    yield simulated
    simulated.close()


@contextlib.contextmanager
def executor_on(nodes, config, **options):
    with connected(nodes.address) as cluster:
        yield RayExecutor(cluster, need_of(config), **options)


def quiet(total):
    return PlainReporter(total, quiet=True)


def contents(folder):
    """Files of a run by name, without what depends on time."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if not path.is_file() or path.name.startswith(("events", ".")):
            continue
        if path.suffix in (".json", ".jsonl"):
            trees = [json.loads(line) for line in (path.read_text().splitlines() if path.suffix == ".jsonl" else [])]
            found[name] = [{tag: row[tag] for tag in row if tag not in ("seconds", "time/fps")} for row in trees]
        else:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def lose_a_node(nodes, folder, steps):
    """Remove a node on which a run is trained, once a run there has saved so many steps."""

    def watch():
        while not any(
            saved_steps(run) >= steps and saved_steps(run) < read_run(run).config.steps for run in folder.glob("s*")
        ):
            time.sleep(0.02)
        nodes.lose()

    threading.Thread(target=watch, daemon=True).start()


def left_over(mark):
    """Processes whose environment has a variable of this name, apart from this one."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes())
    return found


def check_nothing_left(mark):
    deadline = time.monotonic() + 20.0
    while left_over(mark) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not left_over(mark)


def test_runs_whose_node_is_lost_go_on_and_equal_local_ones(nodes, tmp_path, capsys):
    nodes.have(2)
    config = plan("CartPole-v1", steps=3000, **OPTIONS)
    lose_a_node(nodes, tmp_path / "cluster", 600)
    with executor_on(nodes, config, shared=False) as executor:  # the folders come back through the object store
        runs = train_seeds(config, [0, 1], folder=tmp_path / "cluster", executor=executor)
    assert [(run.steps, run.stopped) for run in runs] == [(3000, None)] * 2
    out = capsys.readouterr().out
    assert "its node is not reached any more" in out
    train_seeds(config, [0, 1], folder=tmp_path / "local", reporter=quiet, say=lambda _: None)
    for seed in ("s0", "s1"):
        assert contents(tmp_path / "cluster" / seed) == contents(tmp_path / "local" / seed)
    assert not list((tmp_path / "cluster").rglob(".unfinished-*"))


@pytest.mark.slow
def test_ten_seeds_over_three_nodes_outlive_one(nodes, tmp_path):
    nodes.have(3)
    config = plan("CartPole-v1", steps=2000, **OPTIONS)
    lose_a_node(nodes, tmp_path / "cluster", 1000)
    with executor_on(nodes, config) as executor:  # the file system is shared here
        runs = train_seeds(config, range(10), folder=tmp_path / "cluster", executor=executor)
    assert [(run.path.name, run.steps, run.stopped) for run in runs] == [(f"s{seed}", 2000, None) for seed in range(10)]
    train_seeds(config, range(10), folder=tmp_path / "local", reporter=quiet, say=lambda _: None)
    for seed in range(10):
        assert contents(tmp_path / "cluster" / f"s{seed}") == contents(tmp_path / "local" / f"s{seed}")
    said = []
    with executor_on(nodes, config) as executor:
        train_seeds(config, range(10), folder=tmp_path / "cluster", executor=executor, say=said.append)
    assert sum("is complete and left as it is" in line for line in said) == 10


def processes_of(pid):
    """A process and all below it."""
    below = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int((process / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                below += processes_of(int(process.name))
    return [pid, *below]


@pytest.mark.slow
def test_a_node_that_falls_silent_is_given_up(nodes, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run_on_cluster, "SILENT", 8.0)
    config = plan("CartPole-v1", steps=2000, **OPTIONS)
    nodes.have(2)
    frozen, node = [], nodes.pop()

    def freeze():
        time.sleep(0.1)
        while not all(saved_steps(tmp_path / seed) >= 400 for seed in ("s0", "s1")):
            time.sleep(0.02)
        frozen.extend(processes_of(node.all_processes["raylet"][0].process.pid))
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)

    threading.Thread(target=freeze, daemon=True).start()
    try:
        with executor_on(nodes, config, shared=False) as executor:
            runs = train_seeds(config, [0, 1], folder=tmp_path, executor=executor)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGKILL)
    assert [run.stopped for run in runs] == [None, None]
    assert "its node was silent for 8 s" in capsys.readouterr().out


@pytest.mark.slow
def test_weights_to_start_from_reach_the_nodes(nodes, tmp_path):
    from rlkit.training.trained_agent import initialised

    first = plan("CartPole-v1", steps=400, **OPTIONS)
    train_seeds(first, [7], folder=tmp_path, reporter=quiet, say=lambda _: None)
    config = initialised(plan("CartPole-v1", steps=400, **OPTIONS), str(tmp_path / "s7"))
    with executor_on(nodes, config, shared=False) as executor:
        train_seeds(config, [0], folder=tmp_path / "cluster", executor=executor)
    train_seeds(config, [0], folder=tmp_path / "local", reporter=quiet, say=lambda _: None)
    assert contents(tmp_path / "cluster" / "s0") == contents(tmp_path / "local" / "s0")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_saves_all_runs_and_the_same_command_continues(number, tmp_path):
    mark = f"RLKIT_TEST_{uuid.uuid4().hex}"
    settings = [f"{name}={value}" for name, value in SETTINGS.items()]
    command = [sys.executable, "-P", "-m", "rlkit", "train", "CartPole-v1", "--seeds", "0..1", "--num-envs", "2"]
    command += ["--eval-episodes", "1", "--ray", "local", "--run-dir", "runs", "--set", *settings]
    run = {"cwd": tmp_path, "text": True, "env": os.environ | {mark: "1"}}
    process = subprocess.Popen([*command, "--steps", "100000"], stdout=-1, stderr=-1, start_new_session=True, **run)
    deadline = time.monotonic() + 120.0
    while len(list(tmp_path.glob("runs/s*/metrics.jsonl"))) < 2 and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    time.sleep(2.0)
    os.killpg(process.pid, number)  # as a terminal does
    out, errors = process.communicate(timeout=60.0)
    assert process.returncode == 128 + number, out + errors
    assert "the same command with --run-dir runs continues it" in out
    assert "Traceback" not in out + errors
    saved = [saved_steps(tmp_path / "runs" / seed) for seed in ("s0", "s1")]
    assert all(0 < steps < 100000 for steps in saved)
    check_nothing_left(mark)
    again = subprocess.Popen([*command, "--steps", "100000", "--time-limit", "1"], stdout=-1, stderr=-1, **run)
    out, errors = again.communicate(timeout=120.0)
    assert again.returncode == 0, out + errors
    assert all(saved_steps(tmp_path / "runs" / f"s{seed}") > saved[seed] for seed in (0, 1))
    check_nothing_left(mark)


@pytest.mark.slow
def test_a_run_that_fails_does_not_end_the_others(nodes, tmp_path):
    nodes.have(2)
    fails = "if not self.mark.exists(): self.mark.touch(); raise ValueError('out of fuel')"
    (tmp_path / "mine.py").write_text(FAILING.format(name="Mine", fails=fails))
    config = plan(f"{tmp_path / 'mine.py'}:Mine", steps=400, **OPTIONS)
    with executor_on(nodes, config) as executor, pytest.raises(EnvironmentFailure, match=r"1 of 2 seeds.*out of fuel"):
        train_seeds(config, [0, 1], folder=tmp_path / "runs", executor=executor)
    assert sorted(read_run(run).complete for run in (tmp_path / "runs").glob("s*")) == [False, True]


@pytest.mark.slow
def test_a_run_that_crashes_everywhere_is_given_up(nodes, tmp_path, capsys):
    (tmp_path / "mine.py").write_text(FAILING.format(name="Mine", fails="os.kill(os.getpid(), signal.SIGKILL)"))
    config = plan(f"{tmp_path / 'mine.py'}:Mine", steps=400, save_freq=0, **OPTIONS)
    with executor_on(nodes, config) as executor, pytest.raises(UserError, match=r"lost 3 times.*ended by SIGKILL"):
        train_seeds(config, [0], folder=tmp_path / "runs", executor=executor)
    assert capsys.readouterr().out.count("it goes on after 0 steps") == 2


@pytest.mark.slow
def test_nodes_that_differ_are_named(nodes, monkeypatch):
    config = plan("CartPole-v1", steps=400, **OPTIONS)
    own = Cluster.own_versions
    monkeypatch.setattr(Cluster, "own_versions", lambda cluster: own(cluster) | {"torch": "1.0", "python": "3.0.1"})
    refused = pytest.raises(UserError, match=r"has python 3\.\d+\.\d+ \(here 3\.0\.1\), torch .* \(here 1\.0\)")
    with refused, ray_executor(nodes.address, config, say=lambda _: None):
        pass


@pytest.mark.slow
def test_a_node_that_joins_and_differs_is_left_out(nodes, monkeypatch, capsys):
    config = plan("CartPole-v1", steps=400, **OPTIONS)
    with executor_on(nodes, config) as executor:
        before = executor.room
        own = Cluster.own_versions
        monkeypatch.setattr(Cluster, "own_versions", lambda cluster: own(cluster) | {"torch": "1.0"})
        nodes.have(nodes.count + 1)
        deadline = time.monotonic() + 30.0
        while not (warning := capsys.readouterr().err) and time.monotonic() < deadline:
            assert executor.room <= before
            time.sleep(0.2)
    assert "nothing is trained on this node" in warning
    assert "(here 1.0)" in warning


@pytest.mark.slow
def test_code_that_nodes_lack_is_told_and_shipped_where_asked(nodes, tmp_path, monkeypatch):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "our_envs.py").write_text(FAILING.format(name="Ours", fails="pass"))
    monkeypatch.syspath_prepend(tmp_path / "lib")  # of this process
    config = plan("our_envs:Ours", steps=400, **OPTIONS)
    lacking = pytest.raises(UserError, match=r"cannot find our_envs:Ours: install it .* --ray-working-dir")
    with lacking, ray_executor(nodes.address, config, say=lambda _: None):
        pass
    with ray_executor(nodes.address, config, working_dir=tmp_path / "lib", say=lambda _: None) as executor:
        (run,) = train_seeds(config, [0], folder=tmp_path / "runs", executor=executor)
    assert run.stopped is None


@pytest.mark.slow
def test_trials_run_at_once_and_those_behind_are_pruned(nodes, tmp_path, monkeypatch):
    optuna = pytest.importorskip("optuna", reason="optuna is not installed: it is in the tune extra")
    nodes.have(2)
    monkeypatch.setattr(optuna.trial.Trial, "should_prune", lambda trial: trial.number == 1)
    search = Search("CartPole-v1", settings=SETTINGS, search=["learning_rate=1e-4..1e-2"], steps=2000, num_envs=2)
    said = []
    with executor_on(nodes, search.plan({}), shared=False) as executor:
        best = tune(search, tmp_path / "study.sqlite3", trials=4, say=said.append, executor=executor)
    assert (best.trials, best.pruned) == (4, 1)
    runs = {folder.name: read_run(folder / "s0") for folder in (tmp_path / "study-trials").iterdir()}
    assert sorted(name for name, run in runs.items() if run.complete) == ["trial-0000", "trial-0002", "trial-0003"]
    assert runs["trial-0001"].steps < 2000
    assert len({run.config.hyperparameters["learning_rate"] for run in runs.values()}) == 4
    assert all((run.path / "best").is_dir() and not (run.path / "replay").exists() for run in runs.values())
    assert any("trial-0001: pruned at" in line for line in said)


@pytest.mark.slow
def test_interrupted_trials_are_resumed(nodes, tmp_path):
    nodes.have(2)
    search = Search("CartPole-v1", settings=SETTINGS, search=["learning_rate=1e-4..1e-2"], steps=4000, num_envs=2)
    said = []
    with executor_on(nodes, search.plan({})) as executor:
        tune(search, tmp_path / "study.sqlite3", trials=2, timeout=4.0, say=said.append, executor=executor)
    assert any("stopped by time limit in trial-000" in line for line in said)
    before = {run.parent.name: saved_steps(run) for run in tmp_path.glob("study-trials/*/s0")}
    assert len(before) == 2
    with executor_on(nodes, search.plan({})) as executor:
        best = tune(search, tmp_path / "study.sqlite3", trials=2, say=said.append, executor=executor)
    assert best.trials == 2
    assert {run.parent.name for run in tmp_path.glob("study-trials/*/s0")} == set(before)
