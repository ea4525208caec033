"""Files that a run appends to: lines of metrics, and TensorBoard's events.

TensorBoard's own writer writes in a thread, where a full disk ends in a traceback that hides the error; this one writes
at once.
"""

import contextlib
import io
import os
import socket
import time
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from rlkit.errors import UserError

PATTERN = "events.out.tfevents.*"  # of the names of event files


class AppendedFile:
    """A new or existing file to which whole records are appended, each at once.

    Args:
        path: The file.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path):
        self._path = path
        self._file = path.open("ab", buffering=0)

    def append(self, record: bytes) -> None:
        """Write a record; one that cannot be written completely is taken back.

        Raises:
            OSError: It cannot be written.
            UserError: The file was removed or replaced since it was opened.
        """
        self.check_present()
        end = self._file.seek(0, os.SEEK_END)
        try:
            rest = memoryview(record)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            with contextlib.suppress(OSError):
                self._file.truncate(end)
            raise

    def check_present(self) -> None:
        """Refuse to write into a file that no longer has its name.

        Raises:
            UserError: The file was removed or replaced since it was opened.
        """
        with contextlib.suppress(OSError):
            if os.path.samestat(self._path.stat(), os.fstat(self._file.fileno())):
                return
        removed = self._path if self._path.parent.is_dir() else self._path.parent
        raise UserError(f"{removed} was removed or replaced while the run was under way", exit_code=1)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class EventFile:
    """A new event file of TensorBoard.

    Args:
        run: The run folder.
        purge_step: TensorBoard ignores events of this step and later ones in earlier files; None ignores none.

    Raises:
        OSError: It cannot be created.
    """

    def __init__(self, run: Path, purge_step: int | None = None):
        from tensorboard.compat.proto import event_pb2  # with torch's part it takes a second to import
        from torch.utils.tensorboard import summary

        self._event, self._summary = event_pb2.Event, cast(Any, summary)  # which is untyped
        name = f"events.out.tfevents.{int(time.time()):010}.{socket.gethostname()}.{os.getpid()}"
        names = (f"{name}.{number}" for number in count())
        self._file = AppendedFile(next(path for path in map(run.joinpath, names) if not path.exists()))
        first = {} if purge_step is None else {"step": purge_step}
        events = [self._event(wall_time=time.time(), file_version="brain.Event:2", **first)]
        if purge_step is not None:
            start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            events.append(self._event(wall_time=time.time(), step=purge_step, session_log=start))
        self._append(events)

    def write_scalars(self, steps: int, scalars: Mapping[str, float]) -> None:
        """Add scalars by tag."""
        self._add(steps, [self._summary.scalar(tag, value) for tag, value in scalars.items()])

    def write_text(self, tag: str, text: str) -> None:
        """Add a text in Markdown."""
        self._add(0, [self._summary.text(tag, text)])

    def write_picture(self, tag: str, steps: int, pixels: npt.NDArray[np.uint8]) -> None:
        """Add an (H, W, 3) uint8 picture."""
        self._add(steps, [self._summary.image(tag, pixels, dataformats="HWC")])

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _add(self, steps: int, summaries: Iterable[Any]) -> None:
        now = time.time()
        self._append(self._event(wall_time=now, step=steps, summary=summary) for summary in summaries)

    def _append(self, events: Iterable[Any]) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        records = io.BytesIO()
        writer = RecordWriter(records)
        for event in events:
            writer.write(event.SerializeToString())
        self._file.append(records.getvalue())
