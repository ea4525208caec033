"""One run on a node of a cluster: it is trained by a child process, which this one supervises.

The child computes what a process on the driver's machine would: it sees the driver's settings of threads and nothing of
Ray's. A crash, a hang and a signal stay in it, and it ends with its supervisor. Ray runs `RemoteRun` as an actor;
torch is not imported.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from rlkit.experiments.run_files import FolderReceiver, FolderSender, Piece
from rlkit.utils.scratch import temporary_folder

# Environment variables that a run's numbers or speed may depend on, and which Ray sets in its workers.
COPIED = (
    "CUBLAS_WORKSPACE_CONFIG",
    "GOMP_SPINCOUNT",
    "KMP_BLOCKTIME",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "PYTHONHASHSEED",
)
POLL = 1.0  # s between looks at the run folder while no event arrives
LISTED = 100  # events of the child that wait; then the child waits
PRINTED = 4096  # bytes of the child's standard error that are kept
ENDING = 10.0  # s that the child may take to end after its last event

Event = dict[str, Any]


class RemoteRun:
    """Trains one run in a child process.

    Args:
        folder: The run folder on the driver's machine.
        probe: A file beside it, and what it holds where this node sees the same file system; None where the files
            are sent in any case.
    """

    def __init__(self, folder: str, probe: tuple[str, str] | None):
        self._stack = contextlib.ExitStack()
        self._named = self._folder = Path(folder)
        self._stop: int | None = None
        self._child: subprocess.Popen[str] | None = None
        self.shared = probe is not None and _holds(*probe)
        if not self.shared:
            place = temporary_folder(Path(tempfile.gettempdir()), f"rlkit-run-{os.getuid()}")
            self._folder = self._stack.enter_context(place) / self._folder.name
            self._folder.mkdir()
        self._receiver = FolderReceiver(self._folder)

    def place(self) -> tuple[str, bool]:
        """Id of the node, and whether it sees the driver's run folder; only for an actor of Ray."""
        import ray

        return ray.get_runtime_context().get_node_id(), self.shared

    def receive(self, piece: Piece) -> None:
        """Write a piece of the run folder, before it is trained."""
        self._receiver.take(piece)

    def stop(self, number: int) -> None:
        """Send a signal to the child: SIGTERM to save and end."""
        self._stop = number
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(number)

    def train(self, request: Mapping[str, Any]) -> Iterator[Event]:
        """Train the run, or resume it.

        Args:
            request: What `run_child` reads, apart from folder and parent; `environment` holds variables for it, None
                for those that have to be unset, and `cwd` its current folder, if there is one here.

        Yields:
            The child's events, and empty ones where there is none for a while; with `piece` events between them where
            the folder is not shared: the log before each message, everything after each checkpoint and at the end.
            `crashed` is last where the child sent no end.
        """
        sender = FolderSender(self._folder)
        sender.mark_sent()
        printed = bytearray()
        with self._stack:
            child = self._child = _start(request, self._folder)
            if self._stop is not None:
                child.send_signal(self._stop)
            try:
                assert child.stderr is not None
                threading.Thread(target=_keep_end, args=(child.stderr, printed), daemon=True).start()
                last: Event | None = None
                for event in _events(child):
                    if not self.shared and ("say" in event or sender.has_new_checkpoint):
                        yield from ({"piece": piece} for piece in sender.log())
                    event = self._named_as_there(event)
                    if "ended" in event or "failed" in event:
                        last = event
                    else:
                        yield event
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(ENDING)
            finally:
                child.kill()
                child.wait()
            if not self.shared:
                yield from ({"piece": piece} for piece in sender.everything())
        yield {"crashed": _describe_end(child.returncode, bytes(printed))} if last is None else last

    def _named_as_there(self, event: Event) -> Event:
        """An event whose sentences name the run folder on the driver's machine."""
        here, there = str(self._folder), str(self._named)
        return {key: text.replace(here, there) if isinstance(text, str) else text for key, text in event.items()}


def _holds(file: str, token: str) -> bool:
    try:
        return Path(file).read_text() == token
    except OSError:
        return False


def _start(request: Mapping[str, Any], folder: Path) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    for name, value in request["environment"].items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    cwd = request["cwd"] if request["cwd"] is not None and Path(request["cwd"]).is_dir() else None
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "rlkit.experiments.run_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=cwd,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,  # Ctrl-C in a terminal is the driver's
    )
    assert child.stdin is not None
    passed = {name: value for name, value in request.items() if name not in ("environment", "cwd")}
    with contextlib.suppress(BrokenPipeError):
        child.stdin.write(json.dumps(passed | {"folder": str(folder), "parent": os.getpid()}) + "\n")
        child.stdin.flush()
    return child


def _events(child: "subprocess.Popen[str]") -> Iterator[Event]:
    """The events of a child as they arrive, and an empty one where none does for a while."""
    events: queue.Queue[Event | None] = queue.Queue(LISTED)

    def read() -> None:
        assert child.stdout is not None
        with contextlib.suppress(ValueError):  # closed while reading, or half a line of a killed child
            for line in child.stdout:
                events.put(json.loads(line))
        events.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            event = events.get(timeout=POLL)
        except queue.Empty:
            event = {}
        if event is None:
            return
        yield event


def _keep_end(stream: IO[str], kept: bytearray) -> None:
    """Read a stream to its end, and keep the last bytes."""
    with contextlib.suppress(ValueError):
        for line in stream:
            kept += line.encode()
            del kept[:-PRINTED]


def _describe_end(code: int, printed: bytes) -> str:
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"
    lines = printed.decode(errors="replace").strip().splitlines()
    return f"its process ended {how}" + (f" ({lines[-1][:200]})" if lines else "")
