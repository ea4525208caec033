"""`SimulatorDataset`: labelled images rendered by an environment.

The environment needs a Dict observation with `camera` (H, W, 3) and `segmentation` (H, W) or (H, W, 1), both uint8, and
`classes` and `drivable` in its metadata. Its images have boxes if there is an observation `boxes`, and `box_labels` in
the metadata. Optional capabilities (`rlkit/capabilities.py`) are used if present: an expert that drives, default
arguments, and `conditions`, whose argument takes the name of a condition, or "train" and "held-out" for mixtures.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec

from rlkit import capabilities
from rlkit.boxes import BOXES, Boxes
from rlkit.env import registry
from rlkit.env.config import EnvConfig, EnvOptions, absolute_id, code_of, split_kwargs
from rlkit.env.make import vectorize
from rlkit.env.registry import accepted_arguments, spec_metadata
from rlkit.env.seeding import Stream, episode_seed
from rlkit.env.subproc.vector_env import SubprocVectorEnv
from rlkit.env.vector import offers
from rlkit.errors import UserError, environment_failures, place
from rlkit.segmentation.datasets.base import LabelledImages
from rlkit.segmentation.datasets.bounds import check_batch
from rlkit.segmentation.datasets.io import resize_label_batch, resize_pictures
from rlkit.spaces import IGNORED, Classes, Pixels

CAMERA, SEGMENTATION = "camera", "segmentation"
TRAINING, HELD_OUT = "train", "held-out"  # mixtures of conditions, as values of the argument of `conditions`
MIXTURE = "mixture"  # condition of images of either mixture
_SIZE_OPTION = "camera_size"  # argument of environments that render images of any size

_WARM_UP = 10  # maximum decisions between the start of an episode and its training image
_PERTURBED = 0.15  # probability per decision that a random action begins to replace the expert's
_PERTURBED_FOR = 4  # maximum decisions that it is repeated

# Validation and test episodes give several images, since generating a circuit takes longer than driving.
SELECTED = 256  # validation images
MEASURED = 64  # test images of each condition
PER_EPISODE = 4  # images
_INTERVAL = 25  # decisions between them
MAX_IMAGES = 10_000  # of a split

# Arguments of rlkit's wrappers that have no effect on the images, and why.
_MEANINGLESS = {
    "action_bins": "its own discrete actions are used",
    "frame_skip": "the distance between two pictures is fixed",
    "frame_stack": "training uses single pictures",
    "grayscale": "training uses colour pictures",
    "image_bounds": "images of the camera have bounds",
    "mirror_actions": "no actions are learned",
    "resize": "the size of the pictures is set by --size, or by the model",
    "unrewarded_limit": "rewards are not used",
}

_log = logging.getLogger(__name__)


def check_code(environment_id: str, allow_code: bool) -> None:
    """Check that an environment's id names no code, or that it may be imported.

    Raises:
        UserError: It does, and may not.
    """
    if not allow_code and code_of(environment_id) is not None:
        raise UserError(
            f"This needs the code of {environment_id!r}, which is not imported unless requested. "
            f"If you trust it, add: --data env:{environment_id}"
        )


class SimulatorDataset:
    """A `Dataset` of an unlimited number of images with exact labels from a simulator.

    Every training image is from an episode of its own, after up to `_WARM_UP` decisions with random perturbations, so
    that the road is seen from different angles and positions. A batch depends only on the generator's state before it,
    so that training can resume exactly.

    The splits are `test` (test circuits, conditions of training) and `held-out` (test circuits, held-out conditions),
    with metrics for each condition and for mixtures of them. An environment without `conditions` has only `test`.

    Args:
        environment: The environment and its arguments. `workers` and `step_timeout` determine how it is stepped if it
            has no vector environment of its own; rlkit's other arguments are refused. In a thread other than the main
            one a timeout needs `workers` (see `rlkit.env.timeout`).
        size: Height and width of the images; None for the environment's. They are rendered in this size, unless the
            environment's arguments name another one: from a larger one they are scaled down, without aliasing.
        seed: Selects the validation and test images.
        allow_code: Whether the module or file in its id may be imported.
        selected: Number of validation images.
        measured: Number of images in each test split, divided among its conditions; None for `MEASURED` of each.

    Raises:
        UserError: The environment does not exist or fails, an argument has no effect, or there is no camera image with
            labels in its observation.
    """

    training_pictures: int | None = None
    box_classes: tuple[str, ...]
    """Names of the classes of the boxes; empty if the environment's observation has none."""

    def __init__(
        self,
        environment: EnvConfig,
        size: tuple[int, int] | None = None,
        seed: int = 0,
        *,
        allow_code: bool = True,
        selected: int = SELECTED,
        measured: int | None = None,
    ):
        for name, count in (("selected", selected), ("measured", measured)):
            if count is not None and not 1 <= count <= MAX_IMAGES:
                raise UserError(f"From 1 to {MAX_IMAGES:,} pictures can be {name}, not {count}.")
        check_code(environment.id, allow_code)
        self._spec = registry.find_spec(environment.id, allow_code)
        metadata = spec_metadata(self._spec)
        if (
            size is not None
            and _SIZE_OPTION not in environment.kwargs
            and _SIZE_OPTION in accepted_arguments(self._spec)
        ):
            environment = environment.with_kwargs({_SIZE_OPTION: list(size)})
        self._environment = environment.with_defaults(capabilities.default_kwargs(metadata, "picture"))
        self._test_kwargs = capabilities.default_kwargs(metadata, "evaluation")
        self._conditions = capabilities.conditions(metadata)
        self._seed, self._selected_pictures, self._measured_pictures = seed, selected, measured
        self._idle: dict[int, _Drivers] = {}  # by batch size, for reuse: generating their circuits takes seconds
        self._selected: list[LabelledImages] = []
        probe = self._make(1, TRAINING, self._environment)
        self.name = environment.id
        self.classes = probe.classes
        self.box_classes = () if probe.box_labels is None else probe.box_labels.classes
        self.size = size or probe.size
        held_out = self._conditions is not None and bool(self._conditions.held_out)
        self.splits: tuple[str, ...] = ("test", HELD_OUT) if held_out else ("test",)
        probe.close()

    def training(self, batch_size: int, generator: np.random.Generator) -> Iterator[LabelledImages]:
        """Yield batches of new images without end.

        Args:
            batch_size: Images per batch.
            generator: The only source of randomness.

        Raises:
            UserError: A batch is too large, or the environment failed.
        """
        check_batch(batch_size, self.size)
        drivers = self._idle.pop(batch_size, None) or self._make(batch_size, TRAINING, self._environment)
        try:
            while True:
                drivers.reset([episode_seed(int(draw), 0, 0) for draw in generator.integers(2**31, size=batch_size)])
                drivers.drive(int(generator.integers(_WARM_UP + 1)), generator)
                yield self._resized(drivers.images())
        finally:
            self._idle[batch_size] = drivers

    def close(self) -> None:
        """Close the environments kept for training; may be called repeatedly."""
        while self._idle:
            self._idle.popitem()[1].close()

    def selection(self) -> Iterator[LabelledImages]:
        """Yield validation images, from other episodes of the training circuits and conditions; cached."""
        if not self._selected:
            self._selected = list(self._drive(TRAINING, self._environment, self._selected_pictures, 0, "selection"))
        yield from self._selected

    def measured(self, split: str) -> Iterator[LabelledImages]:
        """Yield images of the test circuits, one condition after the other.

        Args:
            split: One of `splits`.

        Raises:
            UserError: There is no such split.
        """
        if split not in self.splits:
            raise UserError(f"{self.name} has no split {split!r}: it has {', '.join(self.splits)}.")
        environment = self._environment.with_defaults(self._test_kwargs)
        conditions = self._conditions_of(split)
        each = MEASURED if self._measured_pictures is None else -(-self._measured_pictures // len(conditions))
        for number, condition in enumerate(conditions):
            index = 1000 * self.splits.index(split) + number
            yield from self._drive(condition, environment, each, index, "evaluation")

    def _conditions_of(self, split: str) -> tuple[str, ...]:
        if self._conditions is None:
            return (TRAINING,)
        if self._given_condition is not None:
            return (self._given_condition,)
        return (HELD_OUT, *self._conditions.held_out) if split == HELD_OUT else (TRAINING, *self._conditions.training)

    @property
    def _given_condition(self) -> str | None:
        """The condition among the arguments of the environment."""
        return None if self._conditions is None else self._environment.kwargs.get(self._conditions.option)

    def _drive(
        self, condition: str, environment: EnvConfig, pictures: int, index: int, stream: Stream
    ) -> Iterator[LabelledImages]:
        """Yield so many images of a condition, the same every time; `index` gives it seeds of its own."""
        count = -(-pictures // PER_EPISODE)
        seeds = [episode_seed(self._seed, index, driver, stream) for driver in range(count)]
        drivers = self._make(count, condition, environment)
        generator = np.random.default_rng(seeds)
        try:
            drivers.reset(seeds)
            for turn in range(PER_EPISODE):
                drivers.drive(_INTERVAL if turn else _WARM_UP, generator)
                yield self._resized(drivers.images(min(count, pictures - turn * count)))
                if (turn + 1) * count >= pictures:
                    break
        finally:
            drivers.close()

    def _make(self, count: int, condition: str, environment: EnvConfig) -> "_Drivers":
        if self._conditions is not None:
            environment = environment.with_defaults({self._conditions.option: condition})
        kwargs, options = split_kwargs(environment.kwargs, lambda: accepted_arguments(self._spec))
        for name in environment.kwargs:
            if name in _MEANINGLESS and name not in kwargs:
                raise UserError(
                    f"{name} has no effect on the pictures of {environment.id}: {_MEANINGLESS[name]}. Leave it out."
                )
        return _Drivers(self._spec, environment.id, kwargs, options, count, self._condition_name(condition))

    def _condition_name(self, condition: str) -> str:
        """Condition in the results."""
        if self._conditions is None:
            return ""
        condition = self._given_condition or condition
        return MIXTURE if condition in (TRAINING, HELD_OUT) else condition

    def _resized(self, pictures: LabelledImages) -> LabelledImages:
        size = (pictures.images.shape[1], pictures.images.shape[2])
        boxes = pictures.boxes
        return replace(
            pictures,
            images=resize_pictures(pictures.images, self.size),
            labels=resize_label_batch(pictures.labels, self.size),
            boxes=None if boxes is None else tuple(one.resized(size, self.size) for one in boxes),
        )


class _Drivers:
    """N environments, driven by their expert with random perturbations."""

    def __init__(
        self,
        spec: EnvSpec,
        environment_id: str,
        kwargs: Mapping[str, Any],
        options: EnvOptions,
        count: int,
        condition: str,
    ):
        own_id = absolute_id(environment_id)
        self._vector, _, _ = vectorize(spec, count, kwargs, None, options, own_id)
        self._id, self._condition, self._count = environment_id, condition, count
        self._seeds = [0] * count
        self._decisions = np.zeros(count, dtype=np.int64)
        self._observation: Mapping[str, Any] = {}
        if isinstance(self._vector, SubprocVectorEnv):
            self._vector.on_loss = self._warn_of_loss
        try:
            self.classes, self.size = self._read_spaces()
            self.box_labels = capabilities.box_labels(self._vector.metadata, self._vector.single_observation_space)
            self._expert = offers(self._vector, "expert_action")
        except BaseException:
            self.close()
            raise

    def reset(self, seeds: Sequence[int]) -> None:
        """Start an episode in each environment."""
        self._seeds = list(seeds)
        self._decisions[:] = 0
        with self._environment_failures("reset"):
            self._observation, _ = self._vector.reset(seed=self._seeds)  # type: ignore[arg-type]

    def drive(self, decisions: int, generator: np.random.Generator) -> None:
        """Take so many decisions; an episode that ends is followed by another."""
        space = self._vector.single_action_space
        remaining = np.zeros(self._count, dtype=np.int64)  # decisions with the random action
        random = np.zeros(self._count, dtype=np.int64)
        for _ in range(decisions):
            starts = (generator.random(self._count) < _PERTURBED) & (remaining == 0)
            remaining[starts] = generator.integers(1, _PERTURBED_FOR + 1, size=int(starts.sum()))
            random[starts] = space.start + generator.integers(space.n, size=int(starts.sum()))  # type: ignore[attr-defined]
            actions = random.copy()
            if self._expert:
                with self._environment_failures("expert_action"):
                    expert = np.asarray(self._vector.call("expert_action"), dtype=np.int64)  # type: ignore[attr-defined]
                actions[remaining == 0] = expert[remaining == 0]
            remaining = np.maximum(0, remaining - 1)
            self._decisions += 1
            with self._environment_failures("step"):
                self._observation, _, terminated, truncated, _ = self._vector.step(actions)
            self._reset_done(np.asarray(terminated | truncated, dtype=np.bool_))

    def _reset_done(self, done: Any) -> None:
        if not done.any():
            return
        for index in np.flatnonzero(done):
            self._seeds[index] = _next_seed(self._seeds[index])
        self._decisions[done] = 0
        with self._environment_failures("reset"):
            self._observation, _ = self._vector.reset(seed=self._seeds, options={"reset_mask": done})  # type: ignore[arg-type]

    def images(self, first: int | None = None) -> LabelledImages:
        """Current images of the first environments (None for all), in new arrays."""
        images: Pixels = np.array(self._observation[CAMERA][:first], dtype=np.uint8)
        labels: Pixels = np.array(self._observation[SEGMENTATION][:first], dtype=np.uint8).reshape(images.shape[:3])
        unknown = (labels >= len(self.classes)) & (labels != IGNORED)
        if unknown.any():
            raise UserError(
                f"{self._id} has the class {int(labels[unknown][0])} in its segmentation, but declares only "
                f"{len(self.classes)} classes: {', '.join(self.classes.names)}.",
                exit_code=1,
            )
        where = f"{self._id}, {self._condition}" if self._condition else self._id
        episodes = list(zip(self._seeds, self._decisions.tolist(), strict=True))[:first]
        names = tuple(f"{where}, seed {seed}, decision {decision}" for seed, decision in episodes)
        return LabelledImages(images, labels, names, (self._condition,) * len(images), self._boxes(names))

    def _boxes(self, names: Sequence[str]) -> tuple[Boxes, ...] | None:
        """Boxes of the current images of the first environments, of which the names are given."""
        if self.box_labels is None:
            return None
        boxes = []
        for name, rows in zip(names, self._observation[BOXES], strict=False):
            try:
                boxes.append(self.box_labels.read(rows, self.size))
            except UserError as error:
                raise UserError(f"{name}: {error}", exit_code=1) from error
        return tuple(boxes)

    def close(self) -> None:
        """Close the environments."""
        self._vector.close()

    def _environment_failures(self, doing: str) -> AbstractContextManager[None]:
        return environment_failures(self._id, doing, self._seeds, self._decisions)

    def _warn_of_loss(self, index: int, doing: str, what: str) -> None:
        where = place(self._id, index, self._seeds, self._decisions)
        _log.warning("%s: %s %s; a new process replaces it, so that this run is not reproducible", where, doing, what)

    def _read_spaces(self) -> tuple[Classes, tuple[int, int]]:
        classes = capabilities.segmentation_classes(self._vector.metadata)
        space = self._vector.single_observation_space
        leaves = dict(space.spaces) if isinstance(space, gymnasium.spaces.Dict) else {}
        camera, segmentation = _bytes_shape(leaves.get(CAMERA)), _bytes_shape(leaves.get(SEGMENTATION))
        if classes is None or len(camera) != 3 or camera[2] != 3 or len(segmentation) != 2 + (segmentation[2:] == (1,)):
            raise UserError(
                f"{self._id} has no labelled pictures. Expected observations 'camera' (H, W, 3) and 'segmentation' "
                f"(H, W), both uint8, and 'classes' and 'drivable' in its metadata; its observation is {space}. "
                "rlkit/DrivingCamera-v0 has them, as have other driving environments with sensors=camera,segmentation."
            )
        if camera[:2] != segmentation[:2]:
            raise UserError(f"{self._id} has a camera of {camera[:2]} pixels, but a segmentation of {segmentation}.")
        if not isinstance(self._vector.single_action_space, gymnasium.spaces.Discrete):
            raise UserError(f"{self._id}: its actions must be Discrete for a data set.")
        return classes, (camera[0], camera[1])


def _next_seed(seed: int) -> int:
    """Seed of the next episode, of the same stream (the two highest bits, see `episode_seed`)."""
    return episode_seed(seed & (2**29 - 1), 0, 1) | seed & (3 << 29)


def _bytes_shape(space: gymnasium.Space[Any] | None) -> tuple[int, ...]:
    """Shape of a uint8 Box; empty for any other space."""
    return space.shape if isinstance(space, gymnasium.spaces.Box) and space.dtype == np.uint8 else ()
