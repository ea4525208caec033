"""Available memory of the machine and its container, and settings of the process."""

import contextlib
import ctypes
import os
from pathlib import Path

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # options of mallopt(3)


def available_memory() -> int | None:
    """Bytes that can be allocated without swapping, within the limit of a container; None if unknown."""
    known = [free for free in (_of_machine(), _of_container()) if free is not None]
    return min(known, default=None)


def _of_machine() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _of_container() -> int | None:
    """Free memory by cgroup v2, whose limit is `max` for none."""
    try:
        limit, used = (Path(f"/sys/fs/cgroup/memory.{part}").read_text().strip() for part in ("max", "current"))
        return int(limit) - int(used)
    except (OSError, ValueError):
        return None


def tune_process() -> None:
    """Set what speeds up torch in the whole process; `import rlkit` sets neither."""
    # OpenMP threads spin while they wait. Where another program uses the core, an update then takes up to 50 times as
    # long; with this limit it does not. Read when torch is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    # Keep freed blocks of up to 32 MB, 64 MB in all, rather than return them to the system: with the page faults that
    # saves, segmentation of a batch takes 20 % less time. mallopt(3) is glibc's; other allocators need none.
    with contextlib.suppress(OSError, TypeError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, 32 * 2**20)
        libc.mallopt(M_TRIM_THRESHOLD, 64 * 2**20)
