"""Measure speed, and check that memory does not grow."""

import gc
import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rlkit.env_checker.issues import make_issue
from rlkit.env_checker.rollout import close, sampler
from rlkit.env_checker.subject import CheckAborted, Subject
from rlkit.errors import describe_error

WINDOWS = 4  # the first is a warm-up
WINDOW = 0.5  # seconds
MAX_STEPS = 20_000  # per window
NUM_SEEDS = 8
GROWTH = 1.0e6  # bytes per window, below which growth is that of the interpreter
STATM = Path("/proc/self/statm")


def measure(subject: Subject) -> dict[str, Any]:
    """Time steps and resets of a single environment, and measure the memory meanwhile.

    Returns:
        `steps_per_second`, `resets_per_second`, and `bytes_per_step` where memory grows.

    Raises:
        CheckAborted: The environment failed.
    """
    env = subject.make()
    try:
        actions = sampler(env, 5)
        drawn = itertools.cycle([actions.sample() for _ in range(1024)])
        seeds = itertools.cycle(range(NUM_SEEDS))  # few, so that a cache per seed does not count as a leak
        ended = True

        # Not through the subject, whose checks take longer than many steps.
        def reset() -> None:
            env.reset(seed=next(seeds))

        def step() -> None:
            nonlocal ended
            if ended:
                env.reset(seed=next(seeds))
            _, _, terminated, truncated, _ = env.step(next(drawn))
            ended = terminated or truncated

        subject.reset(env, 0)
        # Resets first: steps contain resets too.
        return _timed(subject, reset, "reset") | _timed(subject, step, "step")
    finally:
        close(env)


def resident_bytes() -> int | None:
    """Resident memory of this process; None if the system does not report it."""
    try:
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def _timed(subject: Subject, act: Callable[[], None], what: str) -> dict[str, Any]:
    """Time repeated calls in a few windows, and report memory that grows in each of them."""
    rates: list[float] = []
    growths: list[tuple[float, int]] = []  # bytes, and calls in the window
    for _ in range(WINDOWS):
        gc.collect()
        before, count, began = resident_bytes(), 0, time.perf_counter()
        while count < MAX_STEPS and (time.perf_counter() - began < WINDOW or count < 2):
            subject.progress(f"{what} {count + 1} while timing", False)
            try:
                act()
            except (Exception, SystemExit) as error:
                raise CheckAborted(
                    make_issue(f"raises-in-{what}", f"while timing, it raised {describe_error(error)}")
                ) from error
            count += 1
        rates.append(count / (time.perf_counter() - began))
        gc.collect()
        after = resident_bytes()
        if before is not None and after is not None:
            growths.append((after - before, count))
    facts: dict[str, Any] = {f"{what}s_per_second": max(rates)}
    steady = growths[1:]  # caches fill in the first window
    rates_of_growth = [grown / count for grown, count in steady]
    if steady and min(steady)[0] > GROWTH and rates_of_growth[-1] > 0.3 * rates_of_growth[0]:
        grown, acted = sum(grown for grown, _ in steady), sum(count for _, count in steady)
        facts[f"bytes_per_{what}"] = grown / acted
        subject.report(
            "memory-grows",
            f"{grown / 1e6:.0f} MB more after {acted:,} {what}s: {grown / acted / 1e3:.1f} kB per {what}, "
            "still growing at the end",
        )
    return facts
