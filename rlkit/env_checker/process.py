"""Examines an environment in a process of its own, so that one that hangs or crashes is a finding like any other."""

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
from rlkit.env_checker.issues import Issue, Report, finding
from rlkit.env_checker.runner import STEPS
from rlkit.errors import UserError, place_in_trace

TIME_OUT = 60.0  # seconds for one call
LENIENCE = 10  # times as long for calls before which something may have to be compiled, downloaded or unpacked
HIDDEN = ("DISPLAY", "WAYLAND_DISPLAY")  # machines that train have no screen


def check_environment(
    environment: str | EnvConfig,
    *,
    steps: int = STEPS,
    timed: bool = True,
    time_out: float = TIME_OUT,
    tell: Callable[[str], None] = lambda doing: None,
) -> Report:
    """Examine an environment.

    Args:
        environment: Its id in any form that `rlkit train` takes, or its description.
        steps: Of random play.
        timed: Whether to time it and watch its memory.
        time_out: Seconds that one call of it may take.
        tell: Told what is being done.

    Returns:
        What was found; `report.passed` says whether that is no fault.

    Raises:
        UserError: There is no such environment, or its arguments are wrong.
    """
    if steps < 1:
        raise UserError(f"{steps} steps: expected a whole number of at least 1")
    if not time_out > 0:
        raise UserError(f"a time-out of {time_out} s: expected a number greater than 0")
    config = EnvConfig(environment) if isinstance(environment, str) else environment
    began = time.monotonic()
    request = {"id": config.id, "kwargs": dict(config.kwargs), "steps": steps, "timed": timed, "only_digest": False}
    answer = _ask(request, time_out, tell, hash_seed="0")
    if isinstance(answer, Issue):
        return Report(config.id, config.kwargs, (answer,), {}, ("everything after it",), time.monotonic() - began)
    report = Report.from_json(answer["report"])
    digest = report.facts.get("digest")
    if digest is not None and "seed-not-reproduced" not in report.names():
        again = _ask({**request, "only_digest": True}, time_out, tell, hash_seed="1")
        if isinstance(again, dict) and again.get("digest") != digest:
            seen = "the same seed and actions brought something else in a second process than in the first"
            report = report.with_finding(finding("process-not-reproduced", seen))
    return report


def _ask(
    request: Mapping[str, Any], time_out: float, tell: Callable[[str], None], hash_seed: str
) -> dict[str, Any] | Issue:
    """Let a child answer; a finding where it hangs or dies instead."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as printed:
        child = _start(printed, hash_seed)
        try:
            assert child.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(json.dumps(request) + "\n")
                child.stdin.flush()
            doing, allowed = "start", time_out * LENIENCE
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
                doing, allowed = event["doing"], time_out * (LENIENCE if event["lenient"] else 1)
                tell(doing)
        finally:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()


def _start(printed: IO[str], hash_seed: str) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if name not in HIDDEN}
    # The child finds the same modules, wherever it is started; nothing in the current folder hides what is installed.
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
    """What a child sends, as it comes; None once it sends no more."""
    events: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def read() -> None:
        for line in _lines(child):
            events.put(json.loads(line))
        events.put(None)

    threading.Thread(target=read, daemon=True).start()
    return events


def _lines(child: "subprocess.Popen[str]") -> Iterator[str]:
    assert child.stdout is not None
    with contextlib.suppress(ValueError):  # closed while reading, because nobody waits any more
        yield from child.stdout


def _hanging(child: "subprocess.Popen[str]", printed: IO[str], doing: str, allowed: float) -> Issue:
    if hasattr(signal, "SIGUSR1"):
        child.send_signal(signal.SIGUSR1)
        time.sleep(0.5)  # the trace is written by a signal handler in C: a moment is enough
    return finding("hangs", f"{doing} had not come back after {allowed:g} s{_place(printed)}")


def _dead(child: "subprocess.Popen[str]", printed: IO[str], doing: str) -> Issue:
    code = child.wait()
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"
    return finding("crashes", f"the process ended {how} during or shortly after: {doing}{_place(printed)}")


def _place(printed: IO[str]) -> str:
    """Where somebody's code was, by the trace that faulthandler printed last: ` (my_env.py:33)`, or nothing."""
    printed.seek(0)
    found = place_in_trace(printed.read())
    return f" ({found})" if found else ""
