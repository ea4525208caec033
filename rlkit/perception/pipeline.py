"""The perception pipeline: camera image -> drivable area and objects -> corruption -> view, the observation `drivable`.

The drivable area and the objects come from the simulator's labels or from a network; see `estimators`. They are two
channels of one image, since where an object is in the lane is a matter of their common cells.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit import capabilities
from rlkit.boxes import UNKNOWN_SIZE, BoxedImage, BoxLabels
from rlkit.errors import UserError
from rlkit.perception.bev import PixelMap, birdview_map, resize_map
from rlkit.perception.config import (
    BIRDVIEW_SIZE,
    CAMERA,
    CAMERA_REDUCTION,
    DRIVABLE,
    SEGMENTATION,
    PerceptionConfig,
)
from rlkit.perception.corruptions import Corruptions, GhostObjects
from rlkit.perception.estimators import Estimator, model_estimator, truth_estimator
from rlkit.perception.objects import Rows, boxes_of
from rlkit.perception.occupancy import BirdviewOccupancy, CameraOccupancy, OccupancyMap
from rlkit.perception.result import DRIVABLE_THRESHOLD, PerceptionResult
from rlkit.spaces import Classes, Leaf, Pixels


class PerceptionPipeline:
    """Turns camera images of N environments into views of the drivable area and of the cells that objects occupy.

    Args:
        estimator: Estimates the drivable area and finds the objects.
        view: Maps the drivable area to the view.
        corruptions: Applied to the drivable area, the objects and the views.
        num_envs: N.
        classes: Of the ground-truth labels, for the IoU; None if there are none.
        note: Description for people.
        occupancy: Maps the objects to the view; None for a view of the drivable area alone.
        kinds: Names of the kinds of objects.
    """

    def __init__(
        self,
        estimator: Estimator,
        view: PixelMap,
        corruptions: Corruptions,
        num_envs: int,
        classes: Classes | None = None,
        note: str = "",
        occupancy: OccupancyMap | None = None,
        kinds: tuple[str, ...] = (),
    ):
        self.estimator = estimator
        self.view = view
        self.note = note
        self.kinds = kinds
        channels = 1 if occupancy is None else 2
        names = () if occupancy is None else ("road", "objects")
        self.leaf = Leaf(DRIVABLE, (*view.size, channels), "uint8", components=names)
        self._occupancy = occupancy
        self._corruptions = corruptions
        self._truth = None if classes is None else classes.drivable_mask
        self._drivable = np.zeros((num_envs, *view.image_size), dtype=np.uint8)
        self._objects: list[Rows | None] = [None] * num_envs
        self._views = np.zeros((num_envs, *view.size, channels), dtype=np.uint8)
        self._images: Pixels | None = None
        self._labels: Pixels | None = None

    @property
    def has_objects(self) -> bool:
        """Whether the views have a channel of the cells that objects occupy."""
        return self._occupancy is not None

    def reset(self, seeds: Sequence[int], mask: npt.NDArray[np.bool_]) -> None:
        """Start new episodes.

        Args:
            seeds: N seeds; those outside of the mask are ignored.
            mask: (N,) bool, environments that start an episode.
        """
        for index in np.flatnonzero(mask).tolist():
            self._corruptions.reset(index, seeds[index])

    def perceive(
        self,
        images: Pixels | None,
        labels: Pixels | None,
        mask: npt.NDArray[np.bool_] | None = None,
        boxes: Any = None,
    ) -> Pixels:
        """Compute the views of new images.

        Args:
            images: (N, H, W, 3) uint8, of the cameras; None without any. Must not be written to afterwards.
            labels: (N, H, W) uint8, ground-truth classes; None if unknown. Must not be written to afterwards.
            mask: (N,) bool, environments with a new image, the others keep their view; None for all.
            boxes: (N, K, F) numbers, the observation `boxes`; None if unknown.

        Returns:
            (N, h, w, C) uint8, a new array, 0 to 255: the drivable fraction, or probability, of each cell, and with
            objects the fraction of it that they occupy.
        """
        self._images, self._labels = images, labels
        rows: Any = slice(None) if mask is None or mask.all() else np.flatnonzero(mask)
        estimate = self.estimator.estimate(*(None if part is None else part[rows] for part in (images, labels, boxes)))
        drivable = estimate.drivable
        indices = np.arange(len(self._views))[rows].tolist()
        if self._corruptions.any:
            drivable = np.stack([self._corruptions.corrupt(i, one) for i, one in zip(indices, drivable, strict=True)])
        views = self._views.copy() if mask is not None else np.empty_like(self._views)
        new = self.view(drivable)[..., np.newaxis]
        if self._occupancy is not None:
            assert estimate.objects is not None
            new = np.concatenate([new, self._occupied(indices, estimate.objects, self._occupancy)], axis=-1)
        if self._corruptions.any:
            new = np.stack([self._corruptions.delay(i, one) for i, one in zip(indices, new, strict=True)])
        views[rows] = new
        self._drivable[rows] = drivable
        self._views = views
        return views

    def _occupied(self, indices: list[int], objects: Rows, occupancy: OccupancyMap) -> Pixels:
        """The channel (n, h, w, 1) of the objects (n, K, C) in the images of some environments."""
        if not self._corruptions.any_of_objects:
            for index, one in zip(indices, objects, strict=True):
                self._objects[index] = one
            return occupancy(objects)[..., np.newaxis]
        views = []
        for index, one in zip(indices, objects, strict=True):
            corrupted = self._corruptions.corrupt_objects(index, one)
            self._objects[index] = corrupted
            views.append(occupancy(corrupted[np.newaxis])[0])
        return np.stack(views)[..., np.newaxis]

    def boxed(self, index: int) -> BoxedImage | None:
        """The newest image of one environment with the objects in it, after corruption; None without objects.

        Args:
            index: Of the environment. Without a camera its image is black.
        """
        rows = self._objects[index]
        if rows is None:
            return None
        black = np.zeros((*self.view.image_size, 3), dtype=np.uint8)
        image = black if self._images is None else self._images[index].copy()
        return BoxedImage(image, boxes_of(rows), self.kinds)

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
    boxes: BoxLabels | None = None,
) -> PerceptionPipeline:
    """Make the pipeline for an environment.

    Args:
        config: Model, view, objects and corruptions.
        metadata: Of the environment: `classes`, `drivable`, `camera`, `box_labels`; see `capabilities`.
        shapes: Shape of each image in its observation.
        num_envs: N.
        environment: Its id, for messages.
        boxes: How its observation `boxes` is read; None without one.

    Raises:
        UserError: The environment lacks the camera or the labels, or the model does not fit its camera or objects.
    """
    classes = capabilities.segmentation_classes(metadata) if SEGMENTATION in shapes else None
    if config.is_truth:
        estimator, known = truth_estimator(config, classes, shapes, environment, boxes)
        described = estimator.name
        size = shapes[CAMERA if CAMERA in shapes else SEGMENTATION][:2]
    else:
        declared = capabilities.box_labels(metadata)
        estimator, known, described = model_estimator(config, shapes, num_envs, environment, declared)
        size = shapes[CAMERA][:2]
    image_size = size[0], size[1]
    view = _view(config, metadata, image_size, environment)
    if known is None:
        if config.missed or config.ghosts:
            raise UserError("missed and ghosts are faults of objects, and this perception finds none.")
        corruptions, note = Corruptions(config, num_envs), _note(config, view.size, described, known)
        return PerceptionPipeline(estimator, view, corruptions, num_envs, classes, note)
    sizes = [known.sizes.get(name, UNKNOWN_SIZE) for name in known.classes]
    mounting = capabilities.camera(metadata)
    if config.ghosts and mounting is None:
        raise UserError(
            f"{environment} does not declare the mounting of its camera (metadata['camera']), by which ghosts are "
            "put on the ground: leave ghosts out."
        )
    ghosts = GhostObjects(mounting, image_size, sizes) if mounting is not None else None
    occupancy: OccupancyMap = CameraOccupancy(image_size, view.size)
    if config.view == "birdview":
        assert mounting is not None
        occupancy = BirdviewOccupancy(mounting, image_size, view.size, config.metres_per_pixel, sizes)
    return PerceptionPipeline(
        estimator,
        view,
        Corruptions(config, num_envs, ghosts),
        num_envs,
        classes,
        _note(config, view.size, described, known),
        occupancy,
        known.classes,
    )


def _note(config: PerceptionConfig, size: tuple[int, int], estimator: str, kinds: BoxLabels | None) -> str:
    channels = 1 if kinds is None else 2
    objects = "" if kinds is None else f" and objects ({', '.join(kinds.classes)})"
    area = f"image {size[0]}×{size[1]}×{channels}, drivable area{objects} by {estimator}"
    view = f"bird's-eye view at {config.metres_per_pixel:g} m per pixel" if config.view == "birdview" else "camera view"
    corruptions = {
        f"{100 * config.missed:g} % of objects missed": config.missed,
        f"{config.ghosts:g} false objects": config.ghosts,
        f"noise {config.noise:g} ({config.noise_kind})": config.noise,
        f"latency of {config.latency} decisions": config.latency,
        f"{100 * config.dropped:g} % of frames dropped": config.dropped,
    }
    return ", ".join([area, view, *(text for text, strength in corruptions.items() if strength)])


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


def _drivable(labels: Pixels, drivable: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    table = np.zeros(256, dtype=np.bool_)
    table[: len(drivable)] = drivable
    mask: npt.NDArray[np.bool_] = table[labels]
    return mask
