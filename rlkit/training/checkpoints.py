"""Checkpoints: complete or absent, checked by digest when read, with a replay buffer that is saved bit by bit.

checkpoints/000050000/   weights.safetensors, training.json, training.safetensors, manifest.json
replay/segment-*.npy     rows of the replay buffer, written once and named by every manifest that needs them
best/000040000/          weights.safetensors, manifest.json of the best evaluation so far
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rlkit.agent import State
from rlkit.errors import UserError
from rlkit.files import (
    load_tensors,
    load_tree,
    new_folder,
    read_json,
    remove_scratch,
    save_tensors,
    save_tree,
    sha256,
    write_array,
    write_json,
)
from rlkit.replay import ReplayBuffer

FORMAT = 1
KEPT = 2  # the newest, and the one before in case the newest is damaged
SEGMENT_BYTES = 64 * 2**20  # a segment is copied in memory before it is written


class Learner(Protocol):
    """Who has weights and a state to keep: an `Agent`, or whatever else learns."""

    @property
    def replay(self) -> ReplayBuffer | None:
        """Its replay buffer, if it has one."""
        ...

    def weights(self) -> dict[str, Any]:
        """What it needs to be used."""
        ...

    def load_weights(self, weights: dict[str, Any]) -> None:
        """Put back what `weights` gave."""
        ...

    def state(self) -> State:
        """What else it needs to go on learning."""
        ...

    def load_state(self, state: State) -> None:
        """Put back what `state` gave."""
        ...


@dataclass(frozen=True)
class Checkpoint:
    """One complete checkpoint on disk.

    Args:
        folder: Where it lies.
        manifest: What belongs to it, by digest.
    """

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def steps(self) -> int:
        """Steps of single environments taken when it was written."""
        return int(self.manifest["steps"])

    def weights(self) -> dict[str, Any]:
        """What the agent needs to act."""
        return load_tensors(self.folder / "weights.safetensors")


class Checkpoints:
    """The checkpoints of one run folder.

    Args:
        run: The run folder.
    """

    def __init__(self, run: Path):
        self._run = run
        self._segments: list[dict[str, Any]] = []  # of the replay buffer, oldest first, as the manifests name them

    def save(self, steps: int, agent: Learner, training: State) -> None:
        """Write everything needed to continue, then drop checkpoints and replay segments that are no longer needed."""
        if agent.replay is not None:
            self._save_segments(agent.replay)
        folder = self._run / "checkpoints" / f"{steps:09d}"
        if not folder.exists():  # the last step may have been saved by the interval already
            with new_folder(folder) as scratch:
                save_tensors(scratch / "weights.safetensors", agent.weights())
                replay = agent.replay.state() if agent.replay is not None else {}
                save_tree(scratch, "training", {"agent": agent.state(), "replay": replay, "loop": training})
                _write_manifest(scratch, steps, self._segments)
        self._prune()

    def save_best(self, steps: int, agent: Learner, evaluation: Mapping[str, Any]) -> None:
        """Keep the weights of the best evaluation so far."""
        folder = self._run / "best" / f"{steps:09d}"
        if not folder.exists():
            with new_folder(folder) as scratch:
                save_tensors(scratch / "weights.safetensors", agent.weights())
                _write_manifest(scratch, steps, [], evaluation)
        for older in _complete_folders(self._run / "best")[:-1]:
            shutil.rmtree(older, ignore_errors=True)

    def newest(self, report: Callable[[str], None]) -> Checkpoint | None:
        """The newest checkpoint that is intact; those that are not are reported and passed over."""
        return _newest_intact(self._run / "checkpoints", report)

    def best(self, report: Callable[[str], None]) -> Checkpoint | None:
        """The weights of the best evaluation, if there was one."""
        return _newest_intact(self._run / "best", report)

    def restore(self, checkpoint: Checkpoint, agent: Learner) -> State:
        """Put the agent back to where it was and return the state of the training loop.

        Raises:
            UserError: If the checkpoint belongs to another kind of agent.
        """
        for part in ("checkpoints", "best", "replay", "."):
            remove_scratch(self._run / part)
        tree = load_tree(checkpoint.folder, "training")
        try:
            agent.load_weights(checkpoint.weights())
            agent.load_state(tree["agent"])
            if agent.replay is not None:
                self._segments = list(checkpoint.manifest["replay"])
                for segment in self._segments:
                    agent.replay.restore_rows(segment["start"], self._read_segment(segment, agent.replay))
                agent.replay.load_state(tree["replay"])
            loop: State = tree["loop"]
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            sentence = f"{checkpoint.folder} does not fit the agent that config.json describes: {error}"
            raise UserError(sentence, exit_code=1) from error
        return loop

    # ------------------------------------------------------------------------------------------------ replay segments

    def _save_segments(self, replay: ReplayBuffer) -> None:
        """Write the rows that came since the last checkpoint; what that costs does not depend on the buffer's size."""
        folder = self._run / "replay"
        folder.mkdir(parents=True, exist_ok=True)
        self._segments = [segment for segment in self._segments if segment["stop"] > replay.oldest]
        start = max(replay.oldest, self._segments[-1]["stop"] if self._segments else 0)
        rows_at_once = max(1, SEGMENT_BYTES // replay.row_dtype.itemsize)
        while start < replay.written:
            stop = min(start + rows_at_once, replay.written)
            name, digest = write_array(folder, f"segment-{start:012d}-{stop:012d}", replay.rows(start, stop))
            self._segments.append({"file": name, "start": start, "stop": stop, "sha256": digest})
            start = stop

    def _read_segment(self, segment: Mapping[str, Any], replay: ReplayBuffer) -> Any:
        rows = np.load(self._run / "replay" / segment["file"], mmap_mode="r", allow_pickle=False)
        if rows.dtype != replay.row_dtype or rows.shape != (segment["stop"] - segment["start"],):
            raise ValueError(f"{segment['file']} holds rows of {rows.dtype}, expected {replay.row_dtype}")
        return rows

    def _prune(self) -> None:
        folders = _complete_folders(self._run / "checkpoints")
        for older in folders[:-KEPT]:
            shutil.rmtree(older, ignore_errors=True)
        needed = {
            segment["file"]
            for folder in folders[-KEPT:]
            for segment in read_json(folder / "manifest.json").get("replay", [])
        }
        for segment in (self._run / "replay").glob("segment-*.npy"):
            if segment.name not in needed:
                segment.unlink(missing_ok=True)


def _write_manifest(
    folder: Path, steps: int, segments: list[dict[str, Any]], evaluation: Mapping[str, Any] | None = None
) -> None:
    files = {path.name: sha256(path) for path in sorted(folder.iterdir())}
    manifest = {"format": FORMAT, "steps": steps, "files": files, "replay": segments, "evaluation": evaluation}
    write_json(folder / "manifest.json", manifest)


def _complete_folders(parent: Path) -> list[Path]:
    """Checkpoint folders by their step, oldest first."""
    return sorted(folder for folder in parent.glob("*") if folder.name.isdigit()) if parent.is_dir() else []


def _newest_intact(parent: Path, report: Callable[[str], None]) -> Checkpoint | None:
    for folder in reversed(_complete_folders(parent)):
        try:
            return read_checkpoint(folder)
        except UserError as error:
            report(f"passing over a damaged checkpoint: {error}")
    return None


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint's manifest and hold every file against it.

    Raises:
        UserError: Naming the file that is missing or differs.
    """
    manifest = read_json(folder / "manifest.json")
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise UserError(f"{folder / 'manifest.json'} is not a checkpoint's manifest", exit_code=1)
    if manifest.get("format") != FORMAT:
        given = manifest.get("format")
        raise UserError(f"{folder} has format {given}; this version reads format {FORMAT}", exit_code=1)
    replay = folder.parent.parent / "replay"
    expected = [(folder / name, digest) for name, digest in manifest["files"].items()]
    expected += [(replay / segment["file"], segment["sha256"]) for segment in manifest.get("replay", [])]
    for path, digest in expected:
        if path.parent not in (folder, replay) or not path.is_file():
            raise UserError(f"{path} is missing", exit_code=1)
        if sha256(path) != digest:
            raise UserError(f"{path} is damaged: its content is not what was saved", exit_code=1)
    return Checkpoint(folder, manifest)
