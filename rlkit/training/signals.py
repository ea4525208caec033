"""Stopping a run between two steps: Ctrl-C, SIGTERM, a time limit."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType


class StopRequest:
    """Whether and why training should stop at the next step.

    Args:
        time_limit: Seconds until then; None for no limit.
    """

    def __init__(self, time_limit: float | None):
        self._deadline = None if time_limit is None else time.monotonic() + time_limit
        self._signal: str | None = None

    @property
    def reason(self) -> str | None:
        """Why to stop; None while training should continue."""
        if self._signal is not None:
            return self._signal
        if self._deadline is not None and time.monotonic() >= self._deadline:
            return "time limit"
        return None

    def request(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal; a second one interrupts at once, without a checkpoint."""
        if self._signal is not None:
            raise KeyboardInterrupt
        self._signal = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name


@contextlib.contextmanager
def stop_request(time_limit: float | None) -> Iterator[StopRequest]:
    """Handle signals within the block, in the main thread; in other threads only the time limit counts."""
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
