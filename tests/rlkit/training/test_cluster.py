"""Connecting to a cluster, and what a run needs of its nodes."""

import builtins
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rlkit.errors import UserError
from rlkit.training import cluster
from rlkit.training.cluster import Cluster, Need, connected, need_of
from rlkit.training.config import plan

ENDLESS = Path(__file__).parents[1] / "training/endless.py"


class FakeRay:
    """The nodes of a cluster, as Ray lists them."""

    __version__ = "1"

    def __init__(self, *resources):
        self._resources = resources

    def nodes(self):
        return [
            {"Alive": alive, "NodeID": f"{number}abcdefgh", "NodeManagerHostname": "here", "Resources": has}
            for number, (alive, has) in enumerate(self._resources)
        ]


def test_a_run_takes_its_threads_workers_gpu_and_memory(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    small = plan("CartPole-v1", settings={"buffer_size": "1000"}, env_kwargs={"workers": 2}, steps=1000)
    assert need_of(small).cpus == 1 + 2  # a small network is no faster on several threads
    large = plan("rlkit/Driving-v0", settings={"buffer_size": "1000"}, steps=1000, env_kwargs={"view_size": 96})
    assert need_of(large).cpus == 4
    assert need_of(large).memory > 1000 * 96 * 96


def test_a_node_without_room_is_refused_with_the_figures():
    there = Cluster(FakeRay((True, {"CPU": 2.0, "memory": 2.0**30}), (False, {"CPU": 8.0, "memory": 2.0**40})))
    assert [node.room(Need(1, 0, 2**28)) for node in there.nodes()] == [2]
    with pytest.raises(UserError, match=r"3 CPUs, 1 GPU and 1 MiB of memory.* \(here: 2 CPUs and 1.0 GiB of memory\)"):
        there.check_room(Need(3, 1, 2**20))


@pytest.mark.parametrize("address", ["nonsense", "here:port", "ray://here:10001"])
def test_what_is_no_address_is_refused(address):
    pytest.importorskip("ray", reason="ray is not installed: it is in the cluster extra")
    with pytest.raises(UserError, match="expected local, auto, or HOST:PORT"), connected(address):
        pass


def test_an_address_that_does_not_answer_is_told():
    pytest.importorskip("ray", reason="ray is not installed: it is in the cluster extra")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(UserError, match=f"--ray {address} does not answer: connection refused"), connected(address):
        pass


def test_a_server_that_is_no_head_node_is_told(monkeypatch):
    pytest.importorskip("ray", reason="ray is not installed: it is in the cluster extra")
    monkeypatch.setattr(cluster, "PATIENCE", 1.0)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(UserError, match="does not answer as a head node of Ray does"), connected(address):
            pass


def test_the_folder_to_ship_holds_the_environment(tmp_path):
    config = plan(f"{ENDLESS}:Endless", steps=100, num_envs=1)
    assert Cluster(FakeRay()).env_for_nodes(config) == f"{ENDLESS}:Endless"
    assert Cluster(FakeRay(), ENDLESS.parents[1]).env_for_nodes(config) == "training/endless.py:Endless"
    with pytest.raises(UserError, match=r"does not hold .*endless\.py"):
        Cluster(FakeRay(), tmp_path).env_for_nodes(config)
    with pytest.raises(UserError, match="there is no such folder"), connected("local", tmp_path / "missing"):
        pass


def test_without_ray_a_sentence_says_how_to_have_it(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **options):
        if name.partition(".")[0] == "ray":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r'pip install "rlkit-toolkit\[cluster\]"'), connected("local"):
        pass


def test_ray_is_imported_only_for_a_cluster(tmp_path):
    code = (
        "import sys, rlkit.cli.train, rlkit.cli.tune, rlkit.experiments.multi_seed, rlkit.experiments.tuning; "
        "import rlkit.experiments.ray_executor, rlkit.experiments.run_child, rlkit.training.actor_trainer; "
        "from rlkit.cli import main; "
        f"main(['train', 'CartPole-v1', '--steps', '32', '--eval-freq', '0', '--run-dir', {str(tmp_path / 'run')!r}]); "
        "print('ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "False"
