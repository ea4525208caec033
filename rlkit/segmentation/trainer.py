"""The training loop: take a step; at intervals validate, keep the best weights, and save."""

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from rlkit.errors import UserError
from rlkit.perception.model import SegmentationModel
from rlkit.perception.model_card import ModelCard
from rlkit.segmentation.datasets.base import Dataset, LabelledImages
from rlkit.segmentation.hyperparameters import Hyperparameters
from rlkit.segmentation.learner import SegmentationLearner
from rlkit.segmentation.loader import Prefetcher, TrainingPictures
from rlkit.segmentation.metrics import Confusion
from rlkit.segmentation.run_folder import PerceptionRun
from rlkit.segmentation.visualization.sheet import Row, draw_sheet
from rlkit.training.checkpoint import MISFITS
from rlkit.training.logger import Logger
from rlkit.training.progress import Reporter
from rlkit.training.signals import stop_request
from rlkit.utils.io import disk_errors

ROWS = 4  # of the sheet of pictures
AT_ONCE = 16  # pictures that a network sees together
KEPT = 2**29  # bytes of pictures that are kept in memory from one selection to the next

REFRESH = 0.2  # s between updates of the progress display
LOGS = 200  # records of the loss in a run
SHEETS = 20  # pictures of what is found that are kept in a run


@dataclass(frozen=True)
class ValidationResult:
    """What came of a selection.

    Args:
        scores: By name: `drivable_iou`, `mean_iou`, `global_accuracy`, and `iou/CLASS` of each class that was there.
        rows: A few of the pictures, for a sheet.
        pictures: How many there were.
    """

    scores: dict[str, float]
    rows: list[Row]
    pictures: int


class Validation:
    """The pictures that weights are chosen by; what fits is kept in memory.

    Args:
        source: Where they come from.
    """

    def __init__(self, source: Dataset):
        self._source = source
        self._kept: list[LabelledImages] | None = None

    def measure(self, model: SegmentationModel) -> ValidationResult:
        """Measure a model on all of them."""
        classes = self._source.classes
        matrix = Confusion(len(classes))
        rows: list[Row] = []
        pictures = 0
        for batch in self._batches():
            found = model.labels(batch.images)
            matrix.add(batch.labels, found)
            pictures += len(batch)
            # The first of each batch, which is of another place or time than the one before.
            if len(rows) < ROWS:
                rows.append(Row(batch.images[0], found[0], batch.labels[0], caption=batch.names[0]))
        if pictures == 0:
            return ValidationResult({}, [], 0)
        scores = {
            "drivable_iou": matrix.drivable_iou(classes.drivable_mask),
            "mean_iou": matrix.mean_iou,
            "global_accuracy": matrix.global_accuracy,
        }
        by_class = zip(classes.names, matrix.iou.tolist(), strict=True)
        scores |= {f"iou/{name}": value for name, value in by_class if value == value}
        return ValidationResult(scores, rows, pictures)

    def _batches(self) -> Iterator[LabelledImages]:
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[LabelledImages] | None = []
        size = 0
        for pictures in self._source.selection():
            for batch in _split(pictures):
                size += batch.images.nbytes + batch.labels.nbytes
                kept = None if kept is None or size > KEPT else [*kept, batch]
                yield batch
        self._kept = kept


