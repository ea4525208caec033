"""Stopping a run between two steps, of training or of an evaluation: Ctrl-C, SIGTERM, SIGHUP, a time limit."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))
GRACE = 5.0  # s that an evaluation may take which a time limit has brought about


class Stopped(Exception):  # noqa: N818 - it is no error
    """An evaluation has been cut short."""


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

    def check(self) -> None:
        """Raise `Stopped` if training should stop."""
        if self.reason is not None:
            raise Stopped

    def check_grace(self) -> None:
        """Raise `Stopped` if a signal was received, or the time limit was reached `GRACE` ago."""
        late = self._deadline is not None and time.monotonic() >= self._deadline + GRACE
        if self._signal is not None or late:
            raise Stopped

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
    previous = {number: signal.signal(number, stop.request) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
