"""How attempts of a person went, which was best, and the file that keeps the best ones from day to day."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rlkit.errors import UserError
from rlkit.utils import paths
from rlkit.utils.terminal import check_texts
from rlkit.viewer.frame import Metric

FORMAT = "rlkit best attempts, version 1"
LARGEST_FILE = 64 * 2**20  # bytes; a lap has some kilobytes

Poses = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Attempt:
    """One episode that is over.

    Args:
        number: Counted from 1 in this place.
        episode_return: Sum of rewards.
        seconds: Simulated time that it took.
        metrics: What the environment measured, by name.
        succeeded: Whether every share among them counts it: a finished lap, a solved level.
        time: The first of its metrics that is a time (a lap's), in seconds; None without one.
    """

    number: int
    episode_return: float
    seconds: float
    metrics: Mapping[str, Metric]
    succeeded: bool
    time: float | None

    def beats(self, other: "Best | None") -> bool:
        """Whether it is better: a shorter time where time is measured, a higher return elsewhere."""
        if not self.succeeded:
            return False
        if other is None:
            return True
        if self.time is not None and other.time is not None:
            return self.time < other.time
        return self.time is not None or (other.time is None and self.episode_return > other.episode_return)

    def is_best(self, best: "Best | None") -> bool:
        """Whether it is the best one, or as good."""
        if best is None or not self.succeeded:
            return False
        return self.time == best.time if self.time is not None else self.episode_return == best.episode_return


@dataclass(frozen=True, eq=False)
class Best:
    """The best attempt in one place.

    Args:
        episode_return: Sum of rewards.
        time: What it took, in seconds, where the environment measures that.
        poses: (n, 3) x, y (m) and heading (rad) at its beginning and after each decision; empty where unknown.
    """

    episode_return: float
    time: float | None
    poses: Poses


class BestFile:
    """The best attempts of earlier days, in one JSON file for all places; without a path they last for the session.

    Args:
        path: The file, which need not exist yet; None for none.

    Raises:
        UserError: The file is something else, or cannot be read.
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

    def get(self, place: str) -> Best | None:
        """The best attempt in a place, if there is one."""
        return self._bests.get(place)

    def put(self, place: str, best: Best) -> None:
        """Keep an attempt as the best of its place, and write the file if there is one.

        Raises:
            UserError: It cannot be written.
        """
        self._bests[place] = best
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
            scratch.replace(self.path)  # the old file or the new one, never half of it
        except OSError as error:
            raise UserError(
                f"--scores {self.path}: cannot be written ({error.strerror or error})", exit_code=1
            ) from error


def _read_bests(path: Path) -> dict[str, Best]:
    try:
        tree = json.loads(paths.read_bytes(path, LARGEST_FILE))
        check_texts(tree)
        if tree["format"] != FORMAT:
            raise ValueError
        bests = {}
        for place, entry in tree["places"].items():
            poses = np.array(entry["poses"], dtype=np.float64).reshape(-1, 3)
            time = None if entry["time"] is None else float(entry["time"])
            if not np.isfinite(poses).all():
                raise ValueError
            bests[str(place)] = Best(float(entry["return"]), time, poses)
    except OSError as error:
        raise UserError(f"--scores {path}: cannot be read ({error.strerror or error})", exit_code=1) from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise UserError(f"--scores {path}: this is no file of best attempts; choose another name") from None
    return bests