def _split(pictures: LabelledImages) -> Iterator[LabelledImages]:
    for start in range(0, len(pictures), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        yield LabelledImages(
            pictures.images[part], pictures.labels[part], pictures.names[part], pictures.conditions[part]
        )


@dataclass
class SegmentationTrainer:
    """A training under way.

    Args:
        run: Where it is kept.
        pictures: What is learned from.
        selection: What the best weights are chosen by.
        learner: Who learns.
        reporter: Who is told.
    """

    run: PerceptionRun
    pictures: TrainingPictures
    selection: Validation
    learner: SegmentationLearner
    reporter: Reporter
    steps: int = 0
    best: float = -math.inf
    stale: int = 0  # selections since the best one
    seconds_before: float = 0.0  # spent in earlier sessions
    _losses: list[Tensor] = field(default_factory=list)  # since the last record: on a GPU looking at one means waiting

    def __post_init__(self) -> None:
        """Prepare what a training begins and goes on with alike."""
        self.config = self.run.config
        self.recipe: Hyperparameters = self.learner.recipe
        self._began = time.monotonic()
        self._refreshed = 0.0
        self._waited = self._aside = 0.0  # s spent waiting for pictures, and on other things than learning
        self._first = 0  # step that this session began with
        self._figures: dict[str, str] = {}

    def go(self, time_limit: float | None = None) -> str | None:
        """Train until the budget or the patience is used up, or stop earlier; either way everything is saved.

        Args:
            time_limit: Seconds after which to stop; nothing that happens before depends on it.

        Returns:
            None when it has come to its end, else why training stopped.

        Raises:
            UserError: Learning broke down, or something cannot be written.
        """
        self._began = time.monotonic()
        self._first = self.steps
        with (
            stop_request(time_limit) as stop,
            Logger(self.run.path, resume_at=self.steps) as log,
            Prefetcher(self.pictures.batches(first=self.steps), self.recipe.prefetch) as batches,
        ):
            if self.steps == 0:
                log.write_text("configuration", json.dumps(self.config.to_json(), indent=2))
                self._save(log)  # the weights that training begins with, which may come from another model
            while not self.complete and stop.reason is None:
                batch = self._wait_for(batches)
                self._losses.append(self.learner.update(batch.images, batch.labels, self.steps))
                self.steps += 1

                self._tell()
                if self._due(max(1, self.config.steps // LOGS)):
                    self._log(log)
                if self._due(self.config.select_freq) or self.steps == self.config.steps:
                    self._select(log)
                if self._due(self.config.save_freq):
                    self._save(log)
            reason = None if self.complete else stop.reason
            if reason == "time limit" and self.steps and not self._due(self.config.select_freq):
                self._select(log, counts=False)
            self._save(log)
        return reason

    @property
    def complete(self) -> bool:
        """Whether the budget or the patience is used up."""
        return self.steps >= self.config.steps or 0 < self.recipe.patience <= self.stale

    @property
    def seconds(self) -> float:
        """Time spent training, selection and saving included, over all sessions."""
        return self.seconds_before + time.monotonic() - self._began

    @property
    def _spent(self) -> float:
        """Seconds of this session spent learning, and waiting for pictures to learn from."""
        return max(time.monotonic() - self._began - self._aside, 1e-9)

    def resume(self, state: dict[str, Any]) -> None:
        """Continue from the state that a checkpoint kept.

        Raises:
            UserError: The state is damaged.
        """
        try:
            self.steps, self.stale = int(state["steps"]), int(state["stale"])
            self.best = -math.inf if state["best"] is None else float(state["best"])
            self.seconds_before = float(state["seconds"])
            self._losses = [torch.tensor(float(loss), device=self.learner.device) for loss in state["losses"]]
        except MISFITS as error:
            raise UserError(f"the newest checkpoint of {self.run.path} is damaged: {error!r}", exit_code=1) from error

    def _due(self, interval: int) -> bool:
        return interval > 0 and self.steps % interval == 0

    def _wait_for(self, batches: Prefetcher) -> LabelledImages:
        began = time.monotonic()
        batch = next(batches)
        self._waited += time.monotonic() - began
        return batch

    def _log(self, log: Logger) -> None:
        spent = self._spent
        scalars = {
            "train/loss": float(self._sound_losses().mean()),
            "train/learning_rate": self.learner.learning_rate(self.steps - 1),
            "time/pictures_per_second": (self.steps - self._first) * self.recipe.batch_size / spent,
            "time/waiting_share": self._waited / spent,  # for pictures
        }
        self._losses.clear()
        self._figures["loss"] = f"{scalars['train/loss']:.3f}"
        log.write(self.steps, self.seconds, scalars)

    def _sound_losses(self) -> npt.NDArray[np.float32]:
        """The losses since the last record; a training that broke down is found out before anything of it is kept.

        Raises:
            UserError: One of them is no number.
        """
        if not self._losses:
            return np.zeros(0, dtype=np.float32)
        losses: npt.NDArray[np.float32] = torch.stack(self._losses).cpu().numpy()
        broken = np.flatnonzero(~np.isfinite(losses))
        if len(broken):
            step = self.steps - len(losses) + int(broken[0]) + 1
            raise UserError(
                f"The loss became {losses[broken[0]]:g} in step {step:,}, so training stopped. What was saved before "
                f"is kept in {self.run.path}; try a smaller learning_rate or max_grad_norm, or precision=float32.",
                exit_code=1,
            )
        return losses

    def _select(self, log: Logger, counts: bool = True) -> None:
        """Measure the averaged weights, and keep them if nothing was better before.

        Args:
            log: Gets the figures.
            counts: Whether it tries the patience; one that only a time limit brought about does not.
        """
        self._sound_losses()
        began = time.monotonic()
        network = self.learner.measured(self.pictures.statistics)
        model = SegmentationModel(network, self._card({}), self.config.device)
        selected = self.selection.measure(model)
        score = selected.scores.get(self.recipe.select_by, math.nan)
        better = score > self.best or score != score  # without pictures to choose by, the newest is the best
        self.stale = 0 if better else self.stale + counts
        if better:
            self.best = score if score == score else self.best
            model.card = self._card(selected.scores)
            self.run.save_best(model)
        log.write(self.steps, self.seconds, {f"eval/{name}": value for name, value in selected.scores.items()})
        self._say_selected(selected, better)
        if selected.rows:
            self._draw(selected, log)
        self._aside += time.monotonic() - began

    def _card(self, scores: dict[str, float]) -> ModelCard:
        config = self.config
        trained = {
            "data": config.data if config.pictures is None else config.data.rpartition("/")[2],
            "pictures": self.steps * self.recipe.batch_size,
            "steps": self.steps,
            "seed": config.seed,
            "recipe": dict(config.recipe),
            "selection": {name: round(value, 5) for name, value in scores.items()},
            "versions": dict(config.versions),
        }
        return ModelCard(config.network, config.classes, config.size, trained)

    def _say_selected(self, selected: ValidationResult, better: bool) -> None:
        if not selected.pictures:
            return
        scores = selected.scores
        self._figures["IoU"] = f"{scores[self.recipe.select_by]:.4f}"
        self.reporter.say(
            f"{self.steps:>8,} steps, {self.seconds:4.0f} s   {selected.pictures} pictures: drivable IoU "
            f"{scores['drivable_iou']:.4f}, mean IoU {scores['mean_iou']:.4f}, accuracy {scores['global_accuracy']:.4f}"
            f"{'   (best so far)' if better else ''}"
        )

    def _draw(self, selected: ValidationResult, log: Logger) -> None:
        note = f"drivable IoU {selected.scores['drivable_iou']:.4f}, mean IoU {selected.scores['mean_iou']:.4f}"
        title = f"{self.config.network} after {self.steps:,} steps"
        sheet = draw_sheet(selected.rows, self.config.classes, title, note)
        with disk_errors(str(self.run.path)):
            Image.fromarray(sheet).save(self.run.new_picture(self.steps))
        log.write_picture("pictures", self.steps, sheet)

    def _save(self, log: Logger) -> None:
        losses = self._sound_losses()
        log.flush()
        state = {
            "losses": losses.tolist(),
            "steps": self.steps,
            "stale": self.stale,
            "best": None if self.best == -math.inf else self.best,
            "seconds": self.seconds,
        }
        with disk_errors(str(self.run.path)):
            self.run.checkpoints.save(self.steps, self.learner, state)

    def _tell(self) -> None:
        if time.monotonic() - self._refreshed < REFRESH:
            return
        self._refreshed = time.monotonic()
        speed = (self.steps - self._first) * self.recipe.batch_size / self._spent
        self.reporter.progress(self.steps, {"pictures/s": f"{speed:,.0f}"} | self._figures)
