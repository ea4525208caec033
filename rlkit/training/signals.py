"""Asking a run to stop: Ctrl-C, a cluster's SIGTERM, a time limit."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType


class StopRequest:
    """Whether and why training should stop at the next step.

    Args:
        time_limit: Seconds until it should, or None for no limit.
    """

    def __init__(self, time_limit: float | None):
        self._deadline = None if time_limit is None else time.monotonic() + time_limit
        self._signal: str | None = None

    @property
    def reason(self) -> str | None:
        """Why to stop; None while training should go on."""
        if self._signal is not None:
            return self._signal
        if self._deadline is not None and time.monotonic() >= self._deadline:
            return "time limit"
        return None

    def request(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal; a second Ctrl-C does not wait for the checkpoint."""
        if self._signal is not None:
            raise KeyboardInterrupt
        self._signal = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name


@contextlib.contextmanager
def stop_request(time_limit: float | None) -> Iterator[StopRequest]:
    """Listen for signals while the block runs; only the main thread can."""
    stop = StopRequest(time_limit)
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    previous = {number: signal.signal(number, stop.request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
