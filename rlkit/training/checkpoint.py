"""Checkpoints: complete or absent, checked by digest when read, with a replay buffer that is saved incrementally.

checkpoints/000050000/   weights.safetensors, training.json, training.safetensors, manifest.json
replay/segment-*.npy     rows of the replay buffer, written once and listed by every manifest that needs them
best/000040000/          weights.safetensors, manifest.json of the best evaluation so far

Resuming starts from the newest intact checkpoint, renames damaged ones after it to damaged-000060000, and is refused
where none is intact.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rlkit.agent import State
from rlkit.errors import DiskError, UserError
from rlkit.nn.utils import misfit
from rlkit.replay import Replay
from rlkit.utils import paths
from rlkit.utils.io import (
    load_tree,
    load_weights,
    new_folder,
    read_array,
    read_json,
    save_tensors,
    save_tree,
    sha256,
    write_array,
    write_json,
)
from rlkit.utils.scratch import remove_scratch

FORMAT = 1
KEPT = 2  # checkpoints: the newest, and the one before in case the newest is damaged
SEGMENT_BYTES = 64 * 2**20  # of a segment, which is copied in memory before it is written
RETRIES = 5  # of reading a checkpoint while training writes newer ones
LARGEST = 10**15  # steps and rows in a manifest
DAMAGED = "damaged-"  # prefix of damaged checkpoints that were set aside

_STEPS = re.compile(r"[0-9]{1,15}")  # names of checkpoint folders
# Exceptions of loading a state that is damaged or of another learner.
STATE_ERRORS = (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, RuntimeError)


class Trainable(Protocol):
    """What a checkpoint saves and restores: an `Agent`, or a segmentation network with its optimizer."""

    @property
    def replay(self) -> Replay | None:
        """The replay buffer, if there is one."""
        ...

    def weights(self) -> dict[str, Any]:
        """Tensors by name that inference needs."""
        ...

    def load_weights(self, weights: dict[str, Any]) -> None:
        """Load what `weights` returned."""
        ...

    def state(self) -> State:
        """Everything else that training needs to continue."""
        ...

    def load_state(self, state: State) -> None:
        """Load what `state` returned."""
        ...


def load_fitting(learner: Trainable, weights: dict[str, Any]) -> str:
    """Load weights into a learner.

    Returns:
        The first difference between them and the learner's own, where they do not fit; "" where they are loaded.
    """
    own = learner.weights()
    try:
        learner.load_weights(weights)
    except (RuntimeError, KeyError, ValueError) as error:
        return misfit(weights, own) or str(error).splitlines()[0][:200]
    return ""


@dataclass(frozen=True)
class Checkpoint:
    """One complete checkpoint on disk.

    Args:
        folder: Its folder.
        manifest: Steps, files with their digests, and segments of the replay buffer.
    """

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def steps(self) -> int:
        """Steps taken when it was written."""
        return int(self.manifest["steps"])

    def weights(self) -> dict[str, Any]:
        """Tensors by name that inference needs.

        Raises:
            UserError: The file is missing or damaged, or holds numbers that are not finite.
        """
        return load_weights(self.weights_file)

    @property
    def weights_file(self) -> Path:
        """The safetensors file of the weights."""
        return self.folder / "weights.safetensors"


class Checkpoints:
    """The checkpoints of one run folder.

    Args:
        run: The run folder.
    """

    def __init__(self, run: Path):
        self._run = run
        self._segments: list[dict[str, Any]] = []  # of the replay buffer, oldest first, as the manifests name them

    def save(self, steps: int, learner: Trainable, training: State) -> None:
        """Write everything needed to resume, then delete checkpoints and replay segments that are no longer needed."""
        if learner.replay is not None:
            self._save_segments(learner.replay)
        folder = self._part("checkpoints") / f"{steps:09d}"
        if not folder.exists():  # the last step may have been saved by the interval already
            with new_folder(folder) as scratch:
                save_tensors(scratch / "weights.safetensors", learner.weights())
                replay = learner.replay.state() if learner.replay is not None else {}
                save_tree(scratch, "training", {"agent": learner.state(), "replay": replay, "loop": training})
                _write_manifest(scratch, steps, self._segments)
        self._prune()

    def save_best(self, steps: int, learner: Trainable, evaluation: Mapping[str, Any]) -> None:
        """Write the weights of the best evaluation so far, and delete those of earlier ones."""
        folder = self._part("best") / f"{steps:09d}"
        if not folder.exists():
            with new_folder(folder) as scratch:
                save_tensors(scratch / "weights.safetensors", learner.weights())
                _write_manifest(scratch, steps, [], evaluation)
        for older in _complete_folders(self._run / "best"):
            if older != folder:
                shutil.rmtree(older, ignore_errors=True)

    def newest(self, report: Callable[[str], None], *, replay: bool = True) -> Checkpoint | None:
        """The newest intact checkpoint; damaged ones after it are reported.

        Args:
            report: Called with a sentence for each damaged one.
            replay: Whether its replay buffer has to be intact, too, which takes long to check.

        Raises:
            UserError: The folder of checkpoints, or a file of one, cannot be read, as where permission is denied.
        """
        return self._newest_intact("checkpoints", report, replay)

    def best(self, report: Callable[[str], None]) -> Checkpoint | None:
        """The weights of the best evaluation, if there was one; otherwise as `newest`."""
        return self._newest_intact("best", report, replay=False)

    def to_resume(self, report: Callable[[str], None]) -> Checkpoint | None:
        """The newest intact checkpoint, from which training continues; damaged ones after it are renamed.

        Returns:
            None where the run has no checkpoint at all.

        Raises:
            UserError: There are checkpoints and none is intact, or their folder cannot be read.
        """
        checkpoint = self.newest(report)
        folders = _complete_folders(self._part("checkpoints"))
        if checkpoint is None and folders:
            names = ", ".join(folder.name for folder in folders)
            raise UserError(
                f"no checkpoint in {self._run} is intact ({names}), so training cannot continue; nothing was changed. "
                "Put back an intact copy, or start again with another --run-dir; weights of the best evaluation, if "
                f"there are any, are in {self._run / 'best'}",
                exit_code=1,
            )
        for folder in folders:
            if checkpoint is not None and int(folder.name) > checkpoint.steps:
                aside = _free_name(folder.with_name(f"{DAMAGED}{folder.name}"))
                folder.rename(aside)
                report(f"the damaged checkpoint is kept as {aside}")
        return checkpoint

    def discard_after(self, steps: int) -> None:
        """Delete checkpoints of later steps, which another learner lacks."""
        for folder in _complete_folders(self._part("checkpoints")):
            if int(folder.name) > steps:
                shutil.rmtree(folder)

    def restore(self, checkpoint: Checkpoint, learner: Trainable) -> State:
        """Load a checkpoint into the learner and return the state of the training loop.

        Raises:
            UserError: The checkpoint does not fit the learner.
        """
        for part in ("checkpoints", "best", "replay"):
            remove_scratch(self._part(part))
        remove_scratch(self._run)
        tree = load_tree(checkpoint.folder, "training")
        try:
            learner.load_weights(checkpoint.weights())
            learner.load_state(tree["agent"])
            if learner.replay is not None:
                self._segments = list(checkpoint.manifest["replay"])
                for segment in self._segments:
                    learner.replay.restore_rows(segment["start"], self._read_segment(segment, learner.replay))
                learner.replay.load_state(tree["replay"])
            loop: State = tree["loop"]
        except STATE_ERRORS as error:
            sentence = f"{checkpoint.folder} does not fit what config.json describes: {error}"
            raise UserError(sentence, exit_code=1) from error
        return loop

    def _part(self, name: str) -> Path:
        """A subfolder of the run, without links."""
        return paths.path_inside(self._run, name)

    def _newest_intact(self, part: str, report: Callable[[str], None], replay: bool) -> Checkpoint | None:
        """Read the newest intact one; where training deletes it meanwhile, the one that it has written since."""
        for _ in range(RETRIES):
            folders = _complete_folders(self._part(part))
            checkpoint = None
            damaged = []
            for folder in reversed(folders):
                try:
                    checkpoint = _read_named(folder, replay)
                    break
                except DiskError:  # permission is denied: it may be intact
                    raise
                except (UserError, FileNotFoundError) as error:
                    damaged.append(str(error))
            if not damaged or _complete_folders(self._part(part))[-1:] == folders[-1:]:
                break
        for sentence in damaged:
            report(f"skipping a damaged checkpoint: {sentence}")
        return checkpoint

    # ------------------------------------------------------------------------------------------------ replay segments

    def _save_segments(self, replay: Replay) -> None:
        """Write the rows added since the last checkpoint; the cost does not depend on the buffer's size."""
        folder = self._part("replay")
        folder.mkdir(parents=True, exist_ok=True)
        self._segments = [segment for segment in self._segments if segment["stop"] > replay.oldest]
        if not all((folder / segment["file"]).is_file() for segment in self._segments):
            self._segments = []  # some were removed meanwhile: all rows are written again
        start = max(replay.oldest, self._segments[-1]["stop"] if self._segments else 0)
        rows_at_once = max(1, SEGMENT_BYTES // replay.row_dtype.itemsize)
        while start < replay.written:
            stop = min(start + rows_at_once, replay.written)
            name, digest = write_array(folder, f"segment-{start:012d}-{stop:012d}", replay.rows(start, stop))
            self._segments.append({"file": name, "start": start, "stop": stop, "sha256": digest})
            start = stop

    def _read_segment(self, segment: Mapping[str, Any], replay: Replay) -> Any:
        path = paths.path_inside(self._part("replay"), segment["file"])
        return read_array(path, replay.row_dtype, segment["stop"] - segment["start"])

    def _prune(self) -> None:
        folders = _complete_folders(self._part("checkpoints"))
        readable: dict[Path, dict[str, Any]] = {}
        for folder in folders:
            with contextlib.suppress(UserError):  # damaged ones do not count
                readable[folder] = _read_manifest(folder)
        kept = dict(list(readable.items())[-KEPT:])
        for older in folders:
            if kept and older < next(iter(kept)):
                shutil.rmtree(older, ignore_errors=True)
        needed = {segment["file"] for manifest in kept.values() for segment in manifest["replay"]}
        replay = self._part("replay")
        for segment in replay.glob("segment-*.npy") if replay.is_dir() else ():
            if segment.name not in needed:
                segment.unlink(missing_ok=True)


def _write_manifest(
    folder: Path, steps: int, segments: list[dict[str, Any]], evaluation: Mapping[str, Any] | None = None
) -> None:
    files = {path.name: sha256(path) for path in sorted(folder.iterdir())}
    manifest = {"format": FORMAT, "steps": steps, "files": files, "replay": segments, "evaluation": evaluation}
    write_json(folder / "manifest.json", manifest)


def saved_steps(run: Path) -> int:
    """Steps of a run's newest checkpoint whose files all exist, without reading them; 0 where there is none.

    Raises:
        UserError: The folder of checkpoints cannot be read.
    """
    for folder in reversed(_complete_folders(paths.path_inside(run, "checkpoints"))):
        try:
            manifest = _read_manifest(folder)
            if all(path.is_file() for path, _ in _files_of(folder, manifest)):
                return int(manifest["steps"])
        except UserError:
            continue
    return 0


def _complete_folders(parent: Path) -> list[Path]:
    """Checkpoint folders by step, oldest first.

    Raises:
        UserError: The folder that holds them cannot be read.
    """
    if not os.path.lexists(parent):
        return []
    found = [entry for entry in paths.entries(parent) if _STEPS.fullmatch(entry.name)]
    return sorted((Path(entry.path) for entry in found if entry.is_dir(follow_symlinks=False)), key=_steps_of)


def _steps_of(folder: Path) -> int:
    return int(folder.name)


def _free_name(path: Path) -> Path:
    number = 1
    free = path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def _read_named(folder: Path, replay: bool) -> Checkpoint:
    """Read a checkpoint whose folder is named after its steps."""
    checkpoint = read_checkpoint(folder, replay=replay)
    if checkpoint.steps != _steps_of(folder):
        raise UserError(f"{folder} holds a checkpoint after {checkpoint.steps:,} steps", exit_code=1)
    return checkpoint


def read_checkpoint(folder: Path, *, replay: bool = True) -> Checkpoint:
    """Read a checkpoint's manifest and compare every file with its digest.

    Args:
        folder: The checkpoint.
        replay: Whether the segments of the replay buffer count.

    Raises:
        UserError: A file is missing or differs.
    """
    manifest = _read_manifest(folder)
    files = _files_of(folder, manifest)
    for path, digest in files if replay else files[: len(manifest["files"])]:
        if not path.is_file():
            raise UserError(f"{path} is missing", exit_code=1)
        if sha256(path) != digest:
            raise UserError(f"{path} is damaged: its content is not what was saved", exit_code=1)
    return Checkpoint(folder, manifest)


def _files_of(folder: Path, manifest: Mapping[str, Any]) -> list[tuple[Path, str]]:
    """Files that a manifest lists, with digests: those of the checkpoint and segments of the run's replay buffer."""
    replay = paths.path_inside(folder.parent.parent, "replay")
    files = [(paths.path_inside(folder, name), digest) for name, digest in manifest["files"].items()]
    segments = manifest["replay"]
    return files + [(paths.path_inside(replay, segment["file"]), segment["sha256"]) for segment in segments]


def _read_manifest(folder: Path) -> dict[str, Any]:
    """Read a manifest and check the types of its entries.

    Raises:
        UserError: It is missing, damaged, or of another format.
    """
    path = paths.path_inside(folder, "manifest.json")
    manifest = read_json(path)
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise UserError(f"{path} is not a checkpoint's manifest", exit_code=1)
    if manifest.get("format") != FORMAT:
        given = manifest.get("format")
        raise UserError(f"{folder} has format {given}; this version reads format {FORMAT}", exit_code=1)
    segments = manifest.setdefault("replay", [])
    sound = _is_count(manifest.get("steps")) and "/" not in "".join(manifest["files"]) and isinstance(segments, list)
    sound = sound and all(isinstance(digest, str) for digest in manifest["files"].values())
    if not sound or not all(map(_is_segment, segments)):
        raise UserError(f"{path} is damaged: its entries are not those of a checkpoint's manifest", exit_code=1)
    return manifest


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST


def _is_segment(segment: Any) -> bool:
    if not isinstance(segment, dict) or not all(isinstance(segment.get(key), str) for key in ("file", "sha256")):
        return False
    start, stop = segment.get("start"), segment.get("stop")
    return _is_count(start) and _is_count(stop) and segment["start"] < segment["stop"] and "/" not in segment["file"]
