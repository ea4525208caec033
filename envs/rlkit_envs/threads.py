"""Threads that share the environments of a large batch; kernels release the GIL, so that they run side by side."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise


def available_cores() -> int:
    """Number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Threads:
    """Runs a kernel over a range of environments, in parts where there are many.

    Args:
        count: Threads, the calling one included.
        per_task: Environments that are worth a thread of their own.
    """

    def __init__(self, count: int, per_task: int):
        self.count = count
        self._per_task = per_task
        self._others: ThreadPoolExecutor | None = None
        self._process = 0

    def share(self, work: Callable[..., None], environments: int, *arguments: object) -> None:
        """Call ``work(low, high, *arguments)`` until all environments had their turn."""
        parts = min(self.count, environments // self._per_task)
        if parts < 2:
            work(0, environments, *arguments)
            return
        if self._others is None or self._process != os.getpid():  # Threads do not survive a fork
            self._others = ThreadPoolExecutor(self.count - 1, thread_name_prefix="environments")
            self._process = os.getpid()
        bounds = [environments * part // parts for part in range(parts + 1)]
        waiting: list[Future[None]] = [
            self._others.submit(work, low, high, *arguments) for low, high in pairwise(bounds[1:])
        ]
        work(bounds[0], bounds[1], *arguments)
        for one in waiting:
            one.result()

    def close(self) -> None:
        """Let the threads go."""
        if self._others is not None and self._process == os.getpid():
            self._others.shutdown()
        self._others = None
