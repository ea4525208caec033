"""Reading finished and unfinished runs from their folders: configuration and logged scalars."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit.errors import UserError
from rlkit.training.checkpoint import saved_steps
from rlkit.training.config import RunConfig
from rlkit.training.logger import evaluated_at, read_metrics
from rlkit.training.run_folder import RunFolder
from rlkit.utils.io import read_json
from rlkit.utils.parsing import did_you_mean
from rlkit.utils.paths import entries

REWARD = "eval/mean_reward"
X_AXES = ("steps", "seconds")
DEPTH = 4  # levels of subfolders that are searched for runs


@dataclass(frozen=True)
class Curve:
    """One scalar over one run.

    Args:
        steps: (K,) steps of single environments, rising.
        seconds: (K,) seconds of training until then.
        values: (K,) its values.
    """

    steps: npt.NDArray[np.float64]
    seconds: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]

    def x(self, axis: str) -> npt.NDArray[np.float64]:
        """The steps or the seconds."""
        return self.steps if axis == "steps" else self.seconds


@dataclass(frozen=True)
class RunRecord:
    """One run as stored on disk.

    Args:
        path: Its folder.
        config: What it was made with.
        rows: Its logged scalars, in order.
        saved_steps: Steps of its newest checkpoint.
    """

    path: Path
    config: RunConfig
    rows: Sequence[dict[str, float]]
    saved_steps: int = 0

    @property
    def steps(self) -> int:
        """Steps that were logged or saved."""
        return max(int(self.rows[-1]["steps"]) if self.rows else 0, self.saved_steps)

    @property
    def seconds(self) -> float:
        """Seconds of training, evaluation and saving included."""
        return float(self.rows[-1]["seconds"]) if self.rows else 0.0

    @property
    def complete(self) -> bool:
        """Whether all steps were taken, and the evaluation after the last one."""
        done = self.steps >= self.config.steps
        return done and (not self.config.eval_freq or evaluated_at(self.path, self.steps))

    @cached_property
    def tags(self) -> list[str]:
        """Tags of all logged scalars, sorted."""
        return sorted({tag for row in self.rows for tag in row} - set(X_AXES))

    def curve(self, tag: str) -> Curve:
        """One scalar over the run; arrays of length 0 where it was never logged."""
        rows = [row for row in self.rows if tag in row]
        columns = [np.array([row[name] for row in rows], dtype=np.float64) for name in ("steps", "seconds", tag)]
        return Curve(*columns)


def find_runs(paths: Iterable[str | Path]) -> list[RunRecord]:
    """Read the runs of agents in some folders and their subfolders, each run once, sorted by path.

    Segmentation runs in subfolders are skipped.

    Raises:
        UserError: A folder is missing or holds no run, or a run cannot be read.
    """
    found: dict[Path, RunRecord] = {}
    for path in map(Path, paths):
        if not path.exists():
            raise UserError(f"there is no run at {path}: the folder does not exist")
        folders = list(_run_folders(path, DEPTH, set()))
        if not folders:
            raise UserError(f"{path} holds no run: expected a folder with a config.json, or a folder of such folders")
        for folder in folders:
            found.setdefault(folder.resolve(), read_run(folder))
    return [found[path] for path in sorted(found)]


def read_run(folder: Path) -> RunRecord:
    """Read one run; its log may still be empty.

    Raises:
        UserError: It is no run of an agent, or damaged.
    """
    run = RunFolder.open(folder, RunConfig)
    rows = read_metrics(folder) if (folder / "metrics.jsonl").exists() else []
    return RunRecord(folder, run.config, rows, saved_steps(folder))


def check_tag(runs: Sequence[RunRecord], tag: str) -> None:
    """Refuse a scalar that no run has logged.

    Raises:
        UserError: Naming what there is.
    """
    tags = sorted({known for run in runs for known in run.tags})
    if tag not in tags:
        known = ", ".join(tags) if tags else "nothing yet"
        raise UserError(f"--metric {tag}: none of the runs has logged it.{did_you_mean(tag, tags)} Logged: {known}")


def _kind(config: Any) -> Any:
    """Kind of the run that a config.json describes; None if it names none, as earlier versions."""
    return config.get("kind") if isinstance(config, Mapping) else None


def _run_folders(path: Path, depth: int, seen: set[Path]) -> Iterator[Path]:
    """Run folders in a folder, through links too; a folder that is reached on several paths is read once."""
    real = path.resolve()
    if real in seen:
        return
    seen.add(real)
    if (path / "config.json").is_file():
        if depth == DEPTH or _kind(read_json(path / "config.json")) in (RunConfig.KIND, None):
            yield path
    elif path.is_dir() and depth > 0:
        for entry in entries(path):
            # A link that leads to itself is an error for `DirEntry.is_dir`, and no folder for `Path.is_dir`.
            if not entry.name.startswith(".") and Path(entry.path).is_dir():
                yield from _run_folders(Path(entry.path), depth - 1, seen)
