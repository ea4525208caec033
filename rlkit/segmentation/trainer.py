"""Training a segmentation network: gradient steps on batches; validation that selects the best weights."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from rlkit.agent import State
from rlkit.errors import UserError
from rlkit.nn.distributed import ALONE, LearnerGroup
from rlkit.perception.model import BEST, SegmentationModel
from rlkit.perception.model_card import ModelCard
from rlkit.segmentation.config import SegmentationConfig
from rlkit.segmentation.datasets.base import Dataset, LabelledImages
from rlkit.segmentation.learner import SegmentationLearner
from rlkit.segmentation.loader import Prefetcher, TrainingPictures
from rlkit.segmentation.metrics import Confusion
from rlkit.segmentation.visualization.sheet import Row, draw_sheet
from rlkit.training.logger import Logger
from rlkit.training.progress import Reporter
from rlkit.training.run_folder import RunFolder
from rlkit.training.trainer import Trainer
from rlkit.utils.io import RESUMABLE, disk_errors, scratch_file
from rlkit.utils.state_check import check_counts, check_state

ROWS = 4  # of a sheet of predictions
AT_ONCE = 16  # pictures in a forward pass
KEPT = 2**29  # bytes of validation pictures that are kept in memory


@dataclass(frozen=True)
class ValidationResult:
    """Scores of a validation.

    Args:
        scores: By name: `drivable_iou`, `mean_iou`, `global_accuracy`, and `iou/CLASS` of each class that occurs.
        rows: A few of the pictures, for a sheet of predictions.
        pictures: Number of pictures.
    """

    scores: dict[str, float]
    rows: list[Row]
    pictures: int


class Validation:
    """The pictures that weights are selected by; they are kept in memory if they fit.

    Args:
        source: The data set.
    """

    def __init__(self, source: Dataset):
        self._source = source
        self._kept: list[LabelledImages] | None = None

    def measure(self, model: SegmentationModel, check: Callable[[], object] = lambda: None) -> ValidationResult:
        """Score a model on all of them.

        Args:
            model: The model.
            check: Called before each forward pass; what it raises ends the validation.
        """
        classes = self._source.classes
        matrix = Confusion(len(classes))
        rows: list[Row] = []
        pictures = 0
        for batch in self._batches():
            check()
            found = model.labels(batch.images)
            matrix.add(batch.labels, found)
            pictures += len(batch)
            # The first of each batch shows another place or time than the one before.
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
        yield pictures.part(part)


class SegmentationTrainer(Trainer[SegmentationConfig]):
    """The training of a segmentation network.

    Args:
        run: Its folder; best/model.safetensors is the best model, pictures/000000400.png a sheet of predictions.
        pictures: Training batches.
        validation: Pictures that the best weights are selected by.
        learner: The network and its optimizer.
        reporter: Shows progress.
        group: The learners that train together; the learner is one of them.
    """

    command = "rlkit perception train --resume"
    saves_first = True  # the initial weights may come from another model
    learner: SegmentationLearner

    def __init__(
        self,
        run: RunFolder[SegmentationConfig],
        pictures: TrainingPictures,
        validation: Validation,
        learner: SegmentationLearner,
        reporter: Reporter,
        group: LearnerGroup = ALONE,
    ):
        super().__init__(run, learner, reporter, eval_freq=run.config.val_freq, group=group)
        self.pictures = pictures
        self.validation = validation
        self.settings = learner.settings
        self.stale = 0  # validations since the best one
        self._losses: list[Tensor] = []  # since the last record: reading one from a GPU waits for it
        self._shown: dict[str, str] = {}  # latest loss and score
        self._waited = self._aside = 0.0  # s spent waiting for batches, and validating

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Draw batches ahead."""
        self._first, self._started = self.steps, time.monotonic()  # of this session
        with Prefetcher(self.pictures.batches(first=self.steps), self.settings.prefetch) as self._batches:
            yield

    @property
    def complete(self) -> bool:
        """Whether the budget or the patience is used up."""
        return super().complete or 0 < self.settings.patience <= self.stale

    def step(self) -> None:
        """Take a gradient step on the next batch.

        Raises:
            Stopped: A stop was requested while the batch was waited for; nothing has changed. Several learners take
                the step, since they stop together.
        """
        began = time.monotonic()
        batch = self._batches.take(self.stop.check if self.group.count == 1 else self.group.check)
        self._waited += time.monotonic() - began
        self._losses.append(self.learner.update(batch.images, batch.labels, self.steps))
        self.steps += 1

    def evaluate(self, log: Logger, *, final: bool) -> None:
        """Validate the averaged weights, and keep them if nothing was better before.

        Without validation pictures the newest weights are the best. A validation that a time limit brought about does
        not count towards the patience.
        """
        self._finite_losses()
        began = time.monotonic()
        check = self.stop.check_grace if final else self.stop.check
        if not self.pictures.ready:  # a validation that a stop cut short is the first thing after resuming
            self._batches.wait(check)
        network = self.learner.averaged(self.pictures.statistics)
        model = SegmentationModel(network, self._card({}), self.config.device)
        result = self.validation.measure(model, check)
        score = result.scores.get(self.settings.select_by, math.nan)
        better = score > self.best or math.isnan(score)
        if final:  # it chooses nothing, but a run without any model gets one, which the next validation replaces
            better = self.best == -math.inf
        else:
            self.stale = 0 if better else self.stale + 1
            self.best = score if better and not math.isnan(score) else self.best
        if better:
            model.card = self._card(result.scores)
            model.save(self.run.file(BEST.as_posix()))
        write = log.write_extra if final else log.write
        write(self.steps, self.seconds, {f"eval/{name}": value for name, value in result.scores.items()})
        if result.pictures:
            scores = result.scores
            self._shown["IoU"] = f"{score:.4f}"
            self.reporter.say(
                f"{self.steps:>8,} steps, {self.seconds:4.0f} s   {result.pictures} pictures: drivable IoU "
                f"{scores['drivable_iou']:.4f}, mean IoU {scores['mean_iou']:.4f}, accuracy "
                f"{scores['global_accuracy']:.4f}{'   (best so far)' if better else ''}"
            )
            self._draw(result, log)
        self._aside += time.monotonic() - began

    def _evaluate(self, log: Logger) -> None:
        """Validate, and tell other learners how long nothing was better, which ends the training of all."""
        super()._evaluate(log)
        (self.stale,) = self.group.of_first(self.stale)

    def scalars(self) -> dict[str, float]:
        """The mean loss since the last record, the learning rate, and the speed."""
        loss = float(self._finite_losses().mean())
        self._losses.clear()
        self._shown["loss"] = f"{loss:.3f}"
        return {
            "train/loss": loss,
            "train/learning_rate": self.learner.learning_rate(self.steps - 1),
            "time/pictures_per_second": self._speed,
            "time/waiting_share": self._waited / self._spent,  # for batches
        }

    def figures(self) -> dict[str, str]:
        """Speed, loss and score."""
        return {"pictures/s": f"{self._speed:,.0f}"} | self._shown

    def state(self) -> State:
        """The losses since the last record, and how long nothing was better."""
        return {"losses": self._finite_losses().tolist(), "stale": self.stale}

    def load_state(self, state: State) -> None:
        """Read what `state` returned."""
        check_counts(state, "stale")
        check_state(state["losses"], [], "losses")
        self.stale = state["stale"]
        self._losses = [torch.tensor(float(loss), device=self.learner.device) for loss in state["losses"]]

    def resume(self, unsaved: int = 0) -> bool:
        """Continue from the newest intact checkpoint, or from random weights where none was written yet.

        Raises:
            UserError: No checkpoint is intact, or there is none and the run began with weights that it does not hold.
        """
        restored = super().resume(unsaved)
        if not restored and self.config.start:
            raise UserError(
                f"{self.run.path} was stopped before its first checkpoint and does not hold the weights that it began "
                f"with ({self.config.start}): start it again, with --init or --pretrained-vgg16 as before.",
                exit_code=1,
            )
        return restored

    @property
    def _spent(self) -> float:
        """Seconds of this session spent learning, and waiting for batches."""
        return max(time.monotonic() - self._started - self._aside, 1e-9)

    @property
    def _speed(self) -> float:
        """Pictures per second."""
        return (self.steps - self._first) * self.settings.batch_size / self._spent

    def _finite_losses(self) -> npt.NDArray[np.float32]:
        """The losses since the last record; nothing is saved of a training that diverged.

        Raises:
            UserError: One of them is NaN or infinite.
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

    def _card(self, scores: dict[str, float]) -> ModelCard:
        config = self.config
        trained = {
            "data": config.data if config.pictures is None else config.data.rpartition("/")[2],
            "pictures": self.steps * self.settings.batch_size,
            "steps": self.steps,
            "seed": config.seed,
            "hyperparameters": dict(config.hyperparameters),
            "validation": {name: round(value, 5) for name, value in scores.items()},
            "versions": dict(config.versions),
        }
        return ModelCard(config.network, config.classes, config.size, trained)

    def _draw(self, result: ValidationResult, log: Logger) -> None:
        """Draw a sheet of predictions, as a file and on TensorBoard."""
        note = f"drivable IoU {result.scores['drivable_iou']:.4f}, mean IoU {result.scores['mean_iou']:.4f}"
        title = f"{self.config.network} after {self.steps:,} steps"
        sheet = draw_sheet(result.rows, self.config.classes, title, note)
        file = self.run.file(f"pictures/{self.steps:09d}.png")
        with disk_errors(str(file), RESUMABLE), scratch_file(file) as scratch:
            Image.fromarray(sheet).save(scratch)
            scratch.rename(file)
        log.write_picture("pictures", self.steps, sheet)
