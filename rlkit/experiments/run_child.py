"""The process that trains one run on a node of a cluster: `python -m rlkit.experiments.run_child`.

The request on standard input and the events on standard output are lines of JSON: `say`, `warn`, `progress` as a
`Reporter` takes them, and last `ended` or `failed`. What the environment prints goes to standard error.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from rlkit.utils.channel import open_channel, send

PR_SET_PDEATHSIG = 1  # of prctl(2)
INTERVAL = 1.0  # s between events of progress


class ChannelReporter:
    """Sends messages and progress to the parent.

    Args:
        channel: Takes the events.
    """

    def __init__(self, channel: TextIO):
        self._channel = channel
        self._last = 0.0

    def say(self, sentence: str) -> None:
        """Send a message, and the progress that follows it."""
        self._last = 0.0
        send(self._channel, {"say": sentence})

    def warn(self, sentence: str) -> None:
        """Send a warning."""
        send(self._channel, {"warn": sentence})

    def progress(self, steps: int, figures: Mapping[str, str]) -> None:
        """Send progress, at most once per `INTERVAL`."""
        if time.monotonic() - self._last >= INTERVAL:
            self._last = time.monotonic()
            send(self._channel, {"progress": steps, "figures": dict(figures)})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


def main() -> None:
    """Read the request, train the run, and send how it ended."""
    channel = open_channel()
    signal.pthread_sigmask(signal.SIG_SETMASK, [])  # Ray's workers block SIGINT
    request = json.loads(sys.stdin.readline())
    _end_with(request["parent"])
    from rlkit.utils.system import tune_process

    tune_process()  # before torch is imported
    send(channel, _train(request, ChannelReporter(channel)))
    os._exit(0)  # does not wait for the environment's threads


def _end_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, however that ends."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _train(request: dict[str, Any], reporter: ChannelReporter) -> dict[str, Any]:
    from rlkit.errors import EnvironmentFailure, UserError
    from rlkit.training import run as training_run
    from rlkit.training.checkpoint import saved_steps
    from rlkit.training.signals import Interrupted, interruptible, signal_name

    folder = Path(request["folder"])
    try:
        with interruptible():
            _wait_for_lock(folder / ".lock", request["patience"])
            run = training_run.resume(
                folder,
                env=request["env"],
                env_kwargs=request["env_kwargs"],
                network=request["network"],
                time_limit=request["time_limit"],
                reporter=lambda total: reporter,
            )
        return {"ended": run.steps, "stopped": run.stopped}
    except Interrupted as error:
        return {"ended": saved_steps(folder), "stopped": signal_name(error.number)}
    except UserError as error:
        kind = "environment" if isinstance(error, EnvironmentFailure) else "user"
        return {"failed": str(error), "kind": kind, "exit_code": error.exit_code}
    except Exception:
        return {"failed": traceback.format_exc(), "kind": "bug", "exit_code": 1}


def _wait_for_lock(lock: Path, seconds: float) -> None:
    """Wait until no other process trains the run, such as one on a node that is being lost; at most so long."""
    deadline = time.monotonic() + seconds
    while lock.exists() and time.monotonic() < deadline:
        with lock.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError:
                time.sleep(0.5)


if __name__ == "__main__":
    main()
