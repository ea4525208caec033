"""Training a detector: its step on a batch, and its validation by COCO's average precision."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from rlkit.detection.average_precision import AveragePrecision
from rlkit.detection.config import DetectionConfig
from rlkit.detection.datasets.base import DetectionDataset
from rlkit.detection.learner import DetectionLearner
from rlkit.detection.objects import LabelledObjects
from rlkit.detection.visualization import FoundRow, draw_found
from rlkit.perception.detector import Detector
from rlkit.perception.model_card import DetectorCard
from rlkit.perception.networks.centernet import CenterNetCompact
from rlkit.perception.networks.faster_rcnn import FasterRCNNCompact
from rlkit.segmentation.loader import TrainingPictures
from rlkit.segmentation.metrics import Confusion
from rlkit.segmentation.network_trainer import NetworkTrainer, SelectionPictures, Validated
from rlkit.training.progress import Reporter
from rlkit.training.run_folder import RunFolder

ROWS = 4  # of a sheet of predictions
LEAST_SCORE = 0.01  # of an object that counts in the average precision


class DetectionTrainer(NetworkTrainer[DetectionConfig, LabelledObjects]):
    """The training of a detector.

    Args:
        run: Its folder; best/model.safetensors is the best model, pictures/000000400.png a sheet of predictions.
        pictures: Training batches.
        source: The data set, whose validation pictures select the best weights.
        learner: The network and its optimizer.
        reporter: Shows progress.
    """

    learner: DetectionLearner

    def __init__(
        self,
        run: RunFolder[DetectionConfig],
        pictures: TrainingPictures[LabelledObjects],
        source: DetectionDataset,
        learner: DetectionLearner,
        reporter: Reporter,
    ):
        super().__init__(run, pictures, learner, reporter)
        self._selection: SelectionPictures[LabelledObjects] = SelectionPictures(source)

    def update(self, batch: LabelledObjects) -> Tensor:
        """Take a gradient step, and return the loss."""
        return self.learner.update(batch, self.steps)

    def validate(self, network: nn.Module, check: Callable[[], object]) -> Validated:
        """Measure COCO's average precision, and IoU where classes of pixels are known."""
        config, detector = self.config, self.model(network, {})
        least, classes = config.settings.min_height, config.classes
        precision = AveragePrecision(config.objects, least)
        matrix = None if classes is None else Confusion(len(classes))
        rows: list[FoundRow] = []
        count = 0
        for batch in self._selection:
            check()
            found, labels = detector.perceive(batch.images, LEAST_SCORE)
            for truth, one in zip(batch.objects, found, strict=True):
                precision.add(truth, one)
            if matrix is not None and labels is not None:
                matrix.add(batch.labels, labels)
            count += len(batch)
            # The first of each batch shows another place or time than the one before.
            if len(rows) < ROWS:
                shown = None if labels is None else labels[0]
                rows.append(FoundRow(batch.images[0], found[0].above(0.3), batch.objects[0], shown, batch.names[0]))
        if count == 0:
            return Validated({}, 0, "", lambda title: draw_found(rows, config.objects, classes, title))
        result = precision.result()
        scores = {"ap": result.ap, "ap50": result.ap50, "ap75": result.ap75, "distance_error": result.distance_error}
        scores |= {f"ap50/{name}": value for name, value in result.ap50_by_kind.items()}
        summary = f"AP {result.ap:.4f}, AP50 {result.ap50:.4f}"
        if result.distance_error == result.distance_error:
            summary += f", distance error {result.distance_error:.1%}"
        if matrix is not None and classes is not None:
            scores |= {"drivable_iou": matrix.drivable_iou(classes.drivable_mask), "mean_iou": matrix.mean_iou}
            summary += f", drivable IoU {scores['drivable_iou']:.4f}"
        scores = {name: value for name, value in scores.items() if value == value}
        return Validated(
            scores, count, summary, lambda title: draw_found(rows, config.objects, classes, f"{title}: {summary}")
        )

    def model(self, network: nn.Module, trained: Mapping[str, Any]) -> Detector:
        """The model with its card."""
        config = self.config
        assert isinstance(network, CenterNetCompact | FasterRCNNCompact)
        card = DetectorCard(config.network, config.objects, config.classes, config.size, config.has_distances, trained)
        return Detector(network, card, self.learner.device)
