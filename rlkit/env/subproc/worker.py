"""One process that steps environments, as its parent sees it, and the messages that the two exchange."""

import contextlib
import itertools
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from gymnasium.envs.registration import EnvSpec

from rlkit.env.timeout import overdue
from rlkit.errors import DescribedError, UserError, describe_error, place_in_trace

CLOSE = "close"  # the request that ends a worker; all others are names of methods of `child.Share`
Jobs = list[tuple[int, tuple[Any, ...]]]
"""Which environments are to do what was requested, in this order, and with which arguments."""

START = 120.0  # s for Python and our own imports, before any code of the environment
LAST_WORDS = 0.5  # s for Python to write where it hangs
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Blueprint:
    """What a worker makes its environments from; the very things that they are made from in one process.

    Args:
        id: In one of the forms that `registry.find_spec` understands.
        spec: The specification as JSON; None where it holds code.
        kwargs: Arguments of the environment, `render_mode` among them.
        frame_skip: Steps of the environment per action.
    """

    id: str
    spec: str | None
    kwargs: Mapping[str, Any]
    frame_skip: int


@dataclass(frozen=True)
class Answer:
    """What one environment answers to one request.

    Args:
        kind: Whether `value` is what was asked for, or why there is none: one line on an error in the environment's
            code, a UserError's sentence and exit code, or the name of a method that it does not have.
        value: Of that kind.
    """

    kind: Literal["value", "failed", "refused", "missing"]
    value: Any

    def taken(self) -> Any:
        """The value.

        Raises:
            DescribedError: The environment's code failed.
            UserError: It refused what was asked.
            AttributeError: It has no such method.
        """
        if self.kind == "failed":
            raise DescribedError(self.value)
        if self.kind == "refused":
            sentence, exit_code = self.value
            raise UserError(sentence, exit_code)
        if self.kind == "missing":
            raise AttributeError(self.value)
        return self.value


def spec_as_json(spec: EnvSpec) -> str | None:
    """A specification as text; None where it holds code, or arguments that JSON does not know."""
    try:
        return spec.to_json()
    except (TypeError, ValueError):
        return None


class Worker:
    """A process and the environments that are stepped in it.

    Args:
        blueprint: What they are made from.
        indices: Which of all environments they are.
    """

    def __init__(self, blueprint: Blueprint, indices: Sequence[int]):
        self.indices = tuple(indices)
        self.owed: list[int] = []  # environments whose answers have yet to come, in order
        self.since = 0.0  # when the first of them was begun, by `time.monotonic`
        self._blueprint = blueprint
        self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        self._trace = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - until it ends
        files = theirs.fileno(), self._trace.fileno()
        try:
            # Nothing in the current folder hides what is installed. In a session of its own, so that a terminal's
            # Ctrl-C does not reach it, and what the environment starts can be ended together with it.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "rlkit.env.subproc.child", *map(str, files)],
                stdin=subprocess.DEVNULL,
                env=_surroundings(),
                pass_fds=files,
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            self._trace.close()
            raise
        finally:
            theirs.close()
        self.connection = Connection(ours.detach())
        with contextlib.suppress(OSError):  # if it has ended already, waiting for it will say so
            self.connection.send(self._blueprint)

    def wait_for_start(self) -> None:
        """Wait until it listens.

        Raises:
            DescribedError: It does not start.
        """
        try:
            if self.connection.poll(START):
                self.connection.recv_bytes()
                return
            raise DescribedError(f"its process did not start within {START:g} s")
        except (EOFError, OSError):
            raise DescribedError(f"its process did not start: {self.ending()}") from None

    def ask(self, request: str, jobs: Jobs) -> None:
        """Request something of its environments, which answer one after the other; none may owe an answer."""
        assert not self.owed
        self.owed = [index for index, _ in jobs]
        self.since = time.monotonic()
        with contextlib.suppress(OSError):  # if it has ended, receiving will say so
            self.connection.send((request, jobs))

    def receive(self) -> tuple[int, Answer]:
        """The next answer, and whose it is.

        Raises:
            EOFError: The process has ended.
            OSError: The same.
        """
        packed = self.connection.recv_bytes()
        self.since = time.monotonic()
        index = self.owed.pop(0)
        try:
            return index, pickle.loads(packed)
        except Exception as error:  # of a class, for instance, that this process cannot import
            return index, Answer("failed", f"its answer cannot be read in this process: {describe_error(error)}")

    def hanging(self, seconds: float) -> str:
        """Say that it hangs and where, and end it."""
        self._process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + LAST_WORDS
        while not self._place() and time.monotonic() < deadline:
            time.sleep(0.02)
        said = overdue(seconds) + self._place()
        self.kill()
        return said

    def ending(self) -> str:
        """Say how it ended, as the end of a sentence that begins with what it was doing."""
        ended, place = self._has_ended(LAST_WORDS), self._place()
        self.kill()
        code = self._process.returncode
        if not ended:
            return f"closed its connection{place}"
        if code >= 0:
            return f"ended its process with exit status {code}{place}"
        memory = ", as the system does where memory runs out" if -code == signal.SIGKILL else ""
        return f"ended its process by {signal.Signals(-code).name}{place}{memory}"

    def restart(self) -> None:
        """Begin again with a new process, whose environments have to be made."""
        self.kill()
        self.owed = []
        self._start()

    def say_goodbye(self) -> None:
        """Ask it to close its environments and end; one that still works on something is ended as it is."""
        if self.owed:
            self.kill()
            return
        with contextlib.suppress(OSError):
            self.connection.send((CLOSE, []))

    def join(self, seconds: float) -> None:
        """Wait until it has ended, then see to it that it has."""
        self._has_ended(seconds)
        self.kill()

    def kill(self) -> None:
        """End it and whatever it has started; more than once does no harm."""
        if self._process.returncode is None:  # nobody has asked how it ended: its number is nobody else's
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self.connection.close()
        self._trace.close()

    def _has_ended(self, seconds: float) -> bool:
        """Whether it ends within so many seconds; without taking note of it, so that `kill` still knows its group."""
        if self._process.returncode is not None:
            return True
        deadline = time.monotonic() + seconds
        asked = os.WEXITED | os.WNOHANG | os.WNOWAIT
        while os.waitid(os.P_PID, self._process.pid, asked) is None:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.005)
        return True

    def _place(self) -> str:
        """Where somebody's code was when Python last wrote it down: ` (my_env.py:33)`, or nothing."""
        if self._trace.closed:
            return ""
        self._trace.seek(0)
        found = place_in_trace(self._trace.read())
        return f" ({found})" if found else ""


def _surroundings() -> dict[str, str]:
    """The environment variables of a worker: it finds what this process finds, and keeps to one core."""
    path = os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)
    return {**os.environ, "PYTHONPATH": path, **dict.fromkeys(ONE_THREAD, "1")}


def share_out(blueprint: Blueprint, num_envs: int, workers: int) -> list[Worker]:
    """Start processes for N environments, neighbours together, as evenly as can be."""
    bounds = [num_envs * number // workers for number in range(workers + 1)]
    started: list[Worker] = []
    try:
        for low, high in itertools.pairwise(bounds):
            worker = Worker(blueprint, range(low, high))
            started.append(worker)
        for worker in started:
            worker.wait_for_start()
    except BaseException:
        for worker in started:
            worker.kill()
        raise
    return started


def unpack(answers: dict[int, Answer]) -> dict[int, Any]:
    """The values of answers; what the first of the environments that have none ran into is raised."""
    return {index: answers[index].taken() for index in sorted(answers)}
