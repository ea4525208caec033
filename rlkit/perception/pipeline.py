"""The perception pipeline: camera image -> drivable area -> corruption -> view, the policy's observation `drivable`.

The drivable area comes from the simulator's labels or from a segmentation model; see `DrivableEstimator`.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from rlkit import capabilities
from rlkit.errors import UserError
from rlkit.perception.bev import PixelMap, birdview_map, resize_map
from rlkit.perception.config import (
    BIRDVIEW_SIZE,
    CAMERA,
    CAMERA_REDUCTION,
    DRIVABLE,
    SEGMENTATION,
    PerceptionConfig,
    Precision,
)
from rlkit.perception.corruptions import Corruptions
from rlkit.perception.result import DRIVABLE_THRESHOLD, PerceptionResult
from rlkit.spaces import Classes, Leaf, Pixels

if TYPE_CHECKING:
    from rlkit.perception.model import SegmentationModel

BATCH = 8  # images per forward pass; larger batches are no faster
# torch computes a batch of one with other kernels, which round differently. From two images on, results do not depend
# on the number of environments.
MIN_BATCH = 2


class DrivableEstimator(Protocol):
    """Estimates the drivable area of images."""

    name: str
    """Shown in messages and windows."""

    def estimate(self, images: Pixels | None, labels: Pixels | None) -> Pixels:
        """Estimate the drivable area.

        Args:
            images: (n, H, W, 3) uint8, of the camera; None without one.
            labels: (n, H, W) uint8, ground-truth classes; None if unknown.

        Returns:
            (n, H, W) uint8, probability that a pixel is drivable, 0 to 255.
        """
        ...

    def uncertainty(self, image: Pixels) -> npt.NDArray[np.float32] | None:
        """(H, W, 3) uint8 -> (H, W) float32 from 0 to 1; None if the estimator has no uncertainty."""
        ...


class GroundTruthEstimator:
    """The drivable area of the simulator's labels: the upper bound for every network.

    Args:
        classes: Of the labels.
    """

    name = "the ground truth"

    def __init__(self, classes: Classes):
        self._values = np.zeros(256, dtype=np.uint8)
        self._values[: len(classes)] = np.where(classes.drivable_mask, 255, 0)

    def estimate(self, images: Pixels | None, labels: Pixels | None) -> Pixels:
        """Map labels to 0 or 255."""
        assert labels is not None
        drivable: Pixels = self._values[labels]
        return drivable

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

    def estimate(self, images: Pixels | None, labels: Pixels | None) -> Pixels:
        """Segment the images."""
        assert images is not None
        drivable = np.empty(images.shape[:3], dtype=np.uint8)
        with torch_threads(self._threads):
            for start in range(0, len(images), self._batch):
                part = images[start : start + self._batch]
                drivable[start : start + len(part)] = self._segment(_padded(part, self._batch))[: len(part)]
        return drivable

    def uncertainty(self, image: Pixels) -> npt.NDArray[np.float32] | None:
        """Entropy of the class probabilities divided by its maximum."""
        with torch_threads(self._threads):
            entropy: npt.NDArray[np.float32] = self._model.uncertainty(image[np.newaxis])[0]
        return entropy

    def _segment(self, images: Pixels) -> Pixels:
        if not self._soft:
            mask: Pixels = np.where(self._drivable, 255, 0).astype(np.uint8)[self._model.labels(images)]
            return mask
        probability: Pixels = np.rint(self._model.drivable(images) * np.float32(255.0)).astype(np.uint8)
        return probability


class PerceptionPipeline:
    """Turns camera images of N environments into views of the drivable area.

    Args:
        estimator: Estimates the drivable area.
        view: Maps it to the view.
        corruptions: Applied to the drivable area and to the views.
        num_envs: N.
        classes: Of the ground-truth labels, for the IoU; None if there are none.
        note: Description for people.
    """

    def __init__(
        self,
        estimator: DrivableEstimator,
        view: PixelMap,
        corruptions: Corruptions,
        num_envs: int,
        classes: Classes | None = None,
        note: str = "",
    ):
        self.estimator = estimator
        self.view = view
        self.note = note
        self.leaf = Leaf(DRIVABLE, (*view.size, 1), "uint8")
        self._corruptions = corruptions
        self._truth = None if classes is None else classes.drivable_mask
        self._drivable = np.zeros((num_envs, *view.image_size), dtype=np.uint8)
        self._views = np.zeros((num_envs, *view.size, 1), dtype=np.uint8)
        self._images: Pixels | None = None
        self._labels: Pixels | None = None

    def reset(self, seeds: Sequence[int], mask: npt.NDArray[np.bool_]) -> None:
        """Start new episodes.

        Args:
            seeds: N seeds; those outside of the mask are ignored.
            mask: (N,) bool, environments that start an episode.
        """
        for index in np.flatnonzero(mask).tolist():
            self._corruptions.reset(index, seeds[index])

    def perceive(
        self, images: Pixels | None, labels: Pixels | None, mask: npt.NDArray[np.bool_] | None = None
    ) -> Pixels:
        """Compute the views of new images.

        Args:
            images: (N, H, W, 3) uint8, of the cameras; None without any. Must not be written to afterwards.
            labels: (N, H, W) uint8, ground-truth classes; None if unknown. Must not be written to afterwards.
            mask: (N,) bool, environments with a new image, the others keep their view; None for all.

        Returns:
            (N, h, w, 1) uint8, a new array: the drivable fraction, or probability, of each cell, 0 to 255.
        """
        self._images, self._labels = images, labels
        rows: Any = slice(None) if mask is None or mask.all() else np.flatnonzero(mask)
        drivable = self.estimator.estimate(
            None if images is None else images[rows], None if labels is None else labels[rows]
        )
        indices = np.arange(len(self._views))[rows].tolist()
        if self._corruptions.any:
            drivable = np.stack([self._corruptions.corrupt(i, one) for i, one in zip(indices, drivable, strict=True)])
        new = self.view(drivable)
        if self._corruptions.any:
            new = np.stack([self._corruptions.delay(i, one) for i, one in zip(indices, new, strict=True)])
        views = self._views.copy() if mask is not None else np.empty_like(self._views)
        views[rows] = new[..., np.newaxis]
        self._drivable[rows] = drivable
        self._views = views
        return views

    def intersection_and_union(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Count the pixels in the intersection and union of predicted and true drivable area, for the newest images.

        Returns:
            (N,) and (N,) int64; the IoU of several images is the ratio of the sums.

        Raises:
            ValueError: The ground truth is unknown.
        """
        if self._labels is None or self._truth is None:
            raise ValueError("the ground truth of the drivable area is unknown")
        predicted, true = self._drivable >= DRIVABLE_THRESHOLD, _drivable(self._labels, self._truth)
        return (predicted & true).sum(axis=(1, 2)), (predicted | true).sum(axis=(1, 2))

    def result(self, index: int) -> PerceptionResult:
        """Result for the newest image of one environment; its uncertainty is computed by this call."""
        image = None if self._images is None else self._images[index]
        known = self._labels is not None and self._truth is not None
        return PerceptionResult(
            image=image,
            drivable=self._drivable[index].copy(),
            truth=_drivable(self._labels[index], self._truth) if known else None,  # type: ignore[index, arg-type]
            uncertainty=None if image is None else self.estimator.uncertainty(image),
            estimator=self.estimator.name,
        )


