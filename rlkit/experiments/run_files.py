"""A run folder on two machines: what is new in one is sent in pieces to the other.

Pieces come in an order that leaves the copy resumable after each of them: segments of the replay buffer before the
checkpoints that need them; checkpoints, complete, in one piece with the log, which has to reach to the newest of them
and may not be ahead of the first; then what was deleted is deleted in the copy. Nothing here imports torch.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rlkit.utils.paths import path_inside
from rlkit.utils.scratch import SCRATCH, temporary_folder

CHUNK = 256 * 2**10  # bytes of a piece: a link of 2 Mbit/s takes a second
LOGS = ("metrics.jsonl", "events.out.tfevents.")  # prefixes of the names of files that grow
FOLDERS = ("checkpoints", "best")  # whose entries are folders that never change once they have their name
SEGMENTS = "replay"  # whose entries are such files
ATTEMPTS = 10  # of listing a folder in which training deletes

Piece = Mapping[str, Any]
"""{file, offset, data, last, added}: bytes of a file, or of what was added to it; {folder}: it is complete; {entries}:
what there is by now; {pieces}: several at once."""


class FolderSender:
    """Sends what is new in a run folder, also while training writes to it.

    Args:
        folder: The run folder, on a file system with hard links.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._sent: set[str] = set()  # names of entries that never change
        self._stamps: dict[str, tuple[int, int, int]] = {}  # of other files that were sent

    def mark_sent(self) -> None:
        """Take what is there now as sent."""
        self._sent.update(self._entries())
        self._stamps = {name: self._stamp(name) for name in (*self._logs(), *self._others())}

    @property
    def has_new_checkpoint(self) -> bool:
        """Whether there is a checkpoint that was not sent."""
        return not self._sent.issuperset(self._listed("checkpoints"))

    def log(self) -> Iterator[Piece]:
        """What was added to the log; everything, where there is a checkpoint that the other side lacks."""
        grown = {name: self._stamp(name) for name in self._logs()}
        if self.has_new_checkpoint:
            yield from self.everything()
        else:
            yield from self._added(grown)

    def everything(self) -> Iterator[Piece]:
        """All that is new."""
        grown = {name: self._stamp(name) for name in self._logs()}
        complete: list[Piece] = []
        with temporary_folder(self._folder.parent, f"{self._folder.name}-sent") as snapshot:
            entries = self._snapshot(snapshot)
            if any(name.startswith("checkpoints") for name in entries):
                # Without any, the log of now could be ahead of one that was written since.
                grown = {name: self._stamp(name) for name in self._logs()}
            new = [name for name in entries if name not in self._sent]
            for name in sorted(new, key=lambda name: not name.startswith(SEGMENTS)):
                if (snapshot / name).is_dir():
                    for file in sorted((snapshot / name).iterdir()):
                        yield from _pieces(file, f"{name}/{file.name}")
                    complete.append({"folder": name})
                else:
                    yield from _pieces(snapshot / name, name)
                self._sent.add(name)
        for name in self._others():
            stamp = self._stamp(name)
            if self._stamps.get(name) != stamp:
                yield from _pieces(self._folder / name, name)
                self._stamps[name] = stamp
        yield {"pieces": [*complete, *self._added(grown)]}
        yield {"entries": [*entries, *grown]}

    def _added(self, grown: Mapping[str, tuple[int, int, int]]) -> Iterator[Piece]:
        """What logs have in addition to what was sent; those that were rewritten, from their beginning."""
        for name, stamp in grown.items():
            inode, size, _ = self._stamps.get(name, (0, 0, 0))
            start = size if inode == stamp[0] and size <= stamp[1] else 0
            if self._stamps.get(name, stamp)[:2] != stamp[:2] or name not in self._stamps:
                yield from _pieces(self._folder / name, name, start, stamp[1])
                self._stamps[name] = stamp

    def _snapshot(self, snapshot: Path) -> list[str]:
        """Link all entries that were not sent, so that they stay while they are sent; return the names of all."""
        for _ in range(ATTEMPTS):
            entries = self._entries()
            try:
                for name in entries:
                    if name not in self._sent and not (snapshot / name).exists():
                        _link(self._folder / name, snapshot / name)
            except FileNotFoundError:  # training has deleted it, which is done once there is a newer checkpoint
                continue
            return entries
        raise OSError(f"{self._folder} changes faster than it can be listed")

    def _entries(self) -> list[str]:
        """Names of all that never changes; checkpoints are listed before segments, which are older than they."""
        return [name for part in (*FOLDERS, SEGMENTS) for name in self._listed(part)]

    def _listed(self, part: str) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            names = sorted(entry.name for entry in (self._folder / part).iterdir())
            return [f"{part}/{name}" for name in names if not name.startswith(SCRATCH)]
        return []

    def _logs(self) -> list[str]:
        return sorted(path.name for path in self._folder.iterdir() if path.name.startswith(LOGS))

    def _others(self) -> list[str]:
        """Small files: the configuration, and the models and weights that the run depends on."""
        top = [path for path in self._folder.iterdir() if path.is_file() and not path.name.startswith((".", *LOGS))]
        below = [path for path in (self._folder / "perception").glob("*") if not path.name.startswith(".")]
        return sorted(str(path.relative_to(self._folder)) for path in (*top, *below))

    def _stamp(self, name: str) -> tuple[int, int, int]:
        found = (self._folder / name).stat()
        return found.st_ino, found.st_size, found.st_mtime_ns


