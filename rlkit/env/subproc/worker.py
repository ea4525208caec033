"""`Worker`: a process that steps environments, in its parent, and the messages between the two."""

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

CLOSE = "close"  # ends a worker; all other requests are names of methods of `child.EnvServer`
Jobs = list[tuple[int, tuple[Any, ...]]]
"""Index and arguments of each environment of a request, in order."""

START = 120.0  # s for Python and rlkit's imports
TRACE_TIMEOUT = 0.5  # s for the traceback of a hanging process
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Blueprint:
    """Description from which a worker makes its environments.

    Args:
        id: In one of the forms that `registry.find_spec` understands.
        spec: The specification as JSON; None if it contains code.
        kwargs: Arguments of the environment, `render_mode` among them.
        frame_skip: Steps of the environment per action.
    """

    id: str
    spec: str | None
    kwargs: Mapping[str, Any]
    frame_skip: int


@dataclass(frozen=True)
class Response:
    """Response of one environment to one request.

    Args:
        kind: "value" for a result, "failed" for an exception of the environment's code, "refused" for a `UserError`,
            "missing" for an attribute that does not exist.
        value: The result; or the description of the exception; or message and exit code; or the message.
    """

    kind: Literal["value", "failed", "refused", "missing"]
    value: Any

    def unwrap(self) -> Any:
        """Return the result.

        Raises:
            DescribedError: The environment's code failed.
            UserError: The request was refused.
            AttributeError: There is no such attribute.
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
    """Serialize a specification; None if it contains code or other values that are not JSON."""
    try:
        return spec.to_json()
    except (TypeError, ValueError):
        return None


class Worker:
    """A process that steps some of the environments.

    Args:
        blueprint: Description of the environments.
        indices: Of its environments in the vector.
    """

    def __init__(self, blueprint: Blueprint, indices: Sequence[int]):
        self.indices = tuple(indices)
        self.pending: list[int] = []  # environments without a response yet, in order
        self.since = 0.0  # `time.monotonic` when the first of them began
        self._blueprint = blueprint
        self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        self._trace = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - until it ends
        files = theirs.fileno(), self._trace.fileno()
        try:
            # -P keeps the current folder out of sys.path. A new session keeps the terminal's Ctrl-C away, and lets
            # killpg end the environment's own subprocesses too.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "rlkit.env.subproc.child", *map(str, files)],
                stdin=subprocess.DEVNULL,
                env=_environment_variables(),
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
        with contextlib.suppress(OSError):  # if it has ended, `wait_for_start` raises
            self.connection.send(self._blueprint)

    def wait_for_start(self) -> None:
        """Wait until it has started.

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
        """Send a request to its environments, which respond one after the other; none may be pending."""
        assert not self.pending
        self.pending = [index for index, _ in jobs]
        self.since = time.monotonic()
        with contextlib.suppress(OSError):  # if it has ended, `receive` raises
            self.connection.send((request, jobs))

    def receive(self) -> tuple[int, Response]:
        """Receive the next response, with the index of its environment.

        Raises:
            EOFError: The process has ended.
            OSError: The same.
        """
        packed = self.connection.recv_bytes()
        self.since = time.monotonic()
        index = self.pending.pop(0)
        try:
            return index, pickle.loads(packed)
        except Exception as error:  # for instance of a class that this process cannot import
            return index, Response(
                "failed", f"returned a result that cannot be read in this process: {describe_error(error)}"
            )

    def hanging(self, seconds: float) -> str:
        """Kill the hanging process, and describe where it hung."""
        self._process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + TRACE_TIMEOUT
        while not self._place() and time.monotonic() < deadline:
            time.sleep(0.02)
        said = overdue(seconds) + self._place()
        self.kill()
        return said

    def ending(self) -> str:
        """Describe how the process ended, as the predicate of a sentence."""
        ended, place = self._has_ended(TRACE_TIMEOUT), self._place()
        self.kill()
        code = self._process.returncode
        if not ended:
            return f"closed its connection{place}"
        if code >= 0:
            return f"ended its process with exit status {code}{place}"
        memory = ", as the system does where memory runs out" if -code == signal.SIGKILL else ""
        return f"ended its process by {signal.Signals(-code).name}{place}{memory}"

    def restart(self) -> None:
        """Start a new process, whose environments have to be made."""
        self.kill()
        self.pending = []
        self._start()

    def request_close(self) -> None:
        """Request that it closes its environments and ends; kill it if a response is pending."""
        if self.pending:
            self.kill()
            return
        with contextlib.suppress(OSError):
            self.connection.send((CLOSE, []))

    def join(self, seconds: float) -> None:
        """Wait until it has ended; kill it after so many seconds."""
        self._has_ended(seconds)
        self.kill()

    def kill(self) -> None:
        """Kill the process and its subprocesses; idempotent."""
        if self._process.returncode is None:  # not reaped yet: its id is still its own
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self.connection.close()
        self._trace.close()

    def _has_ended(self, seconds: float) -> bool:
        """Whether it ends within so many seconds; without reaping it, so that `kill` can end its group."""
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
        """The environment's line in the last traceback, as ` (my_env.py:33)`, or an empty string."""
        if self._trace.closed:
            return ""
        self._trace.seek(0)
        found = place_in_trace(self._trace.read())
        return f" ({found})" if found else ""


def _environment_variables() -> dict[str, str]:
    """Environment variables of a worker: the same import path, and one thread."""
    path = os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)
    return {**os.environ, "PYTHONPATH": path, **dict.fromkeys(ONE_THREAD, "1")}


def start_workers(blueprint: Blueprint, num_envs: int, workers: int) -> list[Worker]:
    """Start processes for N environments, in contiguous blocks of nearly equal size."""
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


def unpack(responses: dict[int, Response]) -> dict[int, Any]:
    """The results by environment; raises the error of the first environment without one."""
    results: dict[int, Any] = {}
    for index in sorted(responses):
        try:
            results[index] = responses[index].unwrap()
        except DescribedError as error:
            raise DescribedError(str(error), index) from None
    return results
