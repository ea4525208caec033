"""Check an environment in a separate process, so that a hang or a crash is an issue like any other."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

from rlkit.env.config import EnvConfig
from rlkit.env_checker.issues import Issue, Report, make_issue
from rlkit.env_checker.runner import STEPS
from rlkit.errors import UserError, place_in_trace

TIMEOUT = 60.0  # s for one call
LENIENCE = 10  # factor of the timeout for calls that may compile, download or unpack something
HIDDEN = ("DISPLAY", "WAYLAND_DISPLAY")  # the check runs without a display


def check_environment(
    environment: str | EnvConfig,
    *,
    steps: int = STEPS,
    timed: bool = True,
    timeout: float = TIMEOUT,
    on_progress: Callable[[str], None] = lambda doing: None,
) -> Report:
    """Check an environment.

    Args:
        environment: Its id in any form that `rlkit train` takes, or its configuration.
        steps: Number of random steps.
        timed: Whether to measure speed and memory.
        timeout: Seconds that one call may take.
        on_progress: Called with what is being done.

    Raises:
        UserError: There is no such environment, or its arguments are wrong.
    """
    if steps < 1:
        raise UserError(f"{steps} steps: expected a whole number of at least 1")
    if not timeout > 0:
        raise UserError(f"a timeout of {timeout} s: expected a number greater than 0")
    config = EnvConfig(environment) if isinstance(environment, str) else environment
    began = time.monotonic()
    request = {"id": config.id, "kwargs": dict(config.kwargs), "steps": steps, "timed": timed, "only_digest": False}
    result = _ask(request, timeout, on_progress, hash_seed="0")
    if isinstance(result, Issue):
        return Report(config.id, config.kwargs, (result,), {}, ("all later checks",), time.monotonic() - began)
    report = Report.from_json(result["report"])
    digest = report.facts.get("digest")
    if digest is not None and "seed-not-reproduced" not in report.names():
        again = _ask({**request, "only_digest": True}, timeout, on_progress, hash_seed="1")
        if isinstance(again, dict) and again.get("digest") != digest:
            message = "the same seed and actions gave another trajectory in a second process"
            report = report.with_issue(make_issue("process-not-reproduced", message))
    return report


def _ask(
    request: Mapping[str, Any], timeout: float, on_progress: Callable[[str], None], hash_seed: str
) -> dict[str, Any] | Issue:
    """The last event of a child process; an issue if it hangs or crashes."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as printed:
        child = _start(printed, hash_seed)
        try:
            assert child.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(json.dumps(request) + "\n")
                child.stdin.flush()
            doing, allowed = "start", timeout * LENIENCE
            events = _events(child)
            while True:
                try:
                    event = events.get(timeout=allowed)
                except queue.Empty:
                    return _hanging(child, printed, doing, allowed)
                if event is None:
                    return _dead(child, printed, doing)
                if "refused" in event:
                    raise UserError(event["refused"], exit_code=event["exit_code"])
                if "doing" not in event:
                    return event
                doing, allowed = event["doing"], timeout * (LENIENCE if event["lenient"] else 1)
                on_progress(doing)
        finally:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()


def _start(printed: IO[str], hash_seed: str) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if name not in HIDDEN}
    # The child imports the same modules; files in the current folder do not shadow installed ones.
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    environment["PYTHONHASHSEED"] = hash_seed
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "rlkit.env_checker.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=printed,
        env=environment,
        text=True,
        encoding="utf-8",
    )


def _events(child: "subprocess.Popen[str]") -> "queue.Queue[dict[str, Any] | None]":
    """The events of a child as they arrive, then None."""
    events: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def read() -> None:
        for line in _lines(child):
            events.put(json.loads(line))
        events.put(None)

    threading.Thread(target=read, daemon=True).start()
    return events


def _lines(child: "subprocess.Popen[str]") -> Iterator[str]:
    assert child.stdout is not None
    with contextlib.suppress(ValueError):  # closed while reading
        yield from child.stdout


def _hanging(child: "subprocess.Popen[str]", printed: IO[str], doing: str, allowed: float) -> Issue:
    if hasattr(signal, "SIGUSR1"):
        child.send_signal(signal.SIGUSR1)
        time.sleep(0.5)  # for the signal handler to write the trace
    return make_issue("hangs", f"{doing} did not return within {allowed:g} s{_place(printed)}")


def _dead(child: "subprocess.Popen[str]", printed: IO[str], doing: str) -> Issue:
    code = child.wait()
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"
    return make_issue("crashes", f"the process ended {how} during or shortly after: {doing}{_place(printed)}")


def _place(printed: IO[str]) -> str:
    """Location in the last trace of faulthandler, such as " (my_env.py:33)"; "" if there is none."""
    printed.seek(0)
    found = place_in_trace(printed.read())
    return f" ({found})" if found else ""
