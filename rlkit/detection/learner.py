"""A gradient step of a detector: the losses of its heads."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from rlkit.detection.hyperparameters import DetectionHyperparameters
from rlkit.detection.losses import box_loss, centre_loss, distance_loss
from rlkit.detection.objects import LabelledObjects
from rlkit.detection.targets import PaddedObjects, make_targets, padded
from rlkit.detection.two_stage_losses import two_stage_loss
from rlkit.perception.networks.decoding import DetectorOutput
from rlkit.perception.networks.faster_rcnn import FasterRCNNCompact, ProposalOutput
from rlkit.segmentation.learner import NetworkLearner, pixel_loss


class DetectionLearner(NetworkLearner):
    """A detector with its optimizer and the EMA of its weights; arguments as those of `NetworkLearner`.

    Args:
        network: One of `networks.DETECTORS`.
        settings: Hyperparameters.
        steps: Budget in steps.
        seed: Fixes everything random.
        device: Device of the network.
        class_weights: (C,) weight of a pixel of each class in the loss; None for equal ones.
    """

    settings: DetectionHyperparameters

    def __init__(
        self,
        network: nn.Module,
        settings: DetectionHyperparameters,
        steps: int,
        *,
        seed: int = 0,
        device: str = "cpu",
        class_weights: npt.NDArray[np.float32] | None = None,
    ):
        super().__init__(network, settings, steps, seed=seed, device=device)
        self._weights = None if class_weights is None else torch.as_tensor(class_weights).float().to(device)

    def update(self, batch: LabelledObjects, step: int) -> Tensor:
        """Take a gradient step, which depends on the arguments and the state alone.

        Args:
            batch: Pictures with their objects.
            step: Number of steps taken before.

        Returns:
            The loss; on a GPU it may still be being computed.
        """
        truth = self.moved(batch.labels).long()
        objects = padded([one.without_low(self.settings.min_height) for one in batch.objects], self.device)
        return self.descend(batch.images, lambda output: self._loss(output.floats(), objects, truth), step)

    def _loss(self, output: DetectorOutput | ProposalOutput, objects: PaddedObjects, truth: Tensor) -> Tensor:
        settings = self.settings
        if isinstance(output, ProposalOutput):
            assert isinstance(self.network, FasterRCNNCompact)
            size = (truth.shape[1], truth.shape[2])
            scores, boxes, distances = two_stage_loss(self.network, output, objects, size)
        else:
            cells = (output.centres.shape[2], output.centres.shape[3])
            targets = make_targets(objects, output.centres.shape[1], cells)
            scores = centre_loss(output.centres, targets.centres, targets.valid)
            boxes, distances = box_loss(output, targets), distance_loss(output, targets)
        loss = scores + settings.box_weight * boxes + settings.distance_weight * distances
        if output.classes is not None:
            loss = loss + settings.pixel_weight * pixel_loss(output.classes, truth, settings, self._weights)
        return loss
