"""A run on disk: its folder, its configuration, and the lock that keeps a second process out."""

import contextlib
import fcntl
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from rlkit.config import RunConfig
from rlkit.errors import UserError
from rlkit.training.checkpoints import Checkpoints
from rlkit.training.files import disk_errors, new_folder, read_json, write_json


class RunFolder:
    """The folder of one run.

    Args:
        path: Where it lies.
        config: What it was made with.
    """

    def __init__(self, path: Path, config: RunConfig):
        self.path = path
        self.config = config
        self.checkpoints = Checkpoints(path)

    @classmethod
    def create(cls, path: Path | None, config: RunConfig) -> "RunFolder":
        """Make the folder; it appears with its configuration in it or not at all.

        Raises:
            UserError: If it exists already and is not empty, or cannot be written.
        """
        path = path or default_path(config)
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        if path.exists():
            holds = "already holds a run" if (path / "config.json").exists() else "exists and is not an empty folder"
            hint = f"; go on with it by --resume {path}" if (path / "config.json").exists() else ""
            raise UserError(f"{path} {holds}: choose another --run-dir{hint}")
        with disk_errors(str(path)), new_folder(path) as scratch:
            write_json(scratch / "config.json", config.to_json())
        return cls(path, config)

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Open the folder of an earlier run.

        Raises:
            UserError: If there is no run, or its configuration is damaged or from another version.
        """
        if not path.exists():
            raise UserError(f"there is no run at {path}: the folder does not exist")
        if not (path / "config.json").is_file():
            raise UserError(f"{path} is not a run folder: it has no config.json")
        try:
            config = RunConfig.from_json(read_json(path / "config.json"))
        except UserError as error:
            raise UserError(f"{path / 'config.json'} cannot be used: {error}", exit_code=1) from error
        return cls(path, config)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run: two processes that train into one folder would spoil it.

        Raises:
            UserError: If another process holds it.
        """
        with disk_errors(str(self.path)):
            lock = (self.path / ".lock").open("w")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise UserError(f"{self.path} is being trained by another process", exit_code=1) from error
            yield


def default_path(config: RunConfig) -> Path:
    """Such as runs/driving-dqn-s0-20261124-141500, or with -2 behind where that exists."""
    task = config.environment.id.replace(":", "/").rstrip("/").rpartition("/")[2].partition("-v")[0].lower()
    name = f"{task}-{config.algorithm}-s{config.seed}-{datetime.now():%Y%m%d-%H%M%S}"
    path = Path("runs") / name
    number = 2
    while path.exists():
        path = Path("runs") / f"{name}-{number}"
        number += 1
    return path