def make_pipeline(
    config: PerceptionConfig,
    metadata: Mapping[str, Any],
    shapes: Mapping[str, tuple[int, ...]],
    num_envs: int,
    environment: str,
) -> PerceptionPipeline:
    """Make the pipeline for an environment.

    Args:
        config: Model, view and corruptions.
        metadata: Of the environment: `classes`, `drivable`, `camera`; see `capabilities`.
        shapes: Shape of each image in its observation.
        num_envs: N.
        environment: Its id, for messages.

    Raises:
        UserError: The environment lacks the camera or the labels, or the model does not fit its camera.
    """
    classes = capabilities.segmentation_classes(metadata) if SEGMENTATION in shapes else None
    if config.is_truth and classes is None:
        raise UserError(
            f"--perception truth: {environment} has no ground-truth labels (an observation {SEGMENTATION!r}, with "
            "'classes' and 'drivable' in its metadata). rlkit/DrivingCamera-v0 has."
        )
    if not config.is_truth and (CAMERA not in shapes or shapes[CAMERA][2:] != (3,)):
        raise UserError(
            f"--perception: {environment} has no camera (an RGB observation {CAMERA!r}). "
            "rlkit/DrivingCamera-v0 has one (--env-kwargs sensors=camera,segmentation,state)."
        )
    height, width = shapes[CAMERA if CAMERA in shapes else SEGMENTATION][:2]
    estimator: DrivableEstimator
    if config.is_truth:
        assert classes is not None
        estimator = GroundTruthEstimator(classes)
        described = estimator.name
    else:
        model = _load(config)
        if model.card.size != (height, width):
            raise UserError(
                f"The model {config.what} was trained on images of {model.card.size[0]}×{model.card.size[1]}, and "
                f"the camera of {environment} gives {height}×{width}. Change the camera (for driving: --env-kwargs "
                f"camera_size=[{model.card.size[0]},{model.card.size[1]}]) or train a model for this size."
            )
        estimator = SegmentationEstimator(model, config.soft, max(MIN_BATCH, min(BATCH, num_envs)))
        described = f"{estimator.name} ({model.parameters:,} parameters)"
    view = _view(config, metadata, (height, width), environment)
    corruptions, note = Corruptions(config, num_envs), _note(config, view.size, described)
    return PerceptionPipeline(estimator, view, corruptions, num_envs, classes, note)


