"""A run on disk: its folder, its configuration, and the lock that keeps a second process out.

config.json                    everything needed to repeat the run, with the format and the kind of run
spaces.json                    observations and actions of an agent's environment, in words
initial.safetensors            the weights that an agent's training started from, where it was given some
metrics.jsonl, events.out.*    the same scalars for programs and for TensorBoard
learners/1/ ...                checkpoints/ and replay/ of other learners than the first, where several train together
checkpoints/, replay/, best/   see `rlkit.training.checkpoint`; a segmentation run has best/model.safetensors
"""

import contextlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from rlkit.errors import DiskError, UserError
from rlkit.spaces import Spaces, space_changes
from rlkit.training.checkpoint import Checkpoints, saved_steps
from rlkit.training.config import StoredConfig
from rlkit.training.logger import logged_steps
from rlkit.utils import paths
from rlkit.utils.io import disk_errors, locked_file, new_folder, read_json, write_bytes, write_json
from rlkit.utils.scratch import remove_scratch
from rlkit.utils.terminal import check_texts

LEARNERS = "learners"  # folder of the parts of checkpoints that other learners than the first save

C = TypeVar("C", bound=StoredConfig)


class RunFolder(Generic[C]):
    """The folder of one run, of an agent or of a segmentation network.

    Args:
        path: Where it lies.
        config: What it was made with.
    """

    def __init__(self, path: Path, config: C):
        self.path = path
        self.config = config
        self.checkpoints = Checkpoints(path)

    @classmethod
    def create(cls, path: Path | None, config: C) -> "RunFolder[C]":
        """Make the folder; it appears with its configuration in it or not at all.

        Files that the run depends on are copied into it, so that the folder is complete by itself.

        Args:
            path: Where; None takes a new name under runs/.
            config: Written to config.json.

        Raises:
            UserError: It exists already and is not empty, or cannot be written.
        """
        path = path or new_path(config.folder_name)
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        if path.exists():
            is_run = (path / "config.json").exists()
            holds = "already holds a run" if is_run else "exists and is not an empty folder"
            hint = f"; continue it by --resume {path}" if is_run else ""
            raise UserError(f"{path} {holds}: choose another --run-dir{hint}")
        stored, files = config.self_contained()
        with disk_errors(str(path)), new_folder(path) as scratch:
            for name, content in files.items():
                file = paths.path_inside(scratch, name)
                file.parent.mkdir(parents=True, exist_ok=True)
                write_bytes(file, content)
            write_json(scratch / "config.json", stored.to_json())
        return cls(path, stored.located(path))

    @classmethod
    def open(cls, path: Path, config_type: type[C]) -> "RunFolder[C]":
        """Open the folder of an earlier run.

        Args:
            path: The folder.
            config_type: Of the kind of run that it should hold.

        Raises:
            UserError: There is no run, or its configuration is damaged, of another kind or from another version.
        """
        file = path / "config.json"
        if not path.exists():
            raise UserError(f"there is no run at {path}: the folder does not exist")
        if not file.is_file():
            run = next((parent for parent in list(path.parents)[:3] if (parent / "config.json").is_file()), None)
            hint = "" if run is None else f"; it lies in the run {run}"
            raise UserError(f"{path} is not a run folder: it has no config.json{hint}")
        return cls(path, open_config(file, config_type))

    def of_learner(self, rank: int) -> "RunFolder[C]":
        """The same run with the checkpoints of another learner than the first, see `rlkit.training.learners`."""
        folder = self.file(f"{LEARNERS}/{rank}")
        folder.mkdir(exist_ok=True)
        own = RunFolder(self.path, self.config)
        own.checkpoints = Checkpoints(folder)
        return own

    def check_learners(self) -> None:
        """Check that the checkpoints of as many learners are there as config.json says.

        Raises:
            UserError: The run was trained by another number of learners.
        """
        folder = self.path / LEARNERS
        found = {entry.name for entry in paths.entries(folder)} if folder.is_dir() else set()
        expected = {str(rank) for rank in range(1, self.config.learners)}
        if found != expected and (found or saved_steps(self.path)):
            holds = f"holds checkpoints of {', '.join(sorted(found))}" if found else "holds no checkpoint"
            raise UserError(
                f"{self.path} cannot be resumed: config.json says learners = {self.config.learners}, and {folder} "
                f"{holds}; only as many learners as began a run can continue it",
                exit_code=1,
            )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run: two processes that train into one folder would damage it.

        Raises:
            UserError: Another process holds it, or something in it is a link: writing could change other places.
        """
        paths.check_tree(self.path)
        with locked_file(self.path / ".lock", self.path, "trained"):
            for part in (".", "checkpoints", "replay", "best"):  # what a killed process left
                remove_scratch(self.path / part)
            yield

    def check_present(self) -> None:
        """Refuse to write into a folder that was removed during the run, which would make an incomplete one.

        Raises:
            UserError: It was removed or moved, or its config.json was.
        """
        if not (self.path / "config.json").is_file():
            raise UserError(
                f"{self.path / 'config.json'} is missing: the run folder was removed or moved while the run was under "
                "way, so nothing more can be saved in it",
                exit_code=1,
            )

    def file(self, name: str) -> Path:
        """Path of a file to write, relative to the folder and without links; its parent folder is made.

        Raises:
            UserError: The path leads through a link, or the folder cannot be made.
        """
        path = paths.path_inside(self.path, name)
        with disk_errors(str(self.path)):
            path.parent.mkdir(exist_ok=True)
        return path

    def store_budget(self) -> None:
        """Write a new budget, with the hyperparameters that depend on it; the run has to be held, see `locked`.

        Raises:
            UserError: It cannot be read or written.
        """
        own = self.config.to_json()
        tree = read_config(self.path / "config.json") | {name: own[name] for name in ("steps", "hyperparameters")}
        with disk_errors(str(self.path)):
            write_json(self.file("config.json"), tree)

    def check_restart(self, unsaved: int) -> None:
        """Refuse to begin at step 0 again where a checkpoint must have been there: the log would be cut.

        Args:
            unsaved: Steps that may have been logged before the first checkpoint is written.

        Raises:
            UserError: More were logged.
        """
        logged = logged_steps(self.path)
        if logged > unsaved:
            raise UserError(
                f"{self.path} has logged {logged:,} steps and has no checkpoint any more: going on would begin at "
                "step 0 and cut its log. Start again with another --run-dir.",
                exit_code=1,
            )


def check_spaces(path: Path, spaces: Spaces) -> None:
    """Refuse an environment whose observations or actions differ from those of the run.

    Args:
        path: The run folder.
        spaces: Of the environment as it is now.

    Raises:
        UserError: They differ, or spaces.json is damaged.
    """
    compare_spaces(f"the run {path}", read_spaces(path), spaces)


def compare_spaces(what: str, then: Mapping[str, str], spaces: Spaces) -> None:
    """Refuse an environment whose observations or actions differ from those that something was trained with.

    Args:
        what: Such as "the run runs/cartpole".
        then: Observations and actions of its training, by `Spaces.describe`; empty if unknown.
        spaces: Of the environment as it is now.

    Raises:
        UserError: They differ.
    """
    changes = space_changes(then, spaces.describe()) if then else []
    if changes:
        raise UserError(
            f"The environment is not that of {what}: {'; '.join(changes)}. Use the environment and the arguments that "
            "it was trained with.",
            exit_code=1,
        )


def read_spaces(path: Path) -> dict[str, str]:
    """Observations and actions of a run, by `Spaces.describe`; empty where its folder does not hold them.

    Raises:
        UserError: spaces.json is damaged.
    """
    file = path / "spaces.json"
    if not file.is_file():
        return {}
    then = read_config(file)
    if not isinstance(then, dict) or not all(isinstance(text, str) for text in then.values()):
        raise UserError(f"{file} is damaged: it should hold a text for each observation", exit_code=1)
    return then


def open_config(file: Path, config_type: type[C]) -> C:
    """Read the configuration of a run, with paths of files in its folder made absolute.

    Raises:
        UserError: It is missing, damaged, of another kind or from another version; the message names the file.
    """
    try:
        return config_type.from_json(read_config(file)).located(file.parent)
    except DiskError:  # it names the file
        raise
    except UserError as error:
        raise UserError(f"{file} cannot be used: {error}", exit_code=1) from error


def read_config(file: Path) -> Any:
    """Read a configuration; control characters in it are refused, since its texts are printed.

    Raises:
        UserError: It is missing or damaged.
    """
    tree = read_json(file)
    try:
        check_texts(tree)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is damaged: {error}", exit_code=1) from error
    return tree


def new_path(name: str) -> Path:
    """A free path under runs/, such as runs/driving-dqn-s0-20261124-141500, or with -2 appended where that exists."""
    name = f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    path = Path("runs") / name
    number = 2
    while path.exists():
        path = Path("runs") / f"{name}-{number}"
        number += 1
    return path
