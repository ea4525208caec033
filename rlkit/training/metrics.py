"""Scalars of a run: the same ones as lines of JSON for programs and as TensorBoard events for people."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from rlkit.errors import UserError
from rlkit.files import disk_errors, write_bytes


class MetricsLog:
    """Append-only scalars, tagged as Stable-Baselines3's users know them.

    Args:
        run: The run folder.
        resume_at: Drop what was logged beyond this step: the run is about to go there again.
    """

    def __init__(self, run: Path, resume_at: int = 0):
        from torch.utils.tensorboard import SummaryWriter  # takes a second to import

        path = run / "metrics.jsonl"
        self._name = str(path)
        with disk_errors(self._name):
            if path.exists():
                write_bytes(path, b"".join(_lines_until(path, resume_at)))
            self._lines = path.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(run), purge_step=resume_at + 1 if resume_at else None)

    def write(self, steps: int, seconds: float, scalars: Mapping[str, float]) -> None:
        """Record scalars by tag after `steps` steps and `seconds` of training."""
        # NaN is no JSON and no point of a curve: a tag without a value is left out.
        scalars = {tag: value for tag, value in scalars.items() if value == value}
        with disk_errors(self._name):
            self._lines.write(json.dumps({"steps": steps, "seconds": round(seconds, 3), **scalars}) + "\n")
            self._lines.flush()
        for tag, value in scalars.items():
            self._board.add_scalar(tag, value, steps)

    def write_text(self, tag: str, text: str) -> None:
        """Put a text on TensorBoard as it stands, such as the configuration."""
        self._board.add_text(tag, "".join(f"    {line}\n" for line in text.splitlines()))

    def write_picture(self, tag: str, steps: int, pixels: npt.NDArray[np.uint8]) -> None:
        """Put an (H, W, 3) uint8 picture on TensorBoard."""
        self._board.add_image(tag, pixels, steps, dataformats="HWC")

    def flush(self) -> None:
        """Hand everything to the disk."""
        self._board.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        self._board.close()


def read_metrics(run: Path) -> list[dict[str, float]]:
    """All records of a run, in order.

    Raises:
        UserError: If the file is missing.
    """
    path = run / "metrics.jsonl"
    if not path.exists():
        raise UserError(f"{path} is missing: the run has logged nothing yet", exit_code=1)
    return [json.loads(line) for line in path.read_bytes().splitlines() if _is_record(line)]


def _lines_until(path: Path, steps: int) -> list[bytes]:
    lines = path.read_bytes().splitlines(keepends=True)
    return [line for line in lines if _is_record(line) and json.loads(line)["steps"] <= steps]


def _is_record(line: bytes) -> bool:
    """A process killed while it wrote leaves half a line at the end."""
    try:
        return isinstance(json.loads(line)["steps"], int)
    except (ValueError, KeyError, TypeError):
        return False