def _note(config: PerceptionConfig, size: tuple[int, int], estimator: str) -> str:
    area = f"image {size[0]}×{size[1]}×1, drivable area by {estimator}"
    view = f"bird's-eye view at {config.metres_per_pixel:g} m per pixel" if config.view == "birdview" else "camera view"
    corruptions = {
        f"noise {config.noise:g} ({config.noise_kind})": config.noise,
        f"latency of {config.latency} decisions": config.latency,
        f"{100 * config.dropped:g} % of frames dropped": config.dropped,
    }
    return ", ".join([area, view, *(text for text, strength in corruptions.items() if strength)])


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


def _view(config: PerceptionConfig, metadata: Mapping[str, Any], size: tuple[int, int], environment: str) -> PixelMap:
    if config.view == "camera":
        smaller = max(1, size[0] // CAMERA_REDUCTION), max(1, size[1] // CAMERA_REDUCTION)
        return resize_map(size, config.view_size or smaller)
    mounting = capabilities.camera(metadata)
    if mounting is None:
        raise UserError(
            f"{environment} does not declare the mounting of its camera (metadata['camera']), which the bird's-eye "
            "view needs. Try: --perception-kwargs view=camera"
        )
    view = birdview_map(mounting, size, config.view_size or BIRDVIEW_SIZE, config.metres_per_pixel)
    if not len(view.weights):
        raise UserError(
            f"The view of {view.size[0]}×{view.size[1]} at {config.metres_per_pixel:g} m per pixel shows no ground "
            f"that is visible to the camera of {environment}: choose another view_size or metres_per_pixel."
        )
    return view


def _load(config: PerceptionConfig) -> "SegmentationModel":
    """Load the configured model after a check of its digest."""
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
def _cached_model(path: Path, digest: str, device: str, precision: Precision, network: str) -> "SegmentationModel":
    from rlkit.perception.model import load_model
    from rlkit.perception.model_card import read_model_card

    stored = read_model_card(path).network
    if network not in ("", stored):
        raise UserError(f"--perception-kwargs network={network}: the network of {path} is {stored!r}; name that one")
    if not network and ":" in stored:
        raise UserError(
            f"The network of {path} is {stored!r}, code that is not imported unless requested. "
            f"If you trust it, add: --perception-kwargs network={stored}"
        )
    return load_model(path, device=device, precision=precision, network=network or None)


def _padded(images: Pixels, count: int) -> Pixels:
    """Repeat the last image until there are `count`."""
    missing = count - len(images)
    return np.ascontiguousarray(images if missing <= 0 else images[np.r_[: len(images), [-1] * missing]])


def _drivable(labels: Pixels, drivable: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    table = np.zeros(256, dtype=np.bool_)
    table[: len(drivable)] = drivable
    mask: npt.NDArray[np.bool_] = table[labels]
    return mask
