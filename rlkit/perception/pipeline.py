"""From camera pictures to what a driver sees: the drivable area, as an estimator finds it, in some view.

The environments' vector is asked for pictures; `PerceptionPipeline` replaces each by one leaf, `drivable`. An estimator
gives the truth of a simulator or what a segmentation model finds; anything with the method `look` can take its place.
"""

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from rlkit import capabilities
from rlkit.errors import UserError
from rlkit.perception.bev import PixelMap, birds_view, smaller_view
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
from rlkit.perception.result import DRIVABLE_FROM, PerceptionResult
from rlkit.spaces import Classes, Leaf, Pixels

if TYPE_CHECKING:
    from rlkit.perception.model import SegmentationModel

BATCH = 8  # pictures per inference; larger ones are no quicker
# A single picture is computed by other kernels, which round otherwise: with two, an episode is the same to the last bit
# whether one environment is stepped or fifty.
SMALLEST_BATCH = 2


class DrivableEstimator(Protocol):
    """Finds the drivable area in pictures."""

    name: str
    """For people."""

    def look(self, pictures: Pixels | None, labels: Pixels | None) -> Pixels:
        """Find it.

        Args:
            pictures: (n, H, W, 3) uint8, the camera's; None where there is none.
            labels: (n, H, W) uint8, the true classes; None where nobody knows.

        Returns:
            (n, H, W) uint8, how likely each pixel can be driven on, 0 to 255.
        """
        ...

    def uncertainty(self, picture: Pixels) -> npt.NDArray[np.float32] | None:
        """How unsure they are of each pixel of a picture (H, W, 3), 0 to 1; None for eyes that have no doubt."""
        ...


class GroundTruthEstimator:
    """See what is drivable by the simulator's own labels: the upper bound for every network.

    Args:
        classes: What the labels mean.
    """

    name = "the true labels"

    def __init__(self, classes: Classes):
        self._values = np.zeros(256, dtype=np.uint8)
        self._values[: len(classes)] = np.where(classes.drivable_mask, 255, 0)

    def look(self, pictures: Pixels | None, labels: Pixels | None) -> Pixels:
        """Look the labels up."""
        assert labels is not None
        found: Pixels = self._values[labels]
        return found

    def uncertainty(self, picture: Pixels) -> npt.NDArray[np.float32] | None:
        """Truth has no doubt."""
        return None


class SegmentationEstimator:
    """See what a segmentation network finds drivable.

    Args:
        model: The network.
        soft: Whether to give probabilities rather than 0 and 255.
        batch: Pictures per inference; fewer are filled up, so that the network always computes one shape and what it
            finds in a picture does not depend on those beside it.
    """

    def __init__(self, model: "SegmentationModel", soft: bool = True, batch: int = BATCH):
        self.name = model.card.network
        self._model = model
        self._soft = soft
        self._batch = batch
        self._drivable = model.classes.drivable_mask
        self._threads = available_threads()

    def look(self, pictures: Pixels | None, labels: Pixels | None) -> Pixels:
        """Segment the pictures."""
        assert pictures is not None
        found = np.empty(pictures.shape[:3], dtype=np.uint8)
        with threads(self._threads):
            for low in range(0, len(pictures), self._batch):
                part = pictures[low : low + self._batch]
                found[low : low + len(part)] = self._segment(_filled(part, self._batch))[: len(part)]
        return found

    def uncertainty(self, picture: Pixels) -> npt.NDArray[np.float32] | None:
        """Entropy of the classes' probabilities, as a share of the largest possible."""
        with threads(self._threads):
            doubt: npt.NDArray[np.float32] = self._model.uncertainty(picture[np.newaxis])[0]
        return doubt

    def _segment(self, pictures: Pixels) -> Pixels:
        if not self._soft:
            found: Pixels = np.where(self._drivable, 255, 0).astype(np.uint8)[self._model.labels(pictures)]
            return found
        likely: Pixels = np.rint(self._model.drivable(pictures) * np.float32(255.0)).astype(np.uint8)
        return likely


