"""Training a network on single pictures: gradient steps on batches; validation that selects the best weights."""

import math
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn

from rlkit.agent import State
from rlkit.errors import UserError
from rlkit.nn.distributed import ALONE, LearnerGroup
from rlkit.perception.model import BEST
from rlkit.segmentation.config import NetworkConfig
from rlkit.segmentation.learner import NetworkLearner
from rlkit.segmentation.loader import C, L, Prefetcher, TrainingPictures
from rlkit.spaces import Pixels
from rlkit.training.logger import Logger
from rlkit.training.progress import Reporter
from rlkit.training.run_folder import RunFolder
from rlkit.training.trainer import Trainer
from rlkit.utils.io import RESUMABLE, disk_errors, scratch_file
from rlkit.utils.state_check import check_counts, check_state

N = TypeVar("N", bound=NetworkConfig)

AT_ONCE = 16  # pictures in a forward pass
KEPT = 2**29  # bytes of validation pictures that are kept in memory


@dataclass(frozen=True)
class Validated:
    """Outcome of a validation.

    Args:
        scores: By name, among them the one that weights are selected by; empty without pictures.
        pictures: Number of pictures.
        summary: The scores for the user.
        draw: Draws a few of the pictures under a title, as an image (h, w, 3) uint8.
    """

    scores: dict[str, float]
    pictures: int
    summary: str
    draw: Callable[[str], Pixels]


class Saved(Protocol):
    """A model that can be saved."""

    def save(self, path: Path) -> None:
        """Write it, with its card."""
        ...


class SelectionSource(Protocol[C]):
    """The part of a data set that weights are selected by; see `datasets.base.Dataset`."""

    def selection(self) -> Iterator[C]:
        """Yield the validation images once, the same every time."""
        ...


class SelectionPictures(Generic[L]):
    """The pictures that weights are selected by, in batches; they are kept in memory if they fit.

    Args:
        source: The data set.
    """

    def __init__(self, source: SelectionSource[L]):
        self._source = source
        self._kept: list[L] | None = None

    def __iter__(self) -> Iterator[L]:
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[L] | None = []
        size = 0
        for pictures in self._source.selection():
            for start in range(0, len(pictures), AT_ONCE):
                batch = pictures.part(slice(start, start + AT_ONCE))
                size += batch.images.nbytes
                kept = None if kept is None or size > KEPT else [*kept, batch]
                yield batch
        self._kept = kept


class NetworkTrainer(Trainer[N], Generic[N, L]):
    """The training of a network; subclasses say what a step on a batch is, what a model is, and how it is measured.

    Args:
        run: Its folder; best/model.safetensors is the best model, pictures/000000400.png a sheet of predictions.
        pictures: Training batches.
        learner: The network and its optimizer.
        reporter: Shows progress.
        group: The learners that train together; the learner is one of them.
    """

    command = "rlkit perception train --resume"
    saves_first = True  # the initial weights may come from another model
    learner: NetworkLearner

    def __init__(
        self,
        run: RunFolder[N],
        pictures: TrainingPictures[L],
        learner: NetworkLearner,
        reporter: Reporter,
        group: LearnerGroup = ALONE,
    ):
        super().__init__(run, learner, reporter, eval_freq=run.config.val_freq, group=group)
        self.pictures = pictures
        self.settings = learner.settings
        self.stale = 0  # validations since the best one
        self._losses: list[Tensor] = []  # since the last record: reading one from a GPU waits for it
        self._shown: dict[str, str] = {}  # latest loss and score
        self._waited = self._aside = 0.0  # s spent waiting for batches, and validating

    @abstractmethod
    def update(self, batch: L) -> Tensor:
        """Take a gradient step, and return the loss."""

    @abstractmethod
    def validate(self, network: nn.Module, check: Callable[[], object]) -> Validated:
        """Score a network on all validation pictures.

        Args:
            network: In evaluation mode.
            check: Called before each forward pass; what it raises ends the validation.
        """

    @abstractmethod
    def model(self, network: nn.Module, trained: Mapping[str, Any]) -> Saved:
        """The model that is saved.

        Args:
            network: In evaluation mode.
            trained: How it was trained, for its card.
        """

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
        self._losses.append(self.update(batch))
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
        result = self.validate(network, check)
        score = result.scores.get(self.settings.select_by, math.nan)
        better = score > self.best or math.isnan(score)
        if final:  # it chooses nothing, but a run without any model gets one, which the next validation replaces
            better = self.best == -math.inf
        else:
            self.stale = 0 if better else self.stale + 1
            self.best = score if better and not math.isnan(score) else self.best
        if better:
            self.model(network, self._trained(result.scores)).save(self.run.file(BEST.as_posix()))
        write = log.write_extra if final else log.write
        write(self.steps, self.seconds, {f"eval/{name}": value for name, value in result.scores.items()})
        if result.pictures:
            self._shown[self.settings.select_by.replace("drivable_iou", "IoU")] = f"{score:.4f}"
            self.reporter.say(
                f"{self.steps:>8,} steps, {self.seconds:4.0f} s   {result.pictures} pictures: {result.summary}"
                f"{'   (best so far)' if better else ''}"
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

    def _trained(self, scores: Mapping[str, float]) -> dict[str, Any]:
        """How the weights were trained, for the model's card."""
        config = self.config
        return {
            "data": config.data if config.pictures is None else config.data.rpartition("/")[2],
            "pictures": self.steps * self.settings.batch_size,
            "steps": self.steps,
            "seed": config.seed,
            "hyperparameters": dict(config.hyperparameters),
            "validation": {name: round(value, 5) for name, value in scores.items()},
            "versions": dict(config.versions),
        }

    def _draw(self, result: Validated, log: Logger) -> None:
        """Draw a sheet of predictions, as a file and on TensorBoard."""
        sheet = result.draw(f"{self.config.network} after {self.steps:,} steps")
        file = self.run.file(f"pictures/{self.steps:09d}.png")
        with disk_errors(str(file), RESUMABLE), scratch_file(file) as scratch:
            Image.fromarray(sheet).save(scratch)
            scratch.rename(file)
        log.write_picture("pictures", self.steps, sheet)