class FolderReceiver:
    """Writes the pieces of a `FolderSender` into a copy.

    Args:
        folder: The copy, held by the caller where other processes could write to it.
    """

    def __init__(self, folder: Path):
        self._folder = folder

    def take(self, piece: Piece) -> None:
        """Write a piece.

        Raises:
            UserError: It names a file outside of the folder, or behind a link.
            OSError: It cannot be written.
        """
        if "pieces" in piece:
            for part in piece["pieces"]:
                self.take(part)
        elif "entries" in piece:
            self._delete_all_but(piece["entries"])
        elif "folder" in piece:
            path = path_inside(self._folder, piece["folder"])
            scratch = path.with_name(f"{SCRATCH}{path.name}")
            if path.exists():
                shutil.rmtree(scratch, ignore_errors=True)
            else:
                _sync(scratch)
                scratch.rename(path)
                _sync(path.parent)
        else:
            self._write(path_inside(self._folder, piece["file"]), piece)

    def _write(self, path: Path, piece: Piece) -> None:
        name, offset = piece["file"], piece["offset"]
        if piece["added"]:
            with path.open("r+b") as file:
                file.truncate(offset)
                file.seek(offset)
                file.write(piece["data"])
            return
        in_folder = name.startswith(tuple(f"{part}/" for part in FOLDERS))
        parent = path.parent.with_name(f"{SCRATCH}{path.parent.name}") if in_folder else path.parent
        parent.mkdir(parents=True, exist_ok=True)
        scratch = path_inside(parent, path.name if in_folder else f"{SCRATCH}{path.name}")
        with scratch.open("r+b" if offset else "wb") as file:
            file.seek(offset)
            file.write(piece["data"])
            file.flush()
            if piece["last"]:
                os.fsync(file.fileno())
        if piece["last"] and not in_folder:
            scratch.replace(path)

    def _delete_all_but(self, names: list[str]) -> None:
        there = FolderSender(self._folder)
        for name in [name for name in (*there._entries(), *there._logs()) if name not in names]:
            path = path_inside(self._folder, name)
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _pieces(path: Path, name: str, start: int = 0, stop: int | None = None) -> Iterator[Piece]:
    """The bytes of a file from `start` to `stop`, at most `CHUNK` at once; at least one piece."""
    added = start > 0
    with path.open("rb") as file:
        stop = os.fstat(file.fileno()).st_size if stop is None else stop
        file.seek(start)
        while True:
            data = file.read(min(CHUNK, stop - start))
            end = start + len(data)
            last = end >= stop or not data
            yield {"file": name, "offset": start, "data": data, "last": last, "added": added}
            start = end
            if last:
                return


def _link(source: Path, target: Path) -> None:
    """Hard-link a file, or all files of a folder; complete or absent."""
    target.parent.mkdir(exist_ok=True)
    if not source.is_dir():
        os.link(source, target)
        return
    scratch = target.with_name(f"{SCRATCH}{target.name}")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    for file in source.iterdir():
        os.link(file, scratch / file.name)
    if source.name.isdecimal():  # a checkpoint, whose manifest tells whether some of it was deleted meanwhile
        files = json.loads((scratch / "manifest.json").read_bytes())["files"]
        if any(not (scratch / name).exists() for name in files):
            raise FileNotFoundError(source)
    scratch.rename(target)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
