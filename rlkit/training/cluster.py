"""A cluster of Ray (Moritz et al., OSDI 2018): connecting to it, its nodes, what a run needs of them.

Ray is imported here and by what is given a `Cluster`, and only when one was asked for.
"""

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rlkit.env.config import absolute_id
from rlkit.env.make import make_vec_env
from rlkit.errors import UserError
from rlkit.training.config import RunConfig, versions
from rlkit.training.run import build_agent
from rlkit.training.signals import SIGNALS
from rlkit.utils.ray import load_ray

LOCAL = "local"  # --ray local: a cluster of this machine, for the command alone
AUTO = "auto"  # --ray auto: the one that this machine belongs to
PATIENCE = 30.0  # s that a cluster, or a node, may take to answer
STORE = 256 * 2**20  # bytes of the object store of `local`, where run folders need none

# Connects in another process, whose attempts end with it: within one, Ray's go on for minutes.
_PROBE = """
import json, logging, os, sys
import ray
try:
    ray.init(address=sys.argv[1], log_to_driver=False, logging_level=logging.CRITICAL)
    answer = ""
except BaseException as error:
    answer = f"{error}" or type(error).__name__
os.write(int(sys.argv[2]), json.dumps(answer).encode())
os._exit(0)
"""


@dataclass(frozen=True)
class Need:
    """What one run takes of a node.

    Args:
        cpus: Threads of torch, and worker processes of the environment.
        gpus: One where the networks of the agent, or of its perception, are on a GPU.
        memory: Bytes that its agent holds in the end.
    """

    cpus: int
    gpus: int
    memory: int

    def __str__(self) -> str:
        parts = [_counted(self.cpus, "CPU"), *([_counted(self.gpus, "GPU")] if self.gpus else [])]
        size = f"{self.memory / 2**30:.1f} GiB" if self.memory >= 2**30 else f"{-(-self.memory // 2**20)} MiB"
        return f"{', '.join(parts)} and {size} of memory"


