"""How fast it is, and whether its memory grows."""

import gc
import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rlkit.env_checker.issues import finding
from rlkit.env_checker.rollout import close, sampler
from rlkit.env_checker.subject import Halted, Subject
from rlkit.errors import describe_error

WINDOWS = 4  # the first is for warming up
WINDOW = 0.5  # seconds
MOST = 20_000  # steps in a window: the fastest environments need no more
FEW = 8  # seeds
GROWTH = 1.0e6  # bytes in a window, below which it is the interpreter's own breathing
STATM = Path("/proc/self/statm")


def measure(subject: Subject) -> dict[str, Any]:
    """Time steps and resets of a single environment, and watch the memory while doing so.

    Returns:
        `steps_per_second`, `resets_per_second`, and `bytes_per_step` where memory grows.

    Raises:
        Halted: The environment failed.
    """
    env = subject.make()
    try:
        actions = sampler(env, 5)
        drawn = itertools.cycle([actions.sample() for _ in range(1024)])
        seeds = itertools.cycle(range(FEW))  # what is kept for each seed, such as a level, is not taken for a leak
        ended = True

        # Not by way of the subject, whose looking at every answer takes longer than many a step.
        def reset() -> None:
            env.reset(seed=next(seeds))

        def step() -> None:
            nonlocal ended
            if ended:
                env.reset(seed=next(seeds))
            _, _, terminated, truncated, _ = env.step(next(drawn))
            ended = terminated or truncated

        subject.reset(env, 0)
        # Resets first, so that what they leak is told as theirs.
        return _watched(subject, reset, "reset") | _watched(subject, step, "step")
    finally:
        close(env)


def resident_bytes() -> int | None:
    """Memory that this process holds; None where the system does not say."""
    try:
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def _watched(subject: Subject, act: Callable[[], None], what: str) -> dict[str, Any]:
    """Act for a few windows of time; write down that memory grows if it does in each of them."""
    rates: list[float] = []
    growths: list[tuple[float, int]] = []  # bytes, and in how many acts: a busy machine leaves a window fewer of them
    for _ in range(WINDOWS):
        gc.collect()
        before, count, began = resident_bytes(), 0, time.perf_counter()
        while count < MOST and (time.perf_counter() - began < WINDOW or count < 2):
            subject.pulse(f"{what} {count + 1} while timing", False)
            try:
                act()
            except (Exception, SystemExit) as error:
                raise Halted(
                    finding(f"raises-in-{what}", f"while timing, it raised {describe_error(error)}")
                ) from error
            count += 1
        rates.append(count / (time.perf_counter() - began))
        gc.collect()
        after = resident_bytes()
        if before is not None and after is not None:
            growths.append((after - before, count))
    facts: dict[str, Any] = {f"{what}s_per_second": max(rates)}
    steady = growths[1:]  # caches fill in the first
    rates_of_growth = [grown / count for grown, count in steady]
    if steady and min(steady)[0] > GROWTH and rates_of_growth[-1] > 0.3 * rates_of_growth[0]:
        grown, acted = sum(grown for grown, _ in steady), sum(count for _, count in steady)
        facts[f"bytes_per_{what}"] = grown / acted
        subject.write_down(
            "memory-grows",
            f"{grown / 1e6:.0f} MB more after {acted:,} {what}s: {grown / acted / 1e3:.1f} kB per {what}, "
            "and it went on growing",
        )
    return facts
