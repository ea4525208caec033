"""Interrupts an environment that does not come back, so that its user is told where it hangs.

A signal interrupts Python code and waiting, in the main thread alone: code in C that neither returns nor waits is
beyond it, and needs a process of its own (`rlkit.env.subproc`).
"""

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

from rlkit.errors import DescribedError, place_of

T = TypeVar("T")

AGAIN = 0.5  # s until an environment that caught the interruption is interrupted once more
LATE = 1.0  # s after which a ring means that the process was stopped (Ctrl-Z), so that the time does not count
SHORTEST = 1e-3  # s that a timer is set to; less could be rounded to 0, which is never


class Interruption(BaseException):
    """Is raised inside the code that hangs; not an Exception, so that `except Exception` there does not swallow it."""


class StepTimeout:
    """Gives each of several environments so many seconds for a call.

    Args:
        seconds: That one environment may take; 0 for as long as it likes.
    """

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._index = 0
        self._since = 0.0
        self._due = 0.0  # when it should ring

    def begin(self, index: int) -> None:
        """Give environment `index` its seconds from now on."""
        self._index = index
        self._since = time.monotonic()

    def watch(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call a function that calls `begin` before it goes on to the next environment.

        Whatever else listens for SIGALRM or has set the timer has both back afterwards.

        Raises:
            DescribedError: An environment took too long; says which, and where its code was.
        """
        if not self._seconds or threading.current_thread() is not threading.main_thread():
            return function(*args, **kwargs)
        if signal.getsignal(signal.SIGALRM) is None:  # code in C listens, to which Python could not give it back
            return function(*args, **kwargs)
        handler = signal.signal(signal.SIGALRM, self._ring)
        self._since = began = time.monotonic()
        self._due = began + self._seconds
        theirs = signal.setitimer(signal.ITIMER_REAL, self._seconds)

        def switch_off() -> None:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, handler)
            if theirs[0]:  # what is due by now rings at once
                left = max(1e-6, theirs[0] - (time.monotonic() - began))
                signal.setitimer(signal.ITIMER_REAL, left, theirs[1])

        try:
            try:
                return function(*args, **kwargs)
            finally:
                switch_off()
        except Interruption as interruption:
            switch_off()  # it may have rung while it was being switched off
            place = place_of(interruption)
            where = f" ({place})" if place else ""
            raise DescribedError(f"{overdue(self._seconds)}{where}; {advice(self._seconds)}", self._index) from None

    def _ring(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._due > LATE:
            self._since = now
        left = self._since + self._seconds - now
        wait = max(left, SHORTEST) if left > 0.0 else AGAIN
        self._due = now + wait
        signal.setitimer(signal.ITIMER_REAL, wait)
        if left <= 0.0:
            raise Interruption


def overdue(seconds: float) -> str:
    """What to say of a call that took longer than `step_timeout` allows, up to where it hangs."""
    return f"did not come back within {seconds:g} s"


def advice(seconds: float) -> str:
    """What to do about such a call."""
    return f"if it needs longer, set step_timeout={10 * seconds:g} among its arguments (0: no limit)"
