"""A detector: load it, find objects and classes of pixels in images, save it; for its file see `find_model`."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from rlkit.perception.detections import THRESHOLD, Detections, find_objects, split
from rlkit.perception.model import (
    Precision,
    SegmentationModel,
    for_inference,
    input_parts,
    load_weights,
    predicted_classes,
    save_weights,
)
from rlkit.perception.model_card import DETECTOR_FORMAT, DetectorCard, ModelCard, read_detector_card
from rlkit.perception.networks import ObjectNetwork, build_detector
from rlkit.perception.networks.decoding import MOST_OBJECTS, DetectorOutput
from rlkit.spaces import Pixels


class PixelHead(nn.Module):
    """A detector's head for classes of pixels as a segmentation network: (B, 3, H, W) -> (B, C, H, W) logits."""

    def __init__(self, detector: ObjectNetwork):
        super().__init__()
        self.detector = detector

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) floats from 0 to 1 -> (B, C, H, W) logits."""
        classes: Tensor | None = self.detector(images).classes
        assert classes is not None
        return classes


class Detector:
    """A detector with its card, in evaluation mode.

    Args:
        network: One of `networks.DETECTORS`.
        card: Its kinds of objects, image size and training.
        device: torch device of the network.
        fuse: As in `SegmentationModel`.
        precision: As in `SegmentationModel`.
    """

    def __init__(
        self,
        network: ObjectNetwork,
        card: DetectorCard,
        device: str = "cpu",
        *,
        fuse: bool = False,
        precision: Precision = "float32",
    ):
        self.network: ObjectNetwork = network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.card = card
        self.device = device
        self.precision = precision
        self._network = for_inference(self.network, fuse=fuse, precision=precision)

    @property
    def parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    @cached_property
    def segmentation(self) -> SegmentationModel | None:
        """The same network as a segmentation model, made once; None for a detector without classes of pixels."""
        if self.card.classes is None:
            return None
        card = ModelCard(self.card.network, self.card.classes, self.card.size, self.card.trained)
        fuse = self._network is not self.network
        return SegmentationModel(PixelHead(self.network), card, self.device, fuse=fuse, precision=self.precision)

    @torch.inference_mode()
    def objects(self, images: Pixels, threshold: float = THRESHOLD, most: int = MOST_OBJECTS) -> list[Detections]:
        """Find objects.

        Args:
            images: (N, H, W, 3) uint8.
            threshold: Lowest score.
            most: Most objects of a picture.

        Returns:
            Those of each picture; boxes in its pixels.
        """
        return [one for output in self._outputs(images) for one in self._decoded(output, images, threshold, most)]

    @torch.inference_mode()
    def perceive(
        self, images: Pixels, threshold: float = THRESHOLD, most: int = MOST_OBJECTS
    ) -> tuple[list[Detections], Pixels | None]:
        """Find objects and the most probable class of every pixel, by one pass; arguments as in `objects`.

        Returns:
            The objects of each picture, and (N, H, W) uint8; None for a detector without classes of pixels.
        """
        found: list[Detections] = []
        classes: list[Pixels] = []
        for output in self._outputs(images):
            found += self._decoded(output, images, threshold, most)
            if output.classes is not None:
                classes.append(predicted_classes(output.classes))
        return found, np.concatenate(classes) if classes else None

    @torch.inference_mode()
    def perceive_drivable(
        self, images: Pixels, threshold: float = THRESHOLD, most: int = MOST_OBJECTS
    ) -> tuple[list[Detections], npt.NDArray[np.float32]]:
        """Find objects and the probability that a pixel is drivable, by one pass; arguments as in `objects`.

        Returns:
            The objects of each picture, and (N, H, W) float32.
        """
        assert self.card.classes is not None
        numbers = torch.from_numpy(np.flatnonzero(self.card.classes.drivable_mask)).to(self.device)
        found: list[Detections] = []
        drivable: list[npt.NDArray[np.float32]] = []
        for output in self._outputs(images):
            found += self._decoded(output, images, threshold, most)
            drivable.append(output.classes.softmax(1)[:, numbers].sum(1).cpu().numpy())
        return found, np.concatenate(drivable)

    @torch.inference_mode()
    def _outputs(self, images: Pixels) -> Iterator[Any]:
        for part in input_parts(images, self.device):
            output = self._network(part.to(getattr(torch, self.precision)))
            yield output.floats()

    def _decoded(self, output: Any, images: Pixels, threshold: float, most: int) -> list[Detections]:
        size = (images.shape[1], images.shape[2])
        known = self.card.has_distances
        if isinstance(output, DetectorOutput):
            return find_objects(output, size, threshold, most, has_distances=known)
        return split(self._network.candidates(output, size, most), threshold, has_distances=known)

    def save(self, path: Path) -> None:
        """Write one safetensors file, atomically, with the card in its header.

        Raises:
            UserError: It cannot be written.
        """
        save_weights(path, self.network, DETECTOR_FORMAT, self.card.to_json())


def load_detector(path: Path, *, device: str = "cpu", fuse: bool = True, precision: Precision = "float32") -> Detector:
    """Load a detector from its file.

    Args:
        path: Its safetensors file.
        device: torch device of the network.
        fuse: As in `SegmentationModel`.
        precision: As in `SegmentationModel`.

    Raises:
        UserError: The file is missing or damaged, is no detector, or its weights do not fit.
    """
    card = read_detector_card(path)
    network = build_detector(card.network, len(card.objects), 0 if card.classes is None else len(card.classes))
    load_weights(path, network, card.network)
    return Detector(network, card, device, fuse=fuse, precision=precision)
