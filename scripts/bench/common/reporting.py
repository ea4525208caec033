"""Results of benchmarks: machine, versions and rows in a JSON file, from which an interrupted benchmark resumes."""

import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlkit.training.config import versions
from rlkit.training.progress import PlainReporter
from rlkit.training.run import Run
from rlkit.utils.io import write_json

Row = dict[str, Any]


def machine(*packages: str) -> dict[str, Any]:
    """Processor, cores, and the versions of Python, rlkit's packages and some peers."""
    hardware = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    return hardware | versions() | {package: importlib.metadata.version(package) for package in packages}


def quiet(total: int) -> PlainReporter:
    """A reporter without output, which would take time from training."""
    return PlainReporter(total, quiet=True)


def whole(run: Run) -> None:
    """Exit if a training was interrupted by Ctrl-C or a signal; the next call resumes it."""
    if run.stopped is not None:
        raise SystemExit(f"stopped by {run.stopped} after {run.steps:,} steps of {run.path.name}")


class Rows:
    """Rows of figures, written to a file after each change.

    Args:
        path: The JSON file; None keeps the rows in memory.
        key: Columns that identify a row.
        packages: Peers whose versions are recorded.
        options: Other values shared by all rows, such as a budget; a file with other options is refused.
    """

    def __init__(self, path: Path | None, key: Sequence[str], packages: Sequence[str] = (), options: Row | None = None):
        self._path, self._key = path, tuple(key)
        self._shared: Row = {"machine": machine(*packages), "options": options or {}}
        self.rows: list[Row] = []
        if path is not None and path.exists():
            self._load(json.loads(path.read_text()))

    def has(self, **values: Any) -> bool:
        """Whether there is a row with these values of the key."""
        return self.get(**values) is not None

    def get(self, **values: Any) -> Row | None:
        """The row with these values of the key."""
        return next((row for row in self.rows if all(row[name] == values[name] for name in self._key)), None)

    def add(self, *rows: Row) -> None:
        """Add rows and write the file."""
        self.rows += rows
        self.write()

    def write(self, **more: Any) -> None:
        """Write the file, with more figures beside the rows."""
        if self._path is not None:
            write_json(self._path, {**self._shared, **more, "rows": self.rows})

    def _load(self, earlier: Row) -> None:
        for name, ours in json.loads(json.dumps(self._shared)).items():
            if earlier.get(name) != ours:
                sys.exit(
                    f"{self._path} was measured with another {name}: {earlier.get(name)}, now {ours}. "
                    "Figures would not be comparable: name another file, or remove this one."
                )
        self.rows = earlier["rows"]
        if self.rows:
            print(f"{self._path} holds {len(self.rows)} rows already; they are not measured again", flush=True)