@dataclass(frozen=True)
class Node:
    """A node of the cluster that is alive.

    Args:
        key: Its id.
        name: Of its machine, with some of the id where several nodes are on one.
        cpus: Logical CPUs that Ray gives out.
        gpus: GPUs.
        memory: Bytes.
    """

    key: str
    name: str
    cpus: float
    gpus: float
    memory: float

    def room(self, need: Need) -> int:
        """How many runs it can take, if it does nothing else."""
        rooms = [self.cpus // need.cpus, self.memory // max(1, need.memory)]
        return int(min([*rooms, *([self.gpus // need.gpus] if need.gpus else [])]))

    def __str__(self) -> str:
        return f"{self.name}: {Need(int(self.cpus), int(self.gpus), int(self.memory))}"


class Cluster:
    """A cluster that this process is connected to.

    Args:
        ray: The module.
        working_dir: The folder that is shipped to its nodes; None for none.
        is_local: Whether it is this machine alone, for the command.
    """

    def __init__(self, ray: Any, working_dir: Path | None = None, is_local: bool = False):
        self.ray = ray
        self.working_dir = working_dir
        self.is_local = is_local

    def nodes(self) -> list[Node]:
        """Its nodes that are alive."""
        alive = [node for node in self.ray.nodes() if node["Alive"]]
        hosts = [node["NodeManagerHostname"] for node in alive]

        def read(node: Mapping[str, Any]) -> Node:
            key, host, has = node["NodeID"], node["NodeManagerHostname"], node["Resources"]
            name = host if hosts.count(host) == 1 else f"{host}-{key[:6]}"
            return Node(key, name, has.get("CPU", 0), has.get("GPU", 0), has.get("memory", 0))

        return [read(node) for node in alive]

    def check_room(self, need: Need) -> list[Node]:
        """The nodes that can take a run.

        Raises:
            UserError: There is none.
        """
        nodes = self.nodes()
        fitting = [node for node in nodes if node.room(need)]
        if not fitting:
            there = "; ".join(map(str, nodes))
            fewer = "" if need.cpus == 1 else ". OMP_NUM_THREADS=N limits the threads, workers=N the worker processes"
            raise UserError(
                f"--ray: each run takes {need}, and no node of the cluster has as much ({there}){fewer}", exit_code=1
            )
        return fitting

    def check_nodes(self, nodes: Sequence[Node], env: str | None) -> None:
        """Check that nodes have the versions of this process, and the code of the environment.

        Args:
            nodes: Those that runs may be trained on.
            env: Id of the environment for them, where it names code; see `env_for_nodes`.

        Raises:
            UserError: Naming nodes that differ, lack the code, or do not answer.
        """
        ray = self.ray
        look = ray.remote(num_cpus=0, max_retries=0)(_make_look())
        own = self.own_versions()
        pin = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        folder = None if self.working_dir else str(Path.cwd())
        asked = {
            look.options(scheduling_strategy=pin(node.key, soft=False)).remote(list(own), env, folder): node
            for node in nodes
        }
        _, silent = ray.wait(list(asked), num_returns=len(asked), timeout=PATIENCE)
        if silent:
            names = ", ".join(asked[ref].name for ref in silent)
            raise UserError(f"--ray: did not answer within {PATIENCE:g} s: {names}", exit_code=1)
        lacking = []
        for ref, node in asked.items():
            try:
                there, has_code = ray.get(ref)
            except ray.exceptions.RayError as error:
                sentence = f"--ray: {node.name} cannot run a task: {_last_line(error)}"
                raise UserError(sentence, exit_code=1) from error
            different = [f"{name} {there[name]} (here {own[name]})" for name in own if there[name] != own[name]]
            if different:
                raise UserError(
                    f"--ray: {node.name} has {', '.join(different)}: install the same versions on all nodes, since "
                    "results depend on them",
                    exit_code=1,
                )
            if not has_code:
                lacking.append(node.name)
        if lacking:
            raise UserError(
                f"--ray: {', '.join(lacking)} cannot find {env}: install it or copy it there, or ship its folder by "
                "--ray-working-dir DIR",
                exit_code=1,
            )

    def own_versions(self) -> dict[str, str]:
        """Versions that have to be the same on all nodes."""
        return versions() | {"ray": self.ray.__version__}

    def env_for_nodes(self, config: RunConfig) -> str | None:
        """The environment's id for the nodes, where it names code; None where it does not.

        Raises:
            UserError: It is a file, and a folder is shipped that does not hold it.
        """
        if config.environment.code is None:
            return None
        typed = absolute_id(config.environment.id)
        file, _, name = typed.rpartition(":")
        if self.working_dir is None or not file.endswith(".py"):
            return typed
        folder = self.working_dir.resolve()
        if folder not in Path(file).parents:
            raise UserError(f"--ray-working-dir {self.working_dir} does not hold {file}: name a folder that does")
        return f"{Path(file).relative_to(folder)}:{name}"


def need_of(config: RunConfig) -> Need:
    """What a run takes of a node, by its agent, which is built and thrown away.

    Raises:
        UserError: The agent cannot be built.
    """
    with make_vec_env(config.environment, 1) as one:
        agent = build_agent(dataclasses.replace(config, device="cpu"), one.spaces)
    available = torch.get_num_threads()
    threads = 1 if config.deterministic else agent.threads or available
    if config.async_envs:
        threads = min(threads, max(1, available - 1)) + 1
    workers = config.environment.kwargs.get("workers", 0)
    workers = workers if isinstance(workers, int) else 0
    perception = config.environment.perception
    sees_on_gpu = perception is not None and not perception.is_truth and perception.device != "cpu"
    gpu = config.device == "cuda" or (sees_on_gpu and torch.cuda.is_available())
    many = config.learners
    return Need(many * (threads + workers), many * int(gpu), many * agent.memory_estimate())


@contextlib.contextmanager
def connected(address: str, working_dir: Path | None = None) -> Iterator[Cluster]:
    """Connect to a cluster within the block. Where the caller has called `ray.init` already, that cluster is used.

    Args:
        address: `local` for one that is started on this machine and ends with the block, `auto` for the one that this
            machine belongs to, or HOST:PORT of a head node.
        working_dir: A folder to ship to the nodes, where it is the current folder of runs.

    Raises:
        UserError: Ray is missing, or there is no such cluster.
    """
    if working_dir is not None and not working_dir.is_dir():
        raise UserError(f"--ray-working-dir {working_dir}: there is no such folder")
    ray = load_ray()
    if ray.is_initialized():
        yield Cluster(ray, working_dir, address == LOCAL)
        return
    if address != LOCAL:
        _check_answer(address)
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "CRITICAL"}
    if working_dir is not None:
        options["runtime_env"] = {"working_dir": str(working_dir.resolve())}
    if address == LOCAL:
        options |= {"include_dashboard": False, "object_store_memory": STORE}
    try:
        ray._private.worker.print_to_stdstream = lambda *args, **kwargs: None  # logs of lost nodes, between our lines
        with _signal_handlers_kept():
            try:
                ray.init(address=address, **options)
            except (ConnectionError, RuntimeError, ValueError, OSError) as error:
                raise UserError(f"--ray {address}: {_last_line(error)}", exit_code=1) from error
        yield Cluster(ray, working_dir, address == LOCAL)
    finally:
        ray.shutdown()


def _check_answer(address: str) -> None:
    """Check that a cluster answers, within `PATIENCE`.

    Raises:
        UserError: It does not, or does not take this process in.
    """
    host, _, port = address.rpartition(":")
    if address != AUTO:
        if "//" in address or not host or not port.isdecimal():
            what = "Ray's client is not supported, start the command on a node" if "//" in address else "no address"
            raise UserError(f"--ray {address}: {what}; expected local, auto, or HOST:PORT of a head node")
        try:
            socket.create_connection((host, int(port)), PATIENCE).close()
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UserError(f"--ray {address} does not answer: {reason.lower()}", exit_code=1) from error
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as answers:
        try:
            command = [sys.executable, "-P", "-c", _PROBE, address, str(writer)]
            probe = subprocess.Popen(command, pass_fds=[writer], stdout=-3, stderr=-3, start_new_session=True)
        finally:
            os.close(writer)
        try:
            probe.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            sentence = f"--ray {address} does not answer as a head node of Ray does, within {PATIENCE:g} s"
            raise UserError(sentence, exit_code=1) from None
        finally:
            probe.kill()
            probe.wait()
        answer = json.loads(answers.read() or b'"Ray ended without an answer"')
    if address == AUTO and "Could not find any running Ray" in answer:
        answer = "this machine belongs to no cluster of Ray; --ray local starts one for this command"
    if answer:
        raise UserError(f"--ray {address}: {_one_line(answer)}", exit_code=1)


@contextlib.contextmanager
def _signal_handlers_kept() -> Iterator[None]:
    """Undo what a block does to the handlers of signals."""
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in SIGNALS} if main else {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _make_look() -> Callable[[list[str], str | None, str | None], tuple[dict[str, str], bool]]:
    """A function for tasks that nodes without rlkit can run: defined within another, it is sent by value."""

    def look(packages: list[str], env: str | None, folder: str | None) -> tuple[dict[str, str], bool]:
        """Versions of packages on this node, and whether it has the code of an environment."""
        import importlib.metadata
        import importlib.util
        import os
        import platform
        import sys

        found = {"python": sys.version.split()[0], "machine": platform.machine()}
        for name in packages:
            if name not in found:
                try:
                    found[name] = importlib.metadata.version(name)
                except importlib.metadata.PackageNotFoundError:
                    found[name] = "missing"
        code = None if env is None else env if env.endswith(".py") else env.rpartition(":")[0]
        if code is None:
            return found, True
        if code.endswith(".py"):
            return found, os.path.isfile(code)  # noqa: PTH113
        sys.path.append(folder if folder is not None and os.path.isdir(folder) else os.getcwd())  # noqa: PTH109, PTH112
        try:
            return found, importlib.util.find_spec(code.partition(".")[0]) is not None
        finally:
            sys.path.pop()

    return look


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]


def _last_line(error: BaseException) -> str:
    """The last line of an exception's text, where Ray's begin with a trace."""
    lines = str(error).strip().splitlines()
    return _one_line(lines[-1]) if lines else type(error).__name__
