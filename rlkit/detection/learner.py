"""A gradient step of a detector: the losses of its heads."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from rlkit.detection.hyperparameters import DetectionHyperparameters
from rlkit.detection.losses import box_loss, centre_loss, distance_loss
from rlkit.detection.objects import LabelledObjects, Objects
from rlkit.detection.targets import make_targets, padded
from rlkit.perception.networks.centernet import DetectorOutput
from rlkit.segmentation.learner import NetworkLearner, pixel_loss


class DetectionLearner(NetworkLearner):
    """A detector with its optimizer and the EMA of its weights; arguments as those of `NetworkLearner`.

    Args:
        network: Maps (B, 3, H, W) floats from 0 to 1 to a `DetectorOutput`.
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
        return self.descend(batch.images, lambda output: self._loss(output.floats(), batch.objects, truth), step)

    def _loss(self, output: DetectorOutput, objects: Sequence[Objects], truth: Tensor) -> Tensor:
        settings = self.settings
        learned = [one.without_low(settings.min_height) for one in objects]
        cells = (output.centres.shape[2], output.centres.shape[3])
        targets = make_targets(padded(learned, self.device), output.centres.shape[1], cells)
        loss = centre_loss(output.centres, targets.centres, targets.valid)
        loss = loss + settings.box_weight * box_loss(output, targets)
        loss = loss + settings.distance_weight * distance_loss(output, targets)
        if output.classes is not None:
            loss = loss + settings.pixel_weight * pixel_loss(output.classes, truth, settings, self._weights)
        return loss
