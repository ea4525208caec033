"""Available memory of the machine and its container."""

import os
from pathlib import Path


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