class PerceptionPipeline:
    """Turns the camera pictures of N drivers into what they see.

    Args:
        eyes: Who finds the drivable area.
        view: How it is shown.
        faults: What goes wrong on the way.
        num_envs: N.
        classes: What true labels mean, for comparison; None where nobody knows.
        note: What the drivers see and through whose eyes, for people.
    """

    def __init__(
        self,
        eyes: DrivableEstimator,
        view: PixelMap,
        faults: Corruptions,
        num_envs: int,
        classes: Classes | None = None,
        note: str = "",
    ):
        self.eyes = eyes
        self.view = view
        self.note = note
        self.leaf = Leaf(DRIVABLE, (*view.size, 1), "uint8")
        self._faults = faults
        self._truth = None if classes is None else classes.drivable_mask
        self._found = np.zeros((num_envs, *view.picture_size), dtype=np.uint8)
        self._views = np.zeros((num_envs, *view.size, 1), dtype=np.uint8)
        self._pictures: Pixels | None = None
        self._labels: Pixels | None = None

    def begin(self, seeds: Sequence[int], mask: npt.NDArray[np.bool_]) -> None:
        """Begin new episodes.

        Args:
            seeds: N seeds, of which those outside of the mask are ignored.
            mask: (N,) bool, whose episode begins.
        """
        for index in np.flatnonzero(mask).tolist():
            self._faults.begin(index, seeds[index])

    def perceive(
        self, pictures: Pixels | None, labels: Pixels | None, mask: npt.NDArray[np.bool_] | None = None
    ) -> Pixels:
        """Look at the newest pictures.

        Args:
            pictures: (N, H, W, 3) uint8 of the cameras; None where there are none. Must not be written to afterwards.
            labels: (N, H, W) uint8 true classes; None where nobody knows. Must not be written to afterwards.
            mask: (N,) bool, whose picture is new; the others see what they saw. None for all.

        Returns:
            (N, h, w, 1) uint8, a new array: of each cell how likely, or how much of it, can be driven on, 0 to 255.
        """
        self._pictures, self._labels = pictures, labels
        rows: Any = slice(None) if mask is None or mask.all() else np.flatnonzero(mask)
        found = self.eyes.look(None if pictures is None else pictures[rows], None if labels is None else labels[rows])
        indices = np.arange(len(self._views))[rows].tolist()
        if self._faults.any:
            found = np.stack([self._faults.spoil(index, one) for index, one in zip(indices, found, strict=True)])
        seen = self.view(found)
        if self._faults.any:
            seen = np.stack([self._faults.delay(index, one) for index, one in zip(indices, seen, strict=True)])
        views = self._views.copy() if mask is not None else np.empty_like(self._views)
        views[rows] = seen[..., np.newaxis]
        self._found[rows] = found
        self._views = views
        return views

    def overlap(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Pixels of the newest pictures that were found and are drivable, and those that were or are.

        Returns:
            (N,) and (N,) int64; intersection over union is the sum of the first over the sum of the second.

        Raises:
            ValueError: Nobody knows the truth.
        """
        if self._labels is None or self._truth is None:
            raise ValueError("the true area is not known")
        found, true = self._found >= DRIVABLE_FROM, _drivable(self._labels, self._truth)
        return (found & true).sum(axis=(1, 2)), (found | true).sum(axis=(1, 2))

    def perceived(self, index: int) -> PerceptionResult:
        """What was made of the newest picture of one driver; the uncertainty is worked out only now."""
        picture = None if self._pictures is None else self._pictures[index]
        known = self._labels is not None and self._truth is not None
        return PerceptionResult(
            picture=picture,
            drivable=self._found[index].copy(),
            truth=_drivable(self._labels[index], self._truth) if known else None,  # type: ignore[index, arg-type]
            uncertainty=None if picture is None else self.eyes.uncertainty(picture),
            eyes=self.eyes.name,
        )


def make_pipeline(
    config: PerceptionConfig,
    metadata: Mapping[str, Any],
    shapes: Mapping[str, tuple[int, ...]],
    num_envs: int,
    environment: str,
) -> PerceptionPipeline:
    """Make what an environment's drivers see with.

    Args:
        config: How they see.
        metadata: Of the environment: `classes`, `drivable`, `camera`; see `capabilities`.
        shapes: Shape of each part of its observation that is a picture.
        num_envs: N.
        environment: Its id, for messages.

    Raises:
        UserError: The environment has no camera or no true labels where they are needed, or the model does not fit.
    """
    classes = capabilities.segmentation_classes(metadata) if SEGMENTATION in shapes else None
    if config.is_truth and classes is None:
        raise UserError(
            f"--perception truth: {environment} offers no true labels (an observation {SEGMENTATION!r}, with 'classes' "
            "and 'drivable' in its metadata). rlkit/DrivingCamera-v0 does."
        )
    if not config.is_truth and (CAMERA not in shapes or shapes[CAMERA][2:] != (3,)):
        raise UserError(
            f"--perception: {environment} has no camera (an observation {CAMERA!r} in three colours), so there is "
            "nothing to look at. rlkit/DrivingCamera-v0 has one (--env-kwargs sensors=camera,segmentation,state)."
        )
    height, width = shapes[CAMERA if CAMERA in shapes else SEGMENTATION][:2]
    eyes: DrivableEstimator
    finder = GroundTruthEstimator.name
    if config.is_truth:
        assert classes is not None
        eyes = GroundTruthEstimator(classes)
    else:
        model = _loaded(config)
        if model.card.size != (height, width):
            raise UserError(
                f"The model {config.what} was trained on pictures of {model.card.size[0]}×{model.card.size[1]}, and "
                f"the camera of {environment} gives {height}×{width}. Change the camera (for driving: --env-kwargs "
                f"camera_size=[{model.card.size[0]},{model.card.size[1]}]) or train a model for this size."
            )
        eyes = SegmentationEstimator(model, config.soft, max(SMALLEST_BATCH, min(BATCH, num_envs)))
        finder = f"{eyes.name} ({model.parameters:,} parameters)"
    view = _view(config, metadata, (height, width), environment)
    corruptions, note = Corruptions(config, num_envs), _note(config, view.size, finder)
    return PerceptionPipeline(eyes, view, corruptions, num_envs, classes, note)


def _note(config: PerceptionConfig, size: tuple[int, int], eyes: str) -> str:
    what = f"picture {size[0]}×{size[1]}×1, drivable area by {eyes}"
    how = f"from above at {config.metres_per_pixel:g} m per pixel" if config.view == "birdview" else "from the camera"
    wrong = {
        f"noise {config.noise:g} ({config.noise_kind})": config.noise,
        f"{config.latency} decisions late": config.latency,
        f"{100 * config.dropped:g} % of pictures lost": config.dropped,
    }
    return ", ".join([what, how, *(text for text, there in wrong.items() if there)])


def available_threads() -> int:
    """How many threads a network may use here."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, torch.get_num_threads()))


class threads:  # noqa: N801 - used as a function is
    """Within the block torch uses this many threads, unless it is to repeat bit for bit on those it has.

    Small agents are quickest on one thread (`Agent.threads`); segmentation networks are not.
    """

    def __init__(self, count: int):
        self._count = count

    def __enter__(self) -> None:
        import torch

        self._before = torch.get_num_threads()
        if self._count != self._before and not torch.are_deterministic_algorithms_enabled():
            torch.set_num_threads(self._count)

    def __exit__(self, *_: object) -> None:
        import torch

        if torch.get_num_threads() != self._before:
            torch.set_num_threads(self._before)


def _view(config: PerceptionConfig, metadata: Mapping[str, Any], size: tuple[int, int], environment: str) -> PixelMap:
    if config.view == "camera":
        smaller = max(1, size[0] // CAMERA_REDUCTION), max(1, size[1] // CAMERA_REDUCTION)
        return smaller_view(size, config.view_size or smaller)
    mounting = capabilities.camera(metadata)
    if mounting is None:
        raise UserError(
            f"{environment} does not say how its camera is mounted (metadata['camera']), so that its pictures cannot "
            "be seen from above. Try: --perception-kwargs view=camera"
        )
    view = birds_view(mounting, size, config.view_size or BIRDVIEW_SIZE, config.metres_per_pixel)
    if not len(view.weights):
        raise UserError(
            f"The camera of {environment} sees nothing of the ground that a view of {view.size[0]}×{view.size[1]} at "
            f"{config.metres_per_pixel:g} m per pixel shows: choose another view_size or metres_per_pixel."
        )
    return view


def _loaded(config: PerceptionConfig) -> "SegmentationModel":
    """The model that a description names, if it is still the one that was chosen."""
    import torch

    from rlkit.utils.io import sha256

    path = Path(config.what)
    if not path.is_file():
        raise UserError(f"There is no model at {path}. Name the one to use: --perception FILE", exit_code=1)
    digest = sha256(path)
    if config.digest not in ("", digest):
        raise UserError(
            f"The model {path} is another one than the driver was trained with: its content has changed. Name the one "
            "to use: --perception FILE",
            exit_code=1,
        )
    device = ("cuda" if torch.cuda.is_available() else "cpu") if config.device == "auto" else config.device
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("device=cuda: torch sees no GPU here; leave it out, or say device=cpu.", exit_code=1)
    return _read(path, digest, device, config.precision, config.network)


@lru_cache(maxsize=2)  # training and measuring share one
def _read(path: Path, digest: str, device: str, precision: Precision, network: str) -> "SegmentationModel":
    from rlkit.perception.model import load_model

    return load_model(path, device=device, precision=precision, network=network or None)


def _filled(pictures: Pixels, count: int) -> Pixels:
    """Repeat the last picture until there are `count`."""
    missing = count - len(pictures)
    return np.ascontiguousarray(pictures if missing <= 0 else pictures[np.r_[: len(pictures), [-1] * missing]])


def _drivable(labels: Pixels, drivable: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    known = np.zeros(256, dtype=np.bool_)
    known[: len(drivable)] = drivable
    found: npt.NDArray[np.bool_] = known[labels]
    return found
