"""Starting the processes of a training by several learners on one machine, and noticing when one of them ends.

The process of the command is the first learner. The others are started by it, with `rlkit.training.learner_process`,
and end with it, however it ends. One that ends by itself makes every operation they share fail (see
`rlkit.nn.distributed`), and with it the training; what was saved before is kept.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rlkit.errors import UserError
from rlkit.nn.distributed import ALONE, LearnerGroup, LearnerLost
from rlkit.utils.terminal import printable

START = 120.0  # s for Python and the imports
NOTICED = 5.0  # s in which a process has ended whose connection is closed
LEAVE = 30.0  # s that learners may take to end after the first one
STUCK = 30.0  # s after the end of a learner, after which the first one is ended too if it waits on a GPU
ENDLESS = timedelta(days=365)  # an evaluation of the first learner may take as long as it likes
READY = "ready"
GLOO_INTERFACE = "GLOO_SOCKET_IFNAME"


class LearnerProcess:
    """The process of a learner other than the first.

    Args:
        rank: Its number, from 1.
        device: "cpu" or "cuda".
        task: What it does, see `learner_process`.
    """

    def __init__(self, rank: int, device: str, task: tuple[Any, ...]):
        self.rank = rank
        ours, theirs = socket.socketpair()
        try:
            # -P keeps the current folder out of sys.path; a new session keeps the terminal's Ctrl-C away.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "rlkit.training.learner_process", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                env=_variables(rank, device),
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._connection = Connection(ours.detach())
        with contextlib.suppress(OSError):  # if it has ended, `wait_for_start` notices
            self._connection.send(task)

    def wait_for_start(self) -> None:
        """Wait until it is about to connect.

        Raises:
            LearnerLost: It does not start.
        """
        deadline = time.monotonic() + START
        while not self._connection.poll(0.2):
            if self.failed or time.monotonic() > deadline:
                raise LearnerLost(f"learner {self.rank} does not start")
        with contextlib.suppress(EOFError, OSError):
            if self._connection.recv() == READY:
                return
        raise LearnerLost(f"learner {self.rank} does not start")

    @property
    def failed(self) -> bool:
        """Whether it has ended before its training was over."""
        return self._process.poll() not in (None, 0)

    def ending(self) -> tuple[int, str, int]:
        """How it ended: how likely that is why others did (2: certain), a sentence, and an exit status."""
        with contextlib.suppress(EOFError, OSError):
            if self._connection.poll(0):
                sentence, exit_code = self._connection.recv()
                return 2, f"learner {self.rank}: {sentence}", exit_code
        code = self._process.poll()
        if code is None or code >= 0:  # those that lose another end with status 1
            return 0, f"learner {self.rank} ended with exit status {code}", 1
        memory = ", as the system does where memory runs out" if -code == signal.SIGKILL else ""
        return 1, f"learner {self.rank} was ended by {signal.Signals(-code).name}{memory}", 1

    def leave(self, deadline: float) -> None:
        """Wait until it has ended by itself, at most until `deadline`; then kill it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, deadline - time.monotonic()))
        if self._process.returncode is None:  # not reaped yet: its id is still its own
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._connection.close()


def _variables(rank: int, device: str) -> dict[str, str]:
    """Environment variables of a learner: the same import path, its own GPU, and the settings of `rlkit.cli`."""
    path = os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)
    tuned = {"MALLOC_MMAP_THRESHOLD_": str(32 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(64 * 2**20)}
    variables = {**tuned, **os.environ, "PYTHONPATH": path}
    if device == "cuda":
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        variables["CUDA_VISIBLE_DEVICES"] = visible.split(",")[rank] if visible else str(rank)
    return variables


@contextlib.contextmanager
def started_learners(
    count: int, device: str, how_to_continue: Callable[[], str], function: Callable[..., None], *arguments: Any
) -> Iterator[LearnerGroup]:
    """The first of several learners, with the others at work within the block; no process for a single one.

    Args:
        count: How many learners there are.
        device: "cpu" or "cuda".
        how_to_continue: Says so, for the error of a training that lost a learner.
        function: What the others call, with their `LearnerGroup` and the arguments; found by its name in its module.
        *arguments: Of the function.

    Raises:
        UserError: One of them ended.
    """
    if count == 1:
        yield ALONE
        return
    done = threading.Event()
    processes: list[LearnerProcess] = []

    def check() -> None:
        if any(process.failed for process in processes):
            raise LearnerLost("a learner ended")

    with tempfile.TemporaryDirectory(prefix="rlkit-learners-") as folder:
        store = str(Path(folder) / "store")
        try:
            for rank in range(1, count):  # appended at once, so that all that were started are ended
                task = (rank, count, device, store, function, arguments)
                processes.append(LearnerProcess(rank, device, task))
            for process in processes:
                process.wait_for_start()
            watch = threading.Thread(target=_end_if_stuck, args=(processes, done, how_to_continue), daemon=True)
            watch.start()
            with connected(0, count, device, store, check) as group:
                yield group
            done.set()
            deadline = time.monotonic() + LEAVE
            for process in processes:
                process.leave(deadline)
        except LearnerLost as error:
            raise _lost(processes, error, how_to_continue) from error
        finally:
            done.set()
            for process in processes:
                process.leave(0.0)


@contextlib.contextmanager
def connected(
    rank: int, count: int, device: str, store: str, check: Callable[[], None] = lambda: None
) -> Iterator[LearnerGroup]:
    """A connection to the other learners within the block: gloo, and nccl between GPUs.

    Args:
        rank: Number of this learner, from 0.
        count: How many there are.
        device: "cpu" or "cuda".
        store: A file by which they find each other.
        check: See `LearnerGroup`.
    """
    import torch.distributed as dist

    backend = "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
    file = dist.FileStore(store, count)  # type: ignore[attr-defined]
    with _on_loopback():
        dist.init_process_group(backend, store=file, rank=rank, world_size=count, timeout=ENDLESS)
    try:
        yield LearnerGroup(rank, count, dist.group.WORLD, check)
    finally:
        dist.destroy_process_group()


@contextlib.contextmanager
def _on_loopback() -> Iterator[None]:
    """Let gloo listen where only this machine can connect, unless the user chose an interface."""
    loopback = next((name for _, name in socket.if_nameindex() if name.startswith("lo")), None)
    if loopback is None or GLOO_INTERFACE in os.environ:
        yield
        return
    os.environ[GLOO_INTERFACE] = loopback
    try:
        yield
    finally:
        del os.environ[GLOO_INTERFACE]


def _lost(processes: list[LearnerProcess], error: LearnerLost, how_to_continue: Callable[[], str]) -> UserError:
    """Say which learner ended, and how to continue."""
    deadline = time.monotonic() + NOTICED
    while not any(process.failed for process in processes) and time.monotonic() < deadline:
        time.sleep(0.05)
    ended = [process.ending() for process in processes if process.failed]
    _, sentence, exit_code = max(ended, default=(0, f"the connection between learners failed: {error}", 1))
    return UserError(f"{sentence.rstrip('.')}; {how_to_continue()}", exit_code)


def _end_if_stuck(processes: list[LearnerProcess], done: threading.Event, how_to_continue: Callable[[], str]) -> None:
    """End this process where a learner has ended and the main thread does not notice, as while it waits for a GPU."""
    while not done.wait(1.0):
        if any(process.failed for process in processes) and not done.wait(STUCK):
            error = _lost(processes, LearnerLost(""), how_to_continue)
            for process in processes:
                process.leave(0.0)
            print(f"rlkit: {printable(error)}", file=sys.stderr, flush=True)
            os._exit(error.exit_code)
