"""Labelled pictures from an environment that has a camera and knows the class of every pixel; none is ever stored.

What is needed of an environment are observations `camera` (H, W, 3) and `segmentation` (H, W) or (H, W, 1), both uint8,
under those keys of a Dict, and `classes` and `drivable` in its metadata. What it may have beyond that is used: an
expert that drives, `picture_kwargs`, `evaluation_kwargs` (what nobody learns from) and `conditions`
(`rlkit/capabilities.py`), whose argument takes, beside the names of single looks, "train" and "held-out" for mixtures
of them.
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
from rlkit.env import registry
from rlkit.env.config import EnvConfig, EnvOptions, absolute_id, split_kwargs
from rlkit.env.make import vectorize
from rlkit.env.registry import accepted_arguments, spec_metadata
from rlkit.env.seeding import Stream, episode_seed
from rlkit.env.subproc.vector_env import SubprocVectorEnv
from rlkit.env.vector import offers
from rlkit.errors import UserError, failures_told, place
from rlkit.segmentation.datasets.base import LabelledImages
from rlkit.segmentation.datasets.bounds import check_batch
from rlkit.segmentation.datasets.io import resize_label_batch, resize_pictures
from rlkit.spaces import IGNORED, Classes, Pixels

CAMERA, SEGMENTATION = "camera", "segmentation"
TRAINING, HELD_OUT = "train", "held-out"  # mixtures of looks, as the argument of `conditions` takes them
MIXTURE = "mixture"  # what pictures of either are filed under
_SIZE_OPTION = "camera_size"  # of environments that can make pictures of any size themselves

_WARM_UP = 10  # decisions at most between the beginning of an episode and its picture in training
_ASTRAY = 0.15  # share of decisions in which a car begins to do anything but what the expert would
_ASTRAY_FOR = 4  # decisions that it goes on so

# To choose and to measure by, each car gives some pictures of its circuit: making a circuit takes longer than driving.
SELECTED = 256  # pictures that the best weights are chosen by
MEASURED = 64  # pictures of each look that figures are given for
PER_CAR = 4  # pictures of one episode
_APART = 25  # decisions between them
MOST_MEASURED = 10_000  # pictures of a split: of each look, a car for every four of them drives at once

# Arguments for any environment that mean nothing where no agent acts, and why.
_MEANINGLESS = {
    "action_bins": "it is driven by discrete actions of its own",
    "frame_skip": "how far it is driven between two pictures is fixed",
    "frame_stack": "one picture at a time is learned from",
    "grayscale": "pictures are learned from in their colours",
    "mirror_actions": "no actions are learned",
    "resize": "--size says how large pictures are to be, or the model that is to see them",
    "unrewarded_limit": "it is driven on, whatever it earns",
}

_log = logging.getLogger(__name__)


class SimulatorDataset:
    """Any number of pictures with exact labels from a simulator; a `Dataset`.

    Every picture to learn from is of an episode of its own: another place, another look, after up to a second of
    driving that is now and then led astray, so that the road is seen askew and from its edge as well. A batch depends
    on nothing but the generator's state before it: whoever keeps that state can go on exactly where it was.

    The splits are `test` (circuits that nobody learns from, looks as in training) and `held-out` (such circuits in
    looks that nobody learns from), with figures for each look by name and for mixtures of them. An environment without
    `conditions` has `test` only.

    Args:
        environment: Which environment; its arguments are passed on. `workers` and `step_timeout` among them say how it
            is stepped where it has no vector environment of its own; other arguments of rlkit's have no meaning here.
            Outside of the main thread, where a network's pictures are made while it learns, one that hangs is noticed
            with `workers` only (see `rlkit.env.timeout`).
        size: Height and width of the pictures; None for those that the environment makes.
        seed: Decides which pictures are selected by and measured on.
        allow_code: Whether the module or file that its id names may be imported.
        selected: Pictures that the best weights are chosen by.
        measured: Pictures of a split that figures are given for, evenly of all looks; None for `MEASURED` of each.

    Raises:
        UserError: It does not exist or cannot be made, an argument has no meaning, or it shows no camera picture with
            classes.
    """

    training_pictures: int | None = None

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
            if count is not None and not 1 <= count <= MOST_MEASURED:
                raise UserError(f"From 1 to {MOST_MEASURED:,} pictures can be {name}, not {count}.")
        self._spec = registry.find_spec(environment.id, allow_code)
        metadata = spec_metadata(self._spec)
        if size is not None and _SIZE_OPTION in accepted_arguments(self._spec):
            environment = environment.with_kwargs({_SIZE_OPTION: list(size)})
        self._environment = environment.with_defaults(capabilities.default_kwargs(metadata, "picture"))
        self._unseen = capabilities.default_kwargs(metadata, "evaluation")
        self._looks = capabilities.conditions(metadata)
        self._seed, self._selected_pictures, self._measured_pictures = seed, selected, measured
        self._idle: dict[int, _Cars] = {}  # by their number: their circuits took seconds to make
        self._selected: list[LabelledImages] = []
        probe = self._make(1, TRAINING, self._environment)
        self.name = environment.id
        self.classes = probe.classes
        self.size = size or probe.size
        held_out = self._looks is not None and bool(self._looks.held_out)
        self.splits: tuple[str, ...] = ("test", HELD_OUT) if held_out else ("test",)
        probe.close()

    def training(self, batch_size: int, generator: np.random.Generator) -> Iterator[LabelledImages]:
        """Give batches of new pictures for ever; each depends on the generator's state before it and on nothing else.

        Args:
            batch_size: Pictures per batch.
            generator: Every draw is taken from it.

        Raises:
            UserError: Batches would not fit into memory, or the environment failed.
        """
        check_batch(batch_size, self.size)
        cars = self._idle.pop(batch_size, None) or self._make(batch_size, TRAINING, self._environment)
        try:
            while True:
                cars.begin([episode_seed(int(draw), 0, 0) for draw in generator.integers(2**31, size=batch_size)])
                cars.drive(int(generator.integers(_WARM_UP + 1)), generator)
                yield self._sized(cars.look())
        finally:
            self._idle[batch_size] = cars

    def close(self) -> None:
        """Release the environments that training keeps; more than once does no harm."""
        while self._idle:
            self._idle.popitem()[1].close()

    def selection(self) -> Iterator[LabelledImages]:
        """Give pictures of the circuits and looks of training in episodes of their own; made once, then kept."""
        if not self._selected:
            draws = self._drives(TRAINING, self._environment, self._selected_pictures, 0, "selection")
            self._selected = list(draws)
        yield from self._selected

    def measured(self, split: str) -> Iterator[LabelledImages]:
        """Give pictures of circuits that nobody learns from, each look in turn.

        Args:
            split: One of `splits`.

        Raises:
            UserError: There is no such split.
        """
        if split not in self.splits:
            raise UserError(f"{self.name} has no split {split!r}: {', '.join(self.splits)} are there.")
        unseen = self._environment.with_defaults(self._unseen)
        looks = self._looks_of(split)
        each = MEASURED if self._measured_pictures is None else -(-self._measured_pictures // len(looks))
        for number, look in enumerate(looks):
            yield from self._drives(look, unseen, each, 1000 * self.splits.index(split) + number, "evaluation")

    def _looks_of(self, split: str) -> tuple[str, ...]:
        if self._looks is None:
            return (TRAINING,)
        if self._chosen_look is not None:  # the user asked for one
            return (self._chosen_look,)
        return (HELD_OUT, *self._looks.held_out) if split == HELD_OUT else (TRAINING, *self._looks.training)

    @property
    def _chosen_look(self) -> str | None:
        return None if self._looks is None else self._environment.kwargs.get(self._looks.option)

    def _drives(
        self, look: str, environment: EnvConfig, pictures: int, number: int, stream: Stream
    ) -> Iterator[LabelledImages]:
        """Give so many pictures of one look, the same every time; `number` keeps looks apart."""
        count = -(-pictures // PER_CAR)
        seeds = [episode_seed(self._seed, number, car, stream) for car in range(count)]
        cars = self._make(count, look, environment)
        generator = np.random.default_rng(seeds)
        try:
            cars.begin(seeds)
            for turn in range(PER_CAR):
                cars.drive(_APART if turn else _WARM_UP, generator)
                yield self._sized(cars.look(min(count, pictures - turn * count)))
                if (turn + 1) * count >= pictures:
                    break
        finally:
            cars.close()

    def _make(self, count: int, look: str, environment: EnvConfig) -> "_Cars":
        if self._looks is not None:
            environment = environment.with_defaults({self._looks.option: look})
        kwargs, options = split_kwargs(environment.kwargs, lambda: accepted_arguments(self._spec))
        for name in environment.kwargs:
            if name in _MEANINGLESS and name not in kwargs:
                raise UserError(
                    f"{name}: pictures of {environment.id} are made to learn from without an agent, and "
                    f"{_MEANINGLESS[name]}; leave {name} out."
                )
        return _Cars(self._spec, environment.id, kwargs, options, count, self._condition(look))

    def _condition(self, look: str) -> str:
        """What pictures of a look are filed under."""
        if self._looks is None:
            return ""
        look = self._chosen_look or look
        return MIXTURE if look in (TRAINING, HELD_OUT) else look

    def _sized(self, pictures: LabelledImages) -> LabelledImages:
        return replace(
            pictures,
            images=resize_pictures(pictures.images, self.size),
            labels=resize_label_batch(pictures.labels, self.size),
        )


class _Cars:
    """N environments, driven by their expert, who is disturbed now and then."""

    def __init__(
        self, spec: EnvSpec, environment_id: str, kwargs: Mapping[str, Any], options: EnvOptions, count: int, look: str
    ):
        own_id = absolute_id(environment_id)
        self._vector, _, _ = vectorize(spec, count, kwargs, None, options, own_id)
        self._id, self._look, self._count = environment_id, look, count
        self._seeds = [0] * count
        self._decisions = np.zeros(count, dtype=np.int64)
        self._seen: Mapping[str, Any] = {}
        if isinstance(self._vector, SubprocVectorEnv):
            self._vector.on_loss = self._tell_of_loss
        try:
            self.classes, self.size = self._read_spaces()
            self._expert = offers(self._vector, "expert_action")
        except BaseException:
            self.close()
            raise

    def begin(self, seeds: Sequence[int]) -> None:
        """Begin an episode of each."""
        self._seeds = list(seeds)
        self._decisions[:] = 0
        with self._failures_told("reset"):
            self._seen, _ = self._vector.reset(seed=self._seeds)  # type: ignore[arg-type]

    def drive(self, decisions: int, generator: np.random.Generator) -> None:
        """Take so many decisions; where an episode ends, another begins."""
        space = self._vector.single_action_space
        astray = np.zeros(self._count, dtype=np.int64)  # decisions that each car still goes astray
        wrong = np.zeros(self._count, dtype=np.int64)
        for _ in range(decisions):
            begins = (generator.random(self._count) < _ASTRAY) & (astray == 0)
            astray[begins] = generator.integers(1, _ASTRAY_FOR + 1, size=int(begins.sum()))
            wrong[begins] = space.start + generator.integers(space.n, size=int(begins.sum()))  # type: ignore[attr-defined]
            actions = wrong.copy()
            if self._expert:
                with self._failures_told("expert_action"):
                    right = np.asarray(self._vector.call("expert_action"), dtype=np.int64)  # type: ignore[attr-defined]
                actions[astray == 0] = right[astray == 0]
            astray = np.maximum(0, astray - 1)
            self._decisions += 1
            with self._failures_told("step"):
                self._seen, _, terminated, truncated, _ = self._vector.step(actions)
            self._begin_again(np.asarray(terminated | truncated, dtype=np.bool_))

    def _begin_again(self, over: Any) -> None:
        if not over.any():
            return
        for car in np.flatnonzero(over):
            self._seeds[car] = _seed_after(self._seeds[car])
        self._decisions[over] = 0
        with self._failures_told("reset"):
            self._seen, _ = self._vector.reset(seed=self._seeds, options={"reset_mask": over})  # type: ignore[arg-type]

    def look(self, first: int | None = None) -> LabelledImages:
        """What the cameras of the first of them (None for all) see now, in new arrays."""
        images: Pixels = np.array(self._seen[CAMERA][:first], dtype=np.uint8)
        labels: Pixels = np.array(self._seen[SEGMENTATION][:first], dtype=np.uint8).reshape(images.shape[:3])
        unknown = (labels >= len(self.classes)) & (labels != IGNORED)
        if unknown.any():
            raise UserError(
                f"{self._id} shows the class {int(labels[unknown][0])} in its segmentation, but names only "
                f"{len(self.classes)} classes: {', '.join(self.classes.names)}.",
                exit_code=1,
            )
        where = f"{self._id}, {self._look}" if self._look else self._id
        episodes = list(zip(self._seeds, self._decisions.tolist(), strict=True))[:first]
        names = tuple(f"{where}, seed {seed}, decision {decision}" for seed, decision in episodes)
        return LabelledImages(images, labels, names, (self._look,) * len(images))

    def close(self) -> None:
        """Release the environments."""
        self._vector.close()

    def _failures_told(self, doing: str) -> AbstractContextManager[None]:
        return failures_told(self._id, doing, self._seeds, self._decisions)

    def _tell_of_loss(self, index: int, doing: str, what: str) -> None:
        where = place(self._id, index, self._seeds, self._decisions)
        _log.warning(
            "%s: %s %s; a new process replaces it, with pictures that another run may not get", where, doing, what
        )

    def _read_spaces(self) -> tuple[Classes, tuple[int, int]]:
        classes = capabilities.segmentation_classes(self._vector.metadata)
        space = self._vector.single_observation_space
        leaves = dict(space.spaces) if isinstance(space, gymnasium.spaces.Dict) else {}
        camera, segmentation = _bytes_shape(leaves.get(CAMERA)), _bytes_shape(leaves.get(SEGMENTATION))
        if classes is None or len(camera) != 3 or camera[2] != 3 or len(segmentation) != 2 + (segmentation[2:] == (1,)):
            raise UserError(
                f"{self._id} gives no pictures to learn from. Observations 'camera' (H, W, 3) and 'segmentation' "
                f"(H, W), both uint8, are needed, and 'classes' and 'drivable' in its metadata; it shows {space}. "
                "rlkit/DrivingCamera-v0 has them, and any of its kind with sensors=camera,segmentation."
            )
        if camera[:2] != segmentation[:2]:
            raise UserError(f"{self._id} shows a camera of {camera[:2]} pixels and a segmentation of {segmentation}.")
        if not isinstance(self._vector.single_action_space, gymnasium.spaces.Discrete):
            raise UserError(f"{self._id}: actions have to be Discrete for it to be driven for pictures.")
        return classes, (camera[0], camera[1])


def _seed_after(seed: int) -> int:
    """The seed of the episode that follows one of a seed, of the same stream (see `episode_seed`: two highest bits)."""
    return episode_seed(seed & (2**29 - 1), 0, 1) | seed & (3 << 29)


def _bytes_shape(space: gymnasium.Space[Any] | None) -> tuple[int, ...]:
    """The shape of a space of bytes; empty for any other."""
    return space.shape if isinstance(space, gymnasium.spaces.Box) and space.dtype == np.uint8 else ()
