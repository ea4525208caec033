import signal
import threading
import time

import pytest

from rlkit.env.timeout import StepTimeout
from rlkit.errors import DescribedError


def hang(seconds=30.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.001)


@pytest.fixture(autouse=True)
def _nothing_is_left_over():
    before = signal.getsignal(signal.SIGALRM)
    yield
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_what_does_not_come_back_is_interrupted_and_its_place_and_number_told():
    timeout = StepTimeout(0.05)

    def work():
        timeout.begin(0)
        timeout.begin(3)
        hang()

    with pytest.raises(
        DescribedError, match=r"did not come back within 0.05 s \(.*test_timeout.py:\d+\); .*=0.5"
    ) as told:
        timeout.watch(work)
    assert told.value.index == 3


def test_each_environment_has_its_own_seconds():
    timeout = StepTimeout(0.3)

    def work():
        for index in range(5):
            timeout.begin(index)
            hang(0.1)
        return "done"

    assert timeout.watch(work) == "done"


def test_code_that_catches_every_exception_is_interrupted_all_the_same():
    def stubborn():
        try:
            hang()
        except Exception:
            hang()

    def more_stubborn():
        try:
            hang()
        except BaseException:
            hang()

    for work in (stubborn, more_stubborn):
        with pytest.raises(DescribedError):
            StepTimeout(0.05).watch(work)


def test_a_process_that_was_stopped_meanwhile_has_its_seconds_anew(monkeypatch):
    monkeypatch.setattr("rlkit.env.timeout.LATE", -1.0)  # every ring is too late
    StepTimeout(0.05).watch(hang, 0.2)


def test_an_alarm_while_it_is_switched_off_does_not_start_the_timer_again(monkeypatch):
    setitimer = signal.setitimer

    def fire_and_set(which, seconds, interval=0.0):
        before = setitimer(which, seconds, interval)
        if not seconds:
            signal.raise_signal(signal.SIGALRM)
        return before

    monkeypatch.setattr(signal, "setitimer", fire_and_set)
    assert StepTimeout(20.0).watch(lambda: "done") == "done"
    monkeypatch.undo()
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_other_threads_are_left_alone():
    done = []
    thread = threading.Thread(target=lambda: done.append(StepTimeout(0.02).watch(hang, 0.1)))
    thread.start()
    thread.join()
    assert done == [None]


@pytest.mark.parametrize("theirs", [signal.SIG_DFL, signal.SIG_IGN, lambda number, frame: None])
def test_whoever_else_listens_does_so_again_afterwards(theirs):
    before = signal.signal(signal.SIGALRM, theirs)
    try:
        assert StepTimeout(20.0).watch(lambda: signal.getsignal(signal.SIGALRM)) is not theirs
        assert signal.getsignal(signal.SIGALRM) is theirs
        with pytest.raises(DescribedError):
            StepTimeout(0.02).watch(hang)
        assert signal.getsignal(signal.SIGALRM) is theirs
    finally:
        signal.signal(signal.SIGALRM, before)


def test_one_alarm_within_another_leaves_it_in_force():
    inner, outer = StepTimeout(20.0), StepTimeout(0.2)

    def work():
        outer.begin(4)
        inner.watch(hang, 0.05)
        hang()

    with pytest.raises(DescribedError, match=r"within 0.2 s") as told:
        outer.watch(work)
    assert told.value.index == 4


def test_a_timer_of_somebody_elses_rings_when_it_should_or_as_soon_as_it_can():
    rung = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: rung.append(time.monotonic()))
    try:
        for due, took in ((0.2, 0.05), (0.05, 0.2)):
            began = time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, due)
            StepTimeout(20.0).watch(hang, took)
            while not rung:
                hang(0.01)
            assert rung.pop() - began >= max(due, took)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_listener_in_c_is_left_alone(monkeypatch):
    monkeypatch.setattr(signal, "getsignal", lambda number: None)  # as Python says of one that it did not set

    def refused(*arguments):
        raise AssertionError("it could not be given back")

    monkeypatch.setattr(signal, "signal", refused)
    assert StepTimeout(0.01).watch(lambda: "done") == "done"
    monkeypatch.undo()
