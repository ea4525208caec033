"""`ObservationAdapter`: the observations of N environments as named leaves, with perception in place of the camera."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces as gym_spaces

from rlkit import capabilities
from rlkit.boxes import BOXES, BoxedImage
from rlkit.env.config import EnvConfig, EnvOptions
from rlkit.env.leaf_rules import convert, leaf_rules, left_out
from rlkit.errors import UserError
from rlkit.perception.config import CAMERA, DRIVABLE, SEGMENTATION, PerceptionConfig
from rlkit.spaces import Observations, Pixels

if TYPE_CHECKING:
    from rlkit.perception.pipeline import PerceptionPipeline


class ObservationAdapter:
    """Converts the observations of N environments to leaves of a single frame.

    Args:
        space: Observation space of a single environment.
        metadata: Of the environment.
        config: Of the environment.
        options: Of which grayscale and resize are applied here.
        num_envs: N.
        fresh: Whether the environment never modifies a returned observation.

    Attributes:
        left_out: Names of text parts, which become no leaf.
        perceiver: Replaces the camera image; None without perception.
        perception: Its configuration, with the choice whether it shows objects.
        leaves: The result, before frames are stacked.
        notes: Description of each leaf's conversion.
        on_clip: Called with index of the environment and a description when an image first exceeds its bounds.

    Raises:
        UserError: The space is not supported, or perception does not fit it.
    """

    def __init__(
        self,
        space: gym_spaces.Space[Any],
        metadata: Mapping[str, Any],
        config: EnvConfig,
        options: EnvOptions,
        num_envs: int,
        fresh: bool,
    ):
        labels = capabilities.labels(metadata)
        self._rules = leaf_rules(space, labels, options.grayscale, options.resize, options.image_bounds)
        self._num_envs = num_envs
        self._fresh = fresh
        self.left_out = left_out(space)
        self.perceiver: PerceptionPipeline | None = None
        self.perception = config.perception
        self.leaves = [rule.leaf for rule in self._rules]
        self.notes = {rule.leaf.name: rule.note for rule in self._rules}
        self.on_clip: Callable[[int, str], None] = lambda index, what: None
        self._clipped: set[str] = set()
        self._box_labels = capabilities.box_labels(metadata, space)
        self._observation: Any = None  # of which boxes are read
        if config.perception is not None:
            self.perceiver = self._make_perception(space, metadata, config.perception, options, config.id)
            self.leaves = [self.perceiver.leaf, *(leaf for leaf in self.leaves if leaf.name != CAMERA)]
            self.notes[DRIVABLE] = self.perceiver.note
            self.perception = replace(config.perception, objects=self.perceiver.has_objects)

    def begin(self, seeds: Sequence[int], mask: npt.NDArray[np.bool_]) -> None:
        """Reset the state of perception for new episodes.

        Args:
            seeds: N seeds, of which those outside of the mask are ignored.
            mask: (N,) bool, the environments that were reset.
        """
        if self.perceiver is not None:
            self.perceiver.reset(seeds, mask)

    def see(self, observation: Any, mask: npt.NDArray[np.bool_] | None = None) -> Observations:
        """Convert a batched observation to leaves (N, ...).

        Args:
            observation: Of a vector environment.
            mask: (N,) bool, the environments with a new observation, to which perception is applied; None for all.

        Raises:
            UserError: It does not match the shape of its space, or has a value outside of it.
        """
        if self._box_labels is not None:
            self._observation = observation
        leaves = convert(self._rules, observation, self._num_envs, self._fresh, self._report_clip)
        if self.perceiver is None:
            return leaves
        pictures: Any = leaves.pop(CAMERA, None)
        boxes = observation[BOXES] if self._box_labels is not None else None
        return {DRIVABLE: self.perceiver.perceive(pictures, self._labels(observation), mask, boxes), **leaves}

    def boxed(self, index: int) -> BoxedImage | None:
        """The latest camera image of one environment with its boxes; None where there are none.

        They are those that perception found, if it shows objects, else those of the environment.

        Raises:
            UserError: The boxes are not as they are declared.
        """
        if self.perceiver is not None and self.perceiver.has_objects:
            return self.perceiver.boxed(index)
        if self._box_labels is None or self._observation is None or CAMERA not in self._observation:
            return None
        return self._box_labels.boxed(self._observation[CAMERA][index], self._observation[BOXES][index])

    def batch_of_one(self, observation: Any) -> Any:
        """Add a batch axis to a single environment's observation."""
        return _batched(observation)

    @property
    def keys(self) -> list[str | int]:
        """The keys or indices of a Dict or Tuple observation that are read."""
        read = [rule.path[0] for rule in self._rules if rule.path]
        if self.perceiver is not None:
            read = [key for key in read if key != CAMERA] + [CAMERA]
        return list(dict.fromkeys(read))

    def _report_clip(self, leaf: str, index: int, what: str) -> None:
        if leaf not in self._clipped:
            self._clipped.add(leaf)
            self.on_clip(index, what)

    def _labels(self, observation: Any) -> Pixels | None:
        """Ground-truth classes (N, H, W) of the camera image; None without ground truth."""
        if not isinstance(observation, Mapping) or SEGMENTATION not in observation:
            return None
        take = np.asarray if self._fresh else np.array
        labels: Pixels = take(observation[SEGMENTATION], dtype=np.uint8)
        return labels.reshape(labels.shape[:3])

    def _make_perception(
        self,
        space: gym_spaces.Space[Any],
        metadata: Mapping[str, Any],
        config: PerceptionConfig,
        options: EnvOptions,
        environment: str,
    ) -> "PerceptionPipeline":
        from rlkit.perception.pipeline import make_pipeline  # imports numba and torch

        if options.grayscale or options.resize is not None:
            raise UserError("grayscale and resize do not go with --perception, which needs the camera's own picture.")
        shapes = {leaf.name: leaf.shape for leaf in self.leaves if leaf.is_picture}
        if DRIVABLE in {leaf.name for leaf in self.leaves}:
            raise UserError(f"{environment} has an observation {DRIVABLE!r} itself: it cannot be driven by perception.")
        labels = space.get(SEGMENTATION) if isinstance(space, gym_spaces.Dict) else None
        if isinstance(labels, gym_spaces.Box):
            shapes[SEGMENTATION] = labels.shape
        return make_pipeline(config, metadata, shapes, self._num_envs, environment, self._box_labels)


def _batched(part: Any) -> Any:
    """Add a batch axis to every array of a tree."""
    if isinstance(part, Mapping):
        return {key: _batched(value) for key, value in part.items()}
    if isinstance(part, tuple):
        return tuple(_batched(value) for value in part)
    return np.asarray(part)[np.newaxis]
