"""Stopping a command: Ctrl-C, SIGTERM, SIGHUP, an output that was closed, a time limit.

Training stops between two steps and saves; every other command is interrupted by an exception at once.
"""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

from rlkit.utils.terminal import lost_output, outputs_kept

SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))
GRACE = 5.0  # s that an evaluation may take which a time limit has brought about
PATIENCE = 4.0  # s that a step may take after a signal, or LONGER times the mean step if that is more
LONGER = 3.0
SAME = 1.0  # s; signals within this time are one stop: `timeout` and a closing terminal send theirs twice
OUTPUT = "closed output"  # reason of a stop


class Stopped(Exception):  # noqa: N818 - it is no error
    """An evaluation, or waiting for data, has been cut short."""


class Interrupted(KeyboardInterrupt):
    """A signal ended a command.

    Args:
        number: Of the signal.
        advice: What to do next, as a sentence; empty for none.
    """

    def __init__(self, number: int, advice: str = ""):
        super().__init__(f"interrupted by {signal_name(number)}{advice}")
        self.number = number
        self.advice = advice


def signal_name(number: int) -> str:
    """The name of a signal, `Ctrl-C` for SIGINT."""
    return "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name


def exit_status(stopped: str | None) -> int:
    """Exit status of a run: 0 if it is complete or reached its time limit, 128 + the number of a signal.

    Args:
        stopped: Why it ended early, as in `Run.stopped`; a closed output counts as SIGPIPE.
    """
    names = {signal_name(number): 128 + number for number in SIGNALS} | {OUTPUT: 128 + signal.SIGPIPE}
    return 0 if stopped is None else names.get(stopped, 0)


class StopRequest:
    """Whether and why training should stop at the next step.

    Args:
        time_limit: Seconds until then; None for no limit.
        mean_step: Returns the mean duration of a step in seconds. A step that takes much longer after a signal hangs
            and is interrupted by an `Interrupted`.
        check_others: Raises an exception if training cannot go on, for lack of another learner.

    Attributes:
        overdue: Whether a step was interrupted because it hangs.
    """

    def __init__(
        self,
        time_limit: float | None = None,
        mean_step: Callable[[], float] = lambda: 0.0,
        check_others: Callable[[], None] = lambda: None,
    ):
        self._check_others = check_others
        self._deadline = None if time_limit is None else time.monotonic() + time_limit
        self._mean_step = mean_step
        self._signal: int | None = None
        self._since = 0.0  # when the signal was received
        self._timer: threading.Timer | None = None
        self._finished = self._forced = False
        self.overdue = False

    @property
    def reason(self) -> str | None:
        """Why to stop; None while training should continue."""
        self._check_others()
        if self._signal is not None:
            return signal_name(self._signal)
        if lost_output() is not None:
            return OUTPUT
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
        """Handle a signal; another one after `SAME` seconds interrupts at once, without a checkpoint."""
        if self._forced:  # by `_interrupt`
            self._forced = False
            if self._finished:
                return
            self.overdue = True
            raise Interrupted(number, "; the step under way did not end, so it was given up")
        if self._signal is None:
            self._signal, self._since = number, time.monotonic()
            if not self._finished:
                self._timer = threading.Timer(max(PATIENCE, LONGER * self._mean_step()), self._interrupt)
                self._timer.daemon = True
                self._timer.start()
        elif time.monotonic() - self._since > SAME:
            raise Interrupted(number)

    def finish(self) -> None:
        """Steps are over: what follows, such as saving, may take as long as it needs."""
        self._finished = True
        if self._timer is not None:
            self._timer.cancel()

    def _interrupt(self) -> None:
        """Interrupt the main thread, also in a blocking call."""
        if self._finished or self._signal is None:
            return
        self._forced = True
        ident = threading.main_thread().ident
        if ident is not None:
            signal.pthread_kill(ident, self._signal)


@contextlib.contextmanager
def stop_request(
    time_limit: float | None,
    mean_step: Callable[[], float] = lambda: 0.0,
    check_others: Callable[[], None] = lambda: None,
) -> Iterator[StopRequest]:
    """Handle signals within the block, in the main thread; in other threads only the rest counts.

    Output that can no longer be written, such as into a pipe whose reader has ended, is discarded within the block and
    is a reason to stop.
    """
    stop = StopRequest(time_limit, mean_step, check_others)
    with outputs_kept(), _handled(stop.request):
        try:
            yield stop
        finally:
            stop.finish()


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Within the block, the first signal raises `Interrupted`, as do later ones after `SAME` seconds."""
    first: list[float] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        if first and time.monotonic() - first[0] <= SAME:
            return
        first[:] = [time.monotonic()]
        raise Interrupted(number)

    with _handled(interrupt):
        yield


@contextlib.contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Set the handler of `SIGNALS` within the block; SIGHUP stays ignored where it is, as by `nohup`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    hup = getattr(signal, "SIGHUP", None)
    numbers = [number for number in SIGNALS if number != hup or signal.getsignal(number) != signal.SIG_IGN]
    previous = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before)
