"""`CommentaryDataset`: pictures, numbers and sentences from a simulator in which a trained driver drives.

Plain cruising is most of what a driver does. Examples are therefore drawn evenly over the pairs of manoeuvre and cause:
of a round of driving, each pair in turn gives one example until there are enough. The same holds for the validation and
test examples. Every second training example is the mirror image of another.

Training sentences have the first wording of each phrase: with several, the most probable sentence would be one whose
facts have few wordings. Those of the other examples are one of the first wording and others that vary.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from rlkit import capabilities
from rlkit.captioning.datasets.base import CaptionedImages, Tokens
from rlkit.commentary.facts import Facts
from rlkit.commentary.grammar import Grammar
from rlkit.commentary.languages import find_grammar
from rlkit.commentary.moments import SIGNALS, mirrored_signals
from rlkit.commentary.sensing import FRAMES, Sensing
from rlkit.env.config import EnvConfig
from rlkit.env.make import make_vec_env, read_metadata
from rlkit.env.seeding import Stream, episode_seed
from rlkit.errors import UserError
from rlkit.nn.utils import torch_set_up
from rlkit.policy import PolicySpec, find_policy
from rlkit.spaces import Pixels

DRIVER = "pretrained:traffic"
ENVIRONMENT = EnvConfig("rlkit/DrivingTraffic-v0", {"sensors": ["birdview", "state", "preview", "camera", "boxes"]})
TRAINING, HELD_OUT = "train", "held-out"  # sets of conditions, as values of the argument of `conditions`

DRIVEN = 40  # decisions of a round
CARS_PER_EXAMPLE = 0.1  # of a round
PERTURBED = 0.05  # probability per decision that a random action begins to replace the driver's
PERTURBED_FOR = 4  # maximum decisions that it is repeated
REFERENCES = 5  # sentences of an example
SELECTED, MEASURED = 512, 1024
ROUND = 128  # validation or test examples of a round


class CommentaryDataset:
    """A `CaptionDataset` and `Grammar` of sentences about driving, without end.

    The splits are `test` (test circuits, weathers of training) and `held-out` (test circuits, held-out weathers).

    Args:
        language: "en" or "ko".
        driver: Policy that drives: `pretrained:NAME`, a run folder, or `expert`.
        environment: With what the driver observes, `camera`, `boxes` and `situation()`.
        seed: Selects the validation and test examples.
        selected: Number of validation examples.
        measured: Number of examples in each test split.

    Raises:
        UserError: There is no such language or driver, or its environment has no facts for a commentary.
    """

    frames = FRAMES
    signals: tuple[str, ...] = SIGNALS
    training_pictures: int | None = None
    splits: tuple[str, ...] = ("test", HELD_OUT)

    def __init__(
        self,
        language: str = "en",
        *,
        driver: str = DRIVER,
        environment: EnvConfig = ENVIRONMENT,
        seed: int = 0,
        selected: int = SELECTED,
        measured: int = MEASURED,
    ):
        self._grammar = find_grammar(language)
        self.language = language
        self._seed, self._selected_number, self._measured_number = seed, selected, measured
        metadata = read_metadata(environment)
        self._spec = find_policy(driver, env=environment.id)
        self._environment = environment.with_defaults(capabilities.default_kwargs(metadata, "picture"))
        self._test_kwargs = capabilities.default_kwargs(metadata, "evaluation")
        self._conditions = capabilities.conditions(metadata)
        self.name = f"commentary-{language}"
        self.words: Tokens | None = self._grammar.words
        self.notes: tuple[str, ...] = (
            f"driven by {driver}; examples are drawn evenly over the pairs of manoeuvre and cause",
        )
        self._training_cars: dict[int, _Cars] = {}  # by number of cars, for reuse: their circuits take seconds
        self._kept: dict[str, list[CaptionedImages]] = {}
        with self._cars(1, TRAINING, training=True) as cars:
            self.size = cars.size

    def training(self, batch_size: int, generator: np.random.Generator) -> Iterator[CaptionedImages]:
        """Yield batches of new examples without end; each depends only on the generator's state before it.

        Raises:
            UserError: The environment failed.
        """
        number = max(4, round(CARS_PER_EXAMPLE * -(-batch_size // 2)))  # the other half are mirror images
        cars = self._training_cars.pop(number, None) or self._cars(number, TRAINING, training=True)
        try:
            while True:
                seeds = [episode_seed(int(draw), 0, 0) for draw in generator.integers(2**31, size=number)]
                yield cars.drive(seeds, batch_size, generator, 1, mirror=True)
        finally:
            self._training_cars[number] = cars

    def selection(self) -> Iterator[CaptionedImages]:
        """Yield the validation examples, of other episodes of the training circuits; kept in memory."""
        yield from self._examples("selection", TRAINING, self._selected_number, "selection")

    def measured(self, split: str) -> Iterator[CaptionedImages]:
        """Yield the examples of a split; kept in memory.

        Raises:
            UserError: There is no such split.
        """
        if split not in self.splits:
            raise UserError(f"{self.name} has no split {split!r}: it has {', '.join(self.splits)}.")
        condition = HELD_OUT if split == HELD_OUT else TRAINING
        yield from self._examples(split, condition, self._measured_number, "evaluation")

    def training_captions(self) -> Iterator[Tokens]:
        """Yield none: the words are those of the grammar."""
        return iter(())

    def slots_of(self, tokens: Sequence[str]) -> Mapping[str, str] | None:
        """What a sentence says, by `Facts.told`; None if it is no sentence of the grammar."""
        return self._grammar.slots_of(tokens)

    def follows(self, tokens: Sequence[str]) -> frozenset[str | None]:
        """The words that may follow the beginning of a sentence; None among them where it may end."""
        return self._grammar.follows(tokens)

    def close(self) -> None:
        """Close the environments kept for training; may be called repeatedly."""
        while self._training_cars:
            self._training_cars.popitem()[1].close()

    def _examples(self, key: str, condition: str, number: int, stream: Stream) -> Iterator[CaptionedImages]:
        if key not in self._kept:
            kept = []
            count = max(4, round(CARS_PER_EXAMPLE * min(ROUND, number)))
            with self._cars(count, condition, training=stream == "selection") as cars:
                for round_number in range(-(-number // ROUND)):
                    seeds = [episode_seed(self._seed, round_number, car, stream) for car in range(count)]
                    wanted = min(ROUND, number - round_number * ROUND)
                    kept.append(cars.drive(seeds, wanted, np.random.default_rng(seeds), REFERENCES))
            self._kept[key] = kept
        yield from self._kept[key]

    def _cars(self, number: int, condition: str, *, training: bool) -> "_Cars":
        environment = self._environment if training else self._environment.with_defaults(self._test_kwargs)
        if self._conditions is not None:
            environment = environment.with_defaults({self._conditions.option: condition})
        return _Cars(replace(self._spec, environment=environment), number, condition, self._grammar)


class _Candidate(NamedTuple):
    """An example that may be taken."""

    images: Pixels
    signals: npt.NDArray[np.float32]
    facts: Facts
    name: str

    def mirrored(self) -> "_Candidate":
        """Its mirror image."""
        images = np.ascontiguousarray(self.images[:, :, ::-1])
        return _Candidate(images, mirrored_signals(self.signals), self.facts.mirrored(), f"{self.name}, mirrored")


class _Cars:
    """N cars that are driven by a policy."""

    def __init__(self, spec: PolicySpec, number: int, condition: str, grammar: Grammar):
        self._condition, self._grammar = condition, grammar
        self._environments = make_vec_env(spec.environment, number)
        try:
            self._sensing = Sensing(self._environments)
            self._agent = spec.agent(self._environments.spaces, number)
            self._agent.bind(self._environments)
        except BaseException:
            self.close()
            raise
        height, width, _ = self._environments.spaces.observations["camera"].shape
        self.size = (height, width)

    def drive(
        self,
        seeds: Sequence[int],
        wanted: int,
        generator: np.random.Generator,
        references: int,
        *,
        mirror: bool = False,
    ) -> CaptionedImages:
        """Drive a round from the start of new episodes, and take examples of it.

        Args:
            seeds: Of the episodes.
            wanted: Number of examples.
            generator: Random numbers.
            references: Sentences of an example, the first of the first wording.
            mirror: Take half as many examples, and their mirror images.
        """
        with torch_set_up(self._agent.threads, deterministic=False):
            candidates = self._candidates(list(seeds), generator)
        taken = -(-wanted // 2) if mirror else wanted
        chosen = [candidates[index] for index in _drawn_evenly(candidates, taken, generator)]
        if mirror:
            chosen = [*chosen, *(one.mirrored() for one in chosen)][:wanted]
        sentences = [
            (
                self._grammar.generate(one.facts),
                *(self._grammar.generate(one.facts, generator) for _ in range(1, references)),
            )
            for one in chosen
        ]
        return CaptionedImages(
            np.stack([one.images for one in chosen]),
            np.stack([one.signals for one in chosen]),
            tuple(sentences),
            tuple(one.name for one in chosen),
            (self._condition,) * len(chosen),
            tuple(one.facts.told() for one in chosen),
        )

    def _candidates(self, seeds: list[int], generator: np.random.Generator) -> list[_Candidate]:
        environments, sensing = self._environments, self._sensing
        number, actions_known = environments.num_envs, environments.spaces.num_actions
        observations = environments.reset(seeds)
        sensing.begin()
        steps = np.zeros(number, dtype=np.int64)
        remaining = np.zeros(number, dtype=np.int64)  # decisions with the random action
        random = np.zeros(number, dtype=np.int64)
        candidates = []
        for _ in range(DRIVEN):
            actions = self._agent.act(observations, explore=False).copy()
            sensing.read(self._agent.inspect(observations, want=("q",)).q)
            for index in range(number):
                if sensing.is_ready(index):
                    name = f"{environments.config.id}, seed {seeds[index]}, decision {steps[index]}"
                    candidates.append(
                        _Candidate(
                            np.stack(sensing.pictures(index)), sensing.signals(index), sensing.facts(index), name
                        )
                    )
            starts = (generator.random(number) < PERTURBED) & (remaining == 0)
            remaining[starts] = generator.integers(1, PERTURBED_FOR + 1, size=int(starts.sum()))
            random[starts] = generator.integers(actions_known, size=int(starts.sum()))
            actions[remaining > 0] = random[remaining > 0]
            remaining = np.maximum(0, remaining - 1)
            step = environments.step(actions)
            observations = step.observations
            steps += 1
            if step.ended.any():
                for index in np.flatnonzero(step.ended).tolist():
                    seeds[index] = episode_seed(seeds[index] & _SEED, 0, 1) | seeds[index] & ~_SEED
                observations = environments.reset(seeds, step.ended)
                sensing.begin(step.ended)
                steps[step.ended] = 0
        return candidates

    def close(self) -> None:
        """Close the environments."""
        self._environments.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_SEED = 2**29 - 1  # the other two bits of a seed are those of its stream, see `episode_seed`


def _drawn_evenly(candidates: Sequence[_Candidate], wanted: int, generator: np.random.Generator) -> list[int]:
    """Choose examples evenly over the pairs of manoeuvre and cause, none twice; in random order.

    Raises:
        UserError: There are fewer than wanted.
    """
    if len(candidates) < wanted:
        raise UserError(f"{wanted} examples are wanted of a round of driving that gave {len(candidates)}.", exit_code=1)
    groups: dict[tuple[str, str], list[int]] = {}
    for index in generator.permutation(len(candidates)).tolist():
        facts = candidates[index].facts
        groups.setdefault((facts.manoeuvre, facts.cause), []).append(index)
    turns = itertools.chain.from_iterable(itertools.zip_longest(*groups.values()))
    chosen = list(itertools.islice((index for index in turns if index is not None), wanted))
    generator.shuffle(chosen)
    return chosen
