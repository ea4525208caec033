"""From what environments give to what agents see: named leaves, with perception in place of the camera where asked."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces as gym_spaces

from rlkit import capabilities, preprocessing
from rlkit.environment_config import EnvironmentConfig
from rlkit.errors import UserError
from rlkit.frame_options import FrameOptions
from rlkit.perception.perception_config import CAMERA, DRIVABLE, SEGMENTATION, PerceptionConfig
from rlkit.perception.pictures import Pixels
from rlkit.spaces import Observations

if TYPE_CHECKING:
    from rlkit.perception.perceiver import Perceiver


class Observer:
    """Turns the observations of N environments into leaves, a single frame each.

    Args:
        space: Of what a single environment gives.
        metadata: Of the environment.
        config: What it was made from.
        options: What to make of its frames.
        num_envs: N.
        fresh: Whether the environment never writes again to what it has given.

    Raises:
        UserError: The space is not supported, or there is nothing to perceive in it.
    """

    def __init__(
        self,
        space: gym_spaces.Space[Any],
        metadata: Mapping[str, Any],
        config: EnvironmentConfig,
        options: FrameOptions,
        num_envs: int,
        fresh: bool,
    ):
        labels = capabilities.labels(metadata)
        self._rules = preprocessing.leaf_rules(space, labels, options.grayscale, options.resize)
        self._num_envs = num_envs
        self._fresh = fresh
        self.left_out = preprocessing.left_out(space)
        """Names of the parts that no agent sees, because they are text."""
        self.perceiver: Perceiver | None = None
        """What stands between the camera and the agent, if anything does."""
        self.leaves = [rule.leaf for rule in self._rules]
        """What an agent sees, before frames are stacked."""
        self.notes = {rule.leaf.name: rule.note for rule in self._rules}
        """What is done to make each leaf, for people."""
        if config.perception is not None:
            self.perceiver = self._make_perceiver(space, metadata, config.perception, options, config.id)
            self.leaves = [self.perceiver.leaf, *(leaf for leaf in self.leaves if leaf.name != CAMERA)]
            self.notes[DRIVABLE] = self.perceiver.note

    def begin(self, seeds: Sequence[int], mask: npt.NDArray[np.bool_]) -> None:
        """Get ready for new episodes.

        Args:
            seeds: N seeds, of which those outside of the mask are ignored.
            mask: (N,) bool, whose episode begins.
        """
        if self.perceiver is not None:
            self.perceiver.begin(seeds, mask)

    def see(self, observation: Any, mask: npt.NDArray[np.bool_] | None = None) -> Observations:
        """Turn a batched observation into leaves (N, ...).

        Args:
            observation: What a vector environment gave.
            mask: (N,) bool, whose observation is new; the others perceive what they perceived. None for all.

        Raises:
            UserError: It is not of the shape that the space promised, or holds a value outside of it.
        """
        leaves = preprocessing.convert(self._rules, observation, self._num_envs, self._fresh)
        if self.perceiver is None:
            return leaves
        pictures: Any = leaves.pop(CAMERA, None)
        return {DRIVABLE: self.perceiver.perceive(pictures, self._labels(observation), mask), **leaves}

    def batch_of_one(self, observation: Any) -> Any:
        """A single environment's observation as a batched one, of those parts that are read.

        True labels may be missing from it where drivers see by a model: a car on a road has none.
        """
        return _batched(observation)

    def _labels(self, observation: Any) -> Pixels | None:
        """(N, H, W) true classes of the camera's pixels, where there are some."""
        if not isinstance(observation, Mapping) or SEGMENTATION not in observation:
            return None
        take = np.asarray if self._fresh else np.array
        labels: Pixels = take(observation[SEGMENTATION], dtype=np.uint8)
        return labels.reshape(labels.shape[:3])

    def _make_perceiver(
        self,
        space: gym_spaces.Space[Any],
        metadata: Mapping[str, Any],
        config: PerceptionConfig,
        options: FrameOptions,
        environment: str,
    ) -> "Perceiver":
        from rlkit.perception.perceiver import make_perceiver  # numba and torch, only where they are needed

        if options.grayscale or options.resize is not None:
            raise UserError("grayscale and resize do not go with --perception, which needs the camera's own picture.")
        shapes = {leaf.name: leaf.shape for leaf in self.leaves if leaf.is_picture}
        if DRIVABLE in {leaf.name for leaf in self.leaves}:
            raise UserError(f"{environment} has an observation {DRIVABLE!r} itself: it cannot be driven by perception.")
        labels = space.get(SEGMENTATION) if isinstance(space, gym_spaces.Dict) else None
        if isinstance(labels, gym_spaces.Box):
            shapes[SEGMENTATION] = labels.shape
        return make_perceiver(config, metadata, shapes, self._num_envs, environment)


def _batched(part: Any) -> Any:
    """The same tree with an axis of one before every array."""
    if isinstance(part, Mapping):
        return {key: _batched(value) for key, value in part.items()}
    if isinstance(part, tuple):
        return tuple(_batched(value) for value in part)
    return np.asarray(part)[np.newaxis]
