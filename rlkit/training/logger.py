"""Scalars of a run, written both as lines of JSON and as TensorBoard events."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from rlkit.errors import UserError
from rlkit.training.events import PATTERN, AppendedFile, EventFile
from rlkit.utils import paths
from rlkit.utils.io import RESUMABLE, disk_errors, write_bytes
from rlkit.utils.parsing import parse_json
from rlkit.utils.terminal import has_control_characters

FILE = "metrics.jsonl"
EXTRA = "eval/at_time_limit"  # tag of an evaluation that a time limit has brought about
LARGEST_LOG = 256 * 2**20  # bytes; a run logs some hundred lines of less than a thousand
LARGEST_STEP = 10**15
LARGEST_VALUE = 1e300  # floats hold 1.8e308; sums of values have to be finite, too


class Logger:
    """Append-only log of scalars, with the tags of Stable-Baselines3.

    Args:
        run: The run folder.
        resume_at: Drop records of later steps, which the resumed run repeats.
    """

    def __init__(self, run: Path, resume_at: int = 0):
        path = paths.path_inside(run, FILE)
        self._name = str(path)
        with disk_errors(self._name, RESUMABLE):
            if path.exists():
                kept = [line for line, record in _records(path) if record["steps"] <= resume_at and EXTRA not in record]
                write_bytes(path, b"".join(kept))
            if resume_at == 0:  # of a run that was killed before its first checkpoint and begins again
                for events in run.glob(PATTERN):
                    events.unlink()
            self._lines = AppendedFile(path)
        with disk_errors(str(run), RESUMABLE):
            self._events = EventFile(run, purge_step=resume_at + 1 if resume_at else None)
        self._run = str(run)

    def write(self, steps: int, seconds: float, scalars: Mapping[str, float]) -> None:
        """Record scalars by tag after `steps` steps and `seconds` of training.

        Raises:
            UserError: They cannot be written.
        """
        # JSON has no NaN: such tags are left out.
        scalars = {tag: value for tag, value in scalars.items() if value == value}
        self._write_line(steps, seconds, scalars)
        with disk_errors(self._run, RESUMABLE):
            self._events.write_scalars(steps, scalars)

    def write_extra(self, steps: int, seconds: float, scalars: Mapping[str, float]) -> None:
        """Record scalars that an uninterrupted run lacks: when the run goes on they are dropped.

        Raises:
            UserError: They cannot be written.
        """
        self._write_line(steps, seconds, {**scalars, EXTRA: 1})

    def _write_line(self, steps: int, seconds: float, scalars: Mapping[str, float]) -> None:
        scalars = {tag: value for tag, value in scalars.items() if value == value}
        line = json.dumps({"steps": steps, "seconds": round(seconds, 3), **scalars}) + "\n"
        with disk_errors(self._name, RESUMABLE):
            self._lines.append(line.encode())

    def write_text(self, tag: str, text: str) -> None:
        """Add a text to TensorBoard as preformatted lines.

        Raises:
            UserError: It cannot be written.
        """
        with disk_errors(self._run, RESUMABLE):
            self._events.write_text(tag, "".join(f"    {line}\n" for line in text.splitlines()))

    def write_picture(self, tag: str, steps: int, pixels: npt.NDArray[np.uint8]) -> None:
        """Add an (H, W, 3) uint8 picture to TensorBoard.

        Raises:
            UserError: It cannot be written.
        """
        with disk_errors(self._run, RESUMABLE):
            self._events.write_picture(tag, steps, pixels)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        self._events.close()


class NoLogger(Logger):
    """Writes nothing, for learners other than the first."""

    def __init__(self) -> None:
        pass

    def write(self, steps: int, seconds: float, scalars: Mapping[str, float]) -> None:
        """Write nothing."""

    def write_text(self, tag: str, text: str) -> None:
        """Write nothing."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


def read_metrics(run: Path) -> list[dict[str, float]]:
    """All records of a run, in order; invalid lines, such as half a line at the end, are skipped.

    Raises:
        UserError: The file is missing, is no regular file, or is larger than `LARGEST_LOG`.
    """
    path = run / FILE
    if not path.exists():
        raise UserError(f"{path} is missing: the run has logged nothing yet", exit_code=1)
    return [record for _, record in _records(path)]


def evaluated_at(run: Path, steps: int) -> bool:
    """Whether a regular evaluation after `steps` steps is in a run's log, or the log is missing."""
    if not (run / FILE).exists():
        return True
    return any(
        record["steps"] == steps
        and EXTRA not in record
        and (len(record) == 2 or any(tag.startswith("eval/") for tag in record))  # steps and seconds: without scores
        for _, record in _records(run / FILE)
    )


def logged_steps(run: Path) -> int:
    """Greatest step in a run's log; 0 where there is none."""
    return int(max((record["steps"] for _, record in _records(run / FILE)), default=0))


def _records(path: Path) -> list[tuple[bytes, dict[str, float]]]:
    """Valid lines with their records; none where the file is missing."""
    try:
        lines = paths.read_bytes(path, LARGEST_LOG).splitlines(keepends=True)
    except FileNotFoundError:
        return []
    found = ((line, _record(line)) for line in lines)
    return [(line, record) for line, record in found if record is not None]


def _record(line: bytes) -> dict[str, float] | None:
    """Scalars of a line by tag; None for an invalid line, such as one that a killed process left incomplete."""
    try:
        record = parse_json(line)
        steps = record["steps"]
        sound = isinstance(record, dict) and type(steps) is int and 0 <= steps <= LARGEST_STEP
        if not sound or not _is_number(record.get("seconds")):
            return None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return {tag: value for tag, value in record.items() if _is_number(value) and not has_control_characters(tag)}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST_VALUE
