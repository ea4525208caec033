"""Estimators of the drivable area and of the objects in images: the simulator's labels, or a network."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from rlkit.boxes import BOXES, BoxLabels
from rlkit.errors import UserError
from rlkit.perception.config import CAMERA, SEGMENTATION, PerceptionConfig, Precision
from rlkit.perception.objects import BoxReader, Rows, rows_of
from rlkit.spaces import Classes, Pixels

if TYPE_CHECKING:
    from rlkit.perception.detections import Detections
    from rlkit.perception.detector import Detector
    from rlkit.perception.model import SegmentationModel

BATCH = 8  # images per forward pass; larger batches are no faster
# torch computes a batch of one with other kernels, which round differently. From two images on, results do not depend
# on the number of environments.
MIN_BATCH = 2


@dataclass(frozen=True)
class Estimate:
    """What is in n images.

    Args:
        drivable: (n, H, W) uint8, probability that a pixel is drivable, 0 to 255.
        objects: (n, K, C) rows of objects; None from an estimator that finds none.
    """

    drivable: Pixels
    objects: Rows | None = None


class Estimator(Protocol):
    """Estimates the drivable area of images, and the objects in them."""

    name: str
    """Shown in messages and windows."""

    def estimate(self, images: Pixels | None, labels: Pixels | None, boxes: Any = None) -> Estimate:
        """Estimate the drivable area and find the objects.

        Args:
            images: (n, H, W, 3) uint8, of the camera; None without one.
            labels: (n, H, W) uint8, ground-truth classes; None if unknown.
            boxes: (n, K, F) numbers, the environment's observation `boxes`; None without one.
        """
        ...

    def uncertainty(self, image: Pixels) -> npt.NDArray[np.float32] | None:
        """(H, W, 3) uint8 -> (H, W) float32 from 0 to 1; None if the estimator has no uncertainty."""
        ...


class GroundTruthEstimator:
    """The drivable area and objects of the simulator's labels: the upper bound for every network.

    Args:
        classes: Of the labels.
        reader: Reads the boxes; None for the drivable area alone.
    """

    name = "the ground truth"

    def __init__(self, classes: Classes, reader: BoxReader | None = None):
        self._values = np.zeros(256, dtype=np.uint8)
        self._values[: len(classes)] = np.where(classes.drivable_mask, 255, 0)
        self._reader = reader

    def estimate(self, images: Pixels | None, labels: Pixels | None, boxes: Any = None) -> Estimate:
        """Map labels to 0 or 255, and read the boxes."""
        assert labels is not None
        return Estimate(self._values[labels], None if self._reader is None else self._reader(boxes))

    def uncertainty(self, image: Pixels) -> npt.NDArray[np.float32] | None:
        """None: ground truth has no uncertainty."""
        return None


class SegmentationEstimator:
    """The drivable area as predicted by a segmentation model.

    Args:
        model: The segmentation model.
        soft: Return probabilities rather than 0 and 255.
        batch: Images per forward pass. Smaller batches are padded, so that the shape is constant and the result of an
            image does not depend on the others.
    """

    def __init__(self, model: "SegmentationModel", soft: bool = True, batch: int = BATCH):
        self.name = model.card.network
        self._model = model
        self._soft = soft
        self._batch = batch
        self._drivable = model.classes.drivable_mask
        self._threads = available_threads()

    def estimate(self, images: Pixels | None, labels: Pixels | None, boxes: Any = None) -> Estimate:
        """Segment the images."""
        assert images is not None
        drivable = np.empty(images.shape[:3], dtype=np.uint8)
        with torch_threads(self._threads):
            for start in range(0, len(images), self._batch):
                part = images[start : start + self._batch]
                drivable[start : start + len(part)] = self._segment(_padded(part, self._batch))[: len(part)]
        return Estimate(drivable)

    def uncertainty(self, image: Pixels) -> npt.NDArray[np.float32] | None:
        """Entropy of the class probabilities divided by its maximum."""
        with torch_threads(self._threads):
            entropy: npt.NDArray[np.float32] = self._model.uncertainty(image[np.newaxis])[0]
        return entropy

    def _segment(self, images: Pixels) -> Pixels:
        if not self._soft:
            return _mask(self._model.labels(images), self._drivable)
        return _scaled(self._model.drivable(images))


class DetectorEstimator:
    """The drivable area and the objects as found by a detector with classes of pixels, by one pass.

    Args:
        detector: The detector.
        kinds: (kinds,) int64, number of each of its kinds in the rows.
        soft: As in `SegmentationEstimator`.
        batch: As in `SegmentationEstimator`.
    """

    def __init__(self, detector: "Detector", kinds: npt.NDArray[np.int64], soft: bool = True, batch: int = BATCH):
        self.name = detector.card.network
        self._detector = detector
        self._kinds = kinds
        self._soft = soft
        self._batch = batch
        assert detector.card.classes is not None
        self._drivable = detector.card.classes.drivable_mask
        self._threads = available_threads()

    def estimate(self, images: Pixels | None, labels: Pixels | None, boxes: Any = None) -> Estimate:
        """Find the drivable area and the objects."""
        assert images is not None
        drivable = np.empty(images.shape[:3], dtype=np.uint8)
        found: list[Detections] = []
        with torch_threads(self._threads):
            for start in range(0, len(images), self._batch):
                part = images[start : start + self._batch]
                padded = _padded(part, self._batch)
                objects, mask = self._perceive(padded)
                drivable[start : start + len(part)] = mask[: len(part)]
                found += objects[: len(part)]
        return Estimate(drivable, rows_of(found, self._kinds))

    def _perceive(self, images: Pixels) -> tuple[list["Detections"], Pixels]:
        if self._soft:
            found, probabilities = self._detector.perceive_drivable(images)
            return found, _scaled(probabilities)
        found, labels = self._detector.perceive(images)
        assert labels is not None
        return found, _mask(labels, self._drivable)

    def uncertainty(self, image: Pixels) -> npt.NDArray[np.float32] | None:
        """Entropy of the class probabilities divided by its maximum."""
        model = self._detector.segmentation
        assert model is not None
        with torch_threads(self._threads):
            entropy: npt.NDArray[np.float32] = model.uncertainty(image[np.newaxis])[0]
        return entropy


def truth_estimator(
    config: PerceptionConfig,
    classes: Classes | None,
    shapes: Mapping[str, tuple[int, ...]],
    environment: str,
    boxes: BoxLabels | None,
) -> tuple[Estimator, BoxLabels | None]:
    """Make the estimator of the ground truth.

    Args:
        config: Whether objects are wanted.
        classes: Of the labels; None if the environment has none.
        shapes: Shape of each image in its observation.
        environment: Its id, for messages.
        boxes: How its observation `boxes` is read; None without one.

    Returns:
        The estimator, and the kinds of its objects; None without objects.

    Raises:
        UserError: The environment lacks the labels, or boxes that are wanted.
    """
    if classes is None:
        raise UserError(
            f"--perception truth: {environment} has no ground-truth labels (an observation {SEGMENTATION!r}, with "
            "'classes' and 'drivable' in its metadata). rlkit/DrivingCamera-v0 has."
        )
    if config.objects and boxes is None:
        raise UserError(
            f"--perception truth with objects: {environment} has no boxes (an observation {BOXES!r}, with 'box_labels' "
            "in its metadata). rlkit/DrivingTrafficCamera-v0 has; objects=false does without."
        )
    if boxes is None or config.objects is False:
        return GroundTruthEstimator(classes), None
    height, width = shapes[CAMERA if CAMERA in shapes else SEGMENTATION][:2]
    return GroundTruthEstimator(classes, BoxReader(boxes, (height, width))), boxes


def model_estimator(
    config: PerceptionConfig,
    shapes: Mapping[str, tuple[int, ...]],
    num_envs: int,
    environment: str,
    declared: BoxLabels | None,
) -> tuple[Estimator, BoxLabels | None, str]:
    """Load a segmentation model or a detector.

    Args:
        config: Its file, and whether objects are wanted.
        shapes: Shape of each image in the environment's observation.
        num_envs: Number of environments.
        environment: Its id, for messages.
        declared: The kinds of objects of the environment; None if it declares none.

    Returns:
        The estimator, the kinds of its objects (None without objects), and its description.

    Raises:
        UserError: There is no such model, or it does not fit the camera, the objects or what is wanted.
    """
    if CAMERA not in shapes or shapes[CAMERA][2:] != (3,):
        raise UserError(
            f"--perception: {environment} has no camera (an RGB observation {CAMERA!r}). "
            "rlkit/DrivingCamera-v0 has one (--env-kwargs sensors=camera,segmentation,state)."
        )
    from rlkit.perception.detector import Detector
    from rlkit.perception.model import SegmentationModel

    model = _load(config)
    size = model.card.size
    if size != shapes[CAMERA][:2]:
        height, width = shapes[CAMERA][:2]
        raise UserError(
            f"The model {config.what} was trained on images of {size[0]}×{size[1]}, and the camera of {environment} "
            f"gives {height}×{width}. Change the camera (for driving: --env-kwargs camera_size=[{size[0]},{size[1]}]) "
            "or train a model for this size."
        )
    batch = max(MIN_BATCH, min(BATCH, num_envs))
    described = f"{model.card.network} ({model.parameters:,} parameters)"
    if isinstance(model, SegmentationModel):
        if config.objects:
            raise UserError(
                f"The model {config.what} finds the drivable area and no objects, which this perception shows: name a "
                "detector, or set --perception-kwargs objects=false."
            )
        return SegmentationEstimator(model, config.soft, batch), None, described
    assert isinstance(model, Detector)
    if model.card.classes is None:
        raise UserError(
            f"The detector {config.what} finds objects and no drivable area, by which one drives: name one that was "
            "trained with both heads."
        )
    if config.objects is False:
        assert model.segmentation is not None
        return SegmentationEstimator(model.segmentation, config.soft, batch), None, described
    objects = model.card.objects
    known = declared or BoxLabels(objects, ())
    unknown = [name for name in objects if name not in known.classes]
    if unknown:
        raise UserError(
            f"The detector {config.what} finds {', '.join(objects)}, and the objects of {environment} are "
            f"{', '.join(known.classes)}: {', '.join(unknown)} is not among them. Set objects=false to do without."
        )
    kinds = np.array([known.classes.index(name) for name in objects])
    return DetectorEstimator(model, kinds, config.soft, batch), known, described


def _load(config: PerceptionConfig) -> "SegmentationModel | Detector":
    """Load the configured model or detector after a check of its digest."""
    import torch

    from rlkit.utils.io import sha256

    path = Path(config.what)
    if not path.is_file():
        raise UserError(f"There is no model at {path}. Name the one to use: --perception FILE", exit_code=1)
    digest = sha256(path)
    if config.digest not in ("", digest):
        raise UserError(
            f"The model {path} has changed since the policy was trained with it. Name the one to use: "
            "--perception FILE",
            exit_code=1,
        )
    device = ("cuda" if torch.cuda.is_available() else "cpu") if config.device == "auto" else config.device
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("device=cuda: torch finds no GPU; leave it out, or set device=cpu.", exit_code=1)
    return _cached_model(path, digest, device, config.precision, config.network)


@lru_cache(maxsize=2)  # training and evaluation environments share a model
def _cached_model(
    path: Path, digest: str, device: str, precision: Precision, network: str
) -> "SegmentationModel | Detector":
    from rlkit.perception.detector import load_detector
    from rlkit.perception.model import load_model
    from rlkit.perception.model_card import is_detector, read_model_card

    if is_detector(path):
        if network:
            raise UserError(f"--perception-kwargs network={network}: {path} is a detector, which needs no such code")
        return load_detector(path, device=device, precision=precision)
    stored = read_model_card(path).network
    if network not in ("", stored):
        raise UserError(f"--perception-kwargs network={network}: the network of {path} is {stored!r}; name that one")
    if not network and ":" in stored:
        raise UserError(
            f"The network of {path} is {stored!r}, code that is not imported unless requested. "
            f"If you trust it, add: --perception-kwargs network={stored}"
        )
    return load_model(path, device=device, precision=precision, network=network or None)


def available_threads() -> int:
    """Number of threads that a segmentation network may use."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, torch.get_num_threads()))


@contextlib.contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Context in which torch uses `count` threads; no-op with deterministic algorithms.

    Small agents are fastest with one thread (`Agent.threads`), segmentation networks are not.
    """
    import torch

    before = torch.get_num_threads()
    if count != before and not torch.are_deterministic_algorithms_enabled():
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


def _padded(images: Pixels, count: int) -> Pixels:
    """Repeat the last image until there are `count`."""
    missing = count - len(images)
    return np.ascontiguousarray(images if missing <= 0 else images[np.r_[: len(images), [-1] * missing]])


def _mask(labels: Pixels, drivable: npt.NDArray[np.bool_]) -> Pixels:
    """Classes of pixels as 0 and 255."""
    mask: Pixels = np.where(drivable, 255, 0).astype(np.uint8)[labels]
    return mask


def _scaled(probabilities: npt.NDArray[np.float32]) -> Pixels:
    """Probabilities as 0 to 255."""
    scaled: Pixels = np.rint(probabilities * np.float32(255.0)).astype(np.uint8)
    return scaled
