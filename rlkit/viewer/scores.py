"""Attempts of a player, and the file that stores the best ones."""

import itertools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit.errors import UserError
from rlkit.utils import paths
from rlkit.utils.parsing import parse_json
from rlkit.utils.terminal import check_texts
from rlkit.viewer.frame import Metric

FORMAT = "rlkit best attempts, version 1"
LARGEST = 1e15  # of a number in the file
MAX_FILE_SIZE = 64 * 2**20  # bytes; a lap has some kilobytes

Poses = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Attempt:
    """A completed episode of a player.

    Args:
        number: Counted from 1 with this place and seed.
        episode_return: Sum of rewards.
        seconds: Simulated duration.
        metrics: Metrics of the environment by name.
        succeeded: Whether all metrics of kind "share" are true, such as a finished lap or a solved level.
        time: The first metric of kind "seconds", such as the lap time; None without one.
    """

    number: int
    episode_return: float
    seconds: float
    metrics: Mapping[str, Metric]
    succeeded: bool
    time: float | None

    def beats(self, other: "Best | None") -> bool:
        """Whether it is better: by a shorter time if time is measured, else by a higher return."""
        if not self.succeeded:
            return False
        if other is None:
            return True
        if self.time is not None and other.time is not None:
            return self.time < other.time
        return self.time is not None or (other.time is None and self.episode_return > other.episode_return)

    def is_best(self, best: "Best | None") -> bool:
        """Whether it equals the best one."""
        if best is None or not self.succeeded:
            return False
        return self.time == best.time if self.time is not None else self.episode_return == best.episode_return


@dataclass(frozen=True, eq=False)
class Best:
    """The best attempt with one place and seed.

    Args:
        episode_return: Sum of rewards.
        time: Its time in seconds; None if the environment measures none.
        poses: (n, 3) x, y (m) and heading (rad) at its beginning and after each decision; empty if unknown.
    """

    episode_return: float
    time: float | None
    poses: Poses


class BestFile:
    """The best attempts of all places, stored in a JSON file.

    Args:
        path: The file, which need not exist yet; None keeps them in memory only.

    Raises:
        UserError: The file has another content, or cannot be read.
    """

    def __init__(self, path: Path | None = None):
        self.path = path
        self._bests: dict[str, Best] = {}
        if path is None:
            return
        if not path.absolute().parent.is_dir():
            raise UserError(f"--scores {path}: the folder {path.absolute().parent} does not exist")
        if path.exists():
            self._bests = _read_bests(path)

    def get(self, key: str) -> Best | None:
        """The best attempt for a key; None if there is none."""
        return self._bests.get(key)

    def put(self, key: str, best: Best) -> None:
        """Store an attempt as the best one for a key, and write the file if there is one.

        Raises:
            UserError: It cannot be written.
        """
        self._bests[key] = best
        if self.path is None:
            return
        tree = {
            "format": FORMAT,
            "places": {
                name: {"return": one.episode_return, "time": one.time, "poses": one.poses.round(4).tolist()}
                for name, one in self._bests.items()
            },
        }
        scratch = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            with paths.create_file(scratch) as file:
                file.write(json.dumps(tree).encode())
            scratch.replace(self.path)  # atomic
        except OSError as error:
            raise UserError(
                f"--scores {self.path}: cannot be written ({error.strerror or error})", exit_code=1
            ) from error


def _read_bests(path: Path) -> dict[str, Best]:
    try:
        tree = parse_json(paths.read_bytes(path, MAX_FILE_SIZE))
        check_texts(tree)
        if not isinstance(tree, dict) or tree.get("format") != FORMAT or not isinstance(tree.get("places"), dict):
            raise ValueError(f"it is not an object with the format {FORMAT!r} and places")
        return {place: _read_best(place, entry) for place, entry in tree["places"].items()}
    except OSError as error:
        raise UserError(f"--scores {path}: cannot be read ({error.strerror or error})", exit_code=1) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"--scores {path}: this is no file of best attempts; choose another name ({error})") from None


def _read_best(place: str, entry: Any) -> Best:
    """One entry of the file.

    Raises:
        ValueError: It is not of the form that `BestFile.put` writes.
    """
    if not isinstance(entry, dict) or entry.keys() != {"return", "time", "poses"}:
        raise ValueError(f"{place!r} is not an object with return, time and poses")
    numbers = [entry["return"]] + ([] if entry["time"] is None else [entry["time"]])
    poses = entry["poses"]
    if not isinstance(poses, list) or not all(isinstance(pose, list) and len(pose) == 3 for pose in poses):
        raise ValueError(f"the poses of {place!r} are not lists of three numbers")
    if not all(_is_number(number) for number in itertools.chain(numbers, *poses)):
        raise ValueError(f"{place!r} holds something that is no finite number")
    time = None if entry["time"] is None else float(entry["time"])
    if time is not None and time < 0.0:
        raise ValueError(f"the time of {place!r} is negative")
    return Best(float(entry["return"]), time, np.array(poses, dtype=np.float64).reshape(-1, 3))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
