"""Time limit for calls of environments, by SIGALRM.

The signal interrupts Python code and blocking calls in the main thread; C code that does neither needs a worker process
(`rlkit.env.subproc`).
"""

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

from rlkit.errors import DescribedError, place_of

T = TypeVar("T")

RETRY = 0.5  # s until code that caught the interruption is interrupted again
LATE = 1.0  # s; a later signal means that the process was stopped (Ctrl-Z), which does not count
SHORTEST = 1e-3  # s; a timer of 0 never fires


class Interruption(BaseException):
    """Raised inside the hanging code; no Exception, so that `except Exception` there does not catch it."""


class StepTimeout:
    """Time limit for each call of one of several environments.

    Args:
        seconds: Time limit; 0 for none.
    """

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._index = 0
        self._since = 0.0
        self._due = 0.0  # when the timer fires
        self._watching = False

    def begin(self, index: int) -> None:
        """Restart the time limit, for environment `index`."""
        self._index = index
        self._since = time.monotonic()

    def watch(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call a function, which calls `begin` for each environment.

        Handler and timer of SIGALRM are restored afterwards.

        Raises:
            DescribedError: An environment took too long; with its index, and the line of its code.
        """
        if not self._seconds or threading.current_thread() is not threading.main_thread():
            return function(*args, **kwargs)
        if signal.getsignal(signal.SIGALRM) is None:  # a handler in C, which Python cannot restore
            return function(*args, **kwargs)
        self._watching = True
        handler = signal.signal(signal.SIGALRM, self._on_alarm)
        self._since = began = time.monotonic()
        self._due = began + self._seconds
        theirs = signal.setitimer(signal.ITIMER_REAL, self._seconds)

        def switch_off() -> None:
            self._watching = False
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, handler)
            if theirs[0]:  # fires at once if due
                left = max(1e-6, theirs[0] - (time.monotonic() - began))
                signal.setitimer(signal.ITIMER_REAL, left, theirs[1])

        try:
            try:
                return function(*args, **kwargs)
            finally:
                switch_off()
        except Interruption as interruption:
            switch_off()  # it may have fired meanwhile
            place = place_of(interruption)
            where = f" ({place})" if place else ""
            raise DescribedError(f"{overdue(self._seconds)}{where}; {advice(self._seconds)}", self._index) from None

    def _on_alarm(self, number: int, frame: FrameType | None) -> None:
        if not self._watching:  # it fired just before the timer was switched off, and must not start it again
            return
        now = time.monotonic()
        if now - self._due > LATE:
            self._since = now
        left = self._since + self._seconds - now
        wait = max(left, SHORTEST) if left > 0.0 else RETRY
        self._due = now + wait
        signal.setitimer(signal.ITIMER_REAL, wait)
        if left <= 0.0:
            raise Interruption


def overdue(seconds: float) -> str:
    """Describe a call that exceeded `step_timeout`."""
    return f"did not come back within {seconds:g} s"


def advice(seconds: float) -> str:
    """Recommend what to do about it."""
    return f"if it needs longer, set step_timeout={10 * seconds:g} among its arguments (0: no limit)"
