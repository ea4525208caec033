"""A perception run on disk: its configuration, its checkpoints, and the best model so far.

config.json                    everything needed to repeat it
metrics.jsonl, events.out.*    the same scalars for programs and for TensorBoard
pictures/000000400.png         what was found in pictures that nobody learned from: picture, truth, found, wrong
best/model.safetensors         the best model by the selection; what everything else loads
checkpoints/000000400/         weights, averages, optimiser: complete or absent, checked by digest
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

from rlkit.perception.model import BEST, SegmentationModel
from rlkit.segmentation.config import TrainingConfig
from rlkit.training.checkpoint import Checkpoints
from rlkit.training.run_folder import config_of, locked, make_run_folder, new_path
from rlkit.utils.io import disk_errors
from rlkit.utils.paths import path_inside

PICTURES = "pictures"


class PerceptionRun:
    """The folder of one perception run.

    Args:
        path: Where it lies.
        config: What it was made with.
    """

    def __init__(self, path: Path, config: TrainingConfig):
        self.path = path
        self.config = config
        self.checkpoints = Checkpoints(path)

    @classmethod
    def create(cls, path: Path | None, config: TrainingConfig) -> Self:
        """Make the folder; it appears with its configuration in it or not at all.

        Raises:
            UserError: It exists already and is not empty, or cannot be written.
        """
        network = config.network.rpartition(":")[2].lower()
        path = path or new_path(f"perception-{network}-s{config.seed}")
        make_run_folder(path, config.to_json())
        return cls(path, config)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the folder of an earlier run.

        Raises:
            UserError: There is no perception run, or its configuration is damaged or from another version.
        """
        with config_of(path) as plain:
            config = TrainingConfig.from_json(plain)
        return cls(path, config)

    def locked(self) -> AbstractContextManager[None]:
        """Hold the run, see `rlkit.training.run_folder.locked`."""
        return locked(self.path)

    def save_best(self, model: SegmentationModel) -> None:
        """Keep the best model so far, complete or not at all.

        Raises:
            UserError: It cannot be written.
        """
        path = path_inside(self.path, BEST.as_posix())
        with disk_errors(str(self.path)):
            path.parent.mkdir(exist_ok=True)
        model.save(path)

    def new_picture(self, steps: int) -> Path:
        """Where the sheet of pictures after so many steps goes."""
        path = path_inside(self.path, f"{PICTURES}/{steps:09d}.png")
        with disk_errors(str(self.path)):
            path.parent.mkdir(exist_ok=True)
        return path
