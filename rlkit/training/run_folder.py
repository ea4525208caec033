"""A run on disk: its folder, its configuration, and the lock that keeps a second process out."""

import contextlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rlkit.errors import UserError
from rlkit.training.checkpoint import Checkpoints
from rlkit.training.config import RunConfig
from rlkit.training.logger import logged_steps
from rlkit.utils import paths
from rlkit.utils.io import disk_errors, locked_file, new_folder, read_json, write_bytes, write_json
from rlkit.utils.terminal import check_texts


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

        A model that the agent sees by is copied into it, so that the folder needs nothing but itself.

        Raises:
            UserError: If it exists already and is not empty, or cannot be written.
        """
        path = path or default_path(config)
        own, files = config.self_contained()
        make_run_folder(path, own.to_json(), files)
        return cls(path, own.located(path))

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Open the folder of an earlier run.

        Raises:
            UserError: If there is no run, or its configuration is damaged or from another version.
        """
        with config_of(path) as plain:
            config = RunConfig.from_json(plain).located(path)
        return cls(path, config)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run: two processes that train into one folder would spoil it.

        Raises:
            UserError: If another process holds it.
        """
        with locked(self.path):
            yield


def make_run_folder(path: Path, config: Any, files: Mapping[str, bytes] = MappingProxyType({})) -> None:
    """Make a run's folder; it appears with its config.json in it or not at all.

    Args:
        path: Where.
        config: What JSON can hold.
        files: What else is to be in it from the beginning, by its path from there.

    Raises:
        UserError: It exists already and is not empty, or cannot be written.
    """
    if path.is_dir() and not any(path.iterdir()):
        path.rmdir()
    if path.exists():
        holds = "already holds a run" if (path / "config.json").exists() else "exists and is not an empty folder"
        hint = f"; go on with it by --resume {path}" if (path / "config.json").exists() else ""
        raise UserError(f"{path} {holds}: choose another --run-dir{hint}")
    with disk_errors(str(path)), new_folder(path) as scratch:
        for name, content in files.items():
            file = paths.path_inside(scratch, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(file, content)
        write_json(scratch / "config.json", config)


@contextlib.contextmanager
def config_of(path: Path) -> Iterator[Any]:
    """Read a run's config.json, and name the file in whatever is found wrong with it within the block.

    Raises:
        UserError: There is no run, or its configuration is damaged or from another version.
    """
    if not path.exists():
        raise UserError(f"there is no run at {path}: the folder does not exist")
    if not (path / "config.json").is_file():
        raise UserError(f"{path} is not a run folder: it has no config.json")
    try:
        yield read_config(path / "config.json")
    except UserError as error:
        raise UserError(f"{path / 'config.json'} cannot be used: {error}", exit_code=1) from error


def read_config(file: Path) -> Any:
    """Read a configuration, in which no text may hold control characters: much of it is shown to people.

    Raises:
        UserError: It is missing or damaged.
    """
    tree = read_json(file)
    try:
        check_texts(tree)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is damaged: {error}", exit_code=1) from error
    return tree


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a run: two processes that train into one folder would spoil it.

    Raises:
        UserError: Another process holds it, or something in it is a link, so that writing could change other places.
    """
    paths.check_tree(path)
    with locked_file(path / ".lock", path, "trained"):
        yield


def check_restart(path: Path, unsaved: int) -> None:
    """Refuse to begin a run at step 0 again where a checkpoint must have been there: its log would be cut.

    Args:
        path: The run's folder, which has no checkpoint.
        unsaved: Steps that a run may have logged before its first checkpoint is written.

    Raises:
        UserError: More were logged.
    """
    logged = logged_steps(path)
    if logged > unsaved:
        raise UserError(
            f"{path} has logged {logged:,} steps and has no checkpoint any more: going on would begin at step 0 and "
            "cut its log. Start again with another --run-dir.",
            exit_code=1,
        )


def default_path(config: RunConfig) -> Path:
    """Such as runs/driving-dqn-s0-20261124-141500, or with -2 behind where that exists."""
    task = config.environment.id.replace(":", "/").rstrip("/").rpartition("/")[2].partition("-v")[0].lower()
    return new_path(f"{task}-{config.algorithm}-s{config.seed}")


def new_path(name: str) -> Path:
    """A path under runs/ that is free: the name, the time, and -2 behind where that exists."""
    name = f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    path = Path("runs") / name
    number = 2
    while path.exists():
        path = Path("runs") / f"{name}-{number}"
        number += 1
    return path
