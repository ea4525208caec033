"""Training a segmentation network: its step on a batch, and its validation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from rlkit.nn.distributed import ALONE, LearnerGroup
from rlkit.perception.model import SegmentationModel
from rlkit.perception.model_card import ModelCard
from rlkit.segmentation.config import SegmentationConfig
from rlkit.segmentation.datasets.base import Dataset, LabelledImages
from rlkit.segmentation.learner import SegmentationLearner
from rlkit.segmentation.loader import TrainingPictures
from rlkit.segmentation.metrics import Confusion
from rlkit.segmentation.network_trainer import NetworkTrainer, SelectionPictures, Validated
from rlkit.segmentation.visualization.sheet import Row, draw_sheet
from rlkit.training.progress import Reporter
from rlkit.training.run_folder import RunFolder

ROWS = 4  # of a sheet of predictions


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
    """The pictures that weights are selected by.

    Args:
        source: The data set.
    """

    def __init__(self, source: Dataset):
        self._classes = source.classes
        self._pictures: SelectionPictures[LabelledImages] = SelectionPictures(source)

    def measure(self, model: SegmentationModel, check: Callable[[], object] = lambda: None) -> ValidationResult:
        """Score a model on all of them.

        Args:
            model: The model.
            check: Called before each forward pass; what it raises ends the validation.
        """
        classes = self._classes
        matrix = Confusion(len(classes))
        rows: list[Row] = []
        pictures = 0
        for batch in self._pictures:
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


class SegmentationTrainer(NetworkTrainer[SegmentationConfig, LabelledImages]):
    """The training of a segmentation network.

    Args:
        run: Its folder; best/model.safetensors is the best model, pictures/000000400.png a sheet of predictions.
        pictures: Training batches.
        validation: Pictures that the best weights are selected by.
        learner: The network and its optimizer.
        reporter: Shows progress.
        group: The learners that train together; the learner is one of them.
    """

    learner: SegmentationLearner

    def __init__(
        self,
        run: RunFolder[SegmentationConfig],
        pictures: TrainingPictures[LabelledImages],
        validation: Validation,
        learner: SegmentationLearner,
        reporter: Reporter,
        group: LearnerGroup = ALONE,
    ):
        super().__init__(run, pictures, learner, reporter, group)
        self.validation = validation

    def update(self, batch: LabelledImages) -> Tensor:
        """Take a gradient step, and return the loss."""
        return self.learner.update(batch.images, batch.labels, self.steps)

    def validate(self, network: nn.Module, check: Callable[[], object]) -> Validated:
        """Measure IoU and accuracy."""
        result = self.validation.measure(self.model(network, {}), check)
        scores = result.scores
        summary = note = ""
        if result.pictures:
            note = f"drivable IoU {scores['drivable_iou']:.4f}, mean IoU {scores['mean_iou']:.4f}"
            summary = f"{note}, accuracy {scores['global_accuracy']:.4f}"
        return Validated(
            scores, result.pictures, summary, lambda title: draw_sheet(result.rows, self.config.classes, title, note)
        )

    def model(self, network: nn.Module, trained: Mapping[str, Any]) -> SegmentationModel:
        """The model with its card."""
        config = self.config
        return SegmentationModel(
            network, ModelCard(config.network, config.classes, config.size, trained), self.config.device
        )
