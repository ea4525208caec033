"""Augmented training batches by number, prepared ahead by a thread: the same ones whenever training begins or goes on.

A source gives pictures for ever and cannot be asked for the thousandth batch, yet a run that goes on needs it:

* A simulator's batch depends on nothing but the state of the generator it draws from, so that state is set anew before
  each batch, from the seed and the batch's number.
* A folder's pictures come in another order in each pass. Its source is asked anew for every pass, with a generator
  that the seed and the pass's number fix: a run that goes on passes over the batches of the pass under way, never more.
"""

import contextlib
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from types import TracebackType
from typing import Self

import numpy as np

from rlkit.segmentation.datasets.base import Dataset, LabelledImages
from rlkit.spaces import Pixels

STREAM, CHANGES, STATISTICS, WEIGHTS = range(4)  # what a generator is for

Augment = Callable[[LabelledImages, np.random.Generator], LabelledImages]


class TrainingPictures:
    """What a network learns from.

    Args:
        source: Where pictures come from.
        augment: Changes a batch by chance; the batch's number fixes how.
        batch_size: Pictures in a batch.
        seed: Fixes everything.
        statistics: Pictures as they are, unchanged, that are kept beside: by them batch norm is estimated.

    Attributes:
        statistics: (B, H, W, 3) uint8 batches, there as soon as the first batch is, and the same ones in every session.
    """

    def __init__(self, source: Dataset, augment: Augment, batch_size: int, seed: int, statistics: int = 0):
        self.statistics: list[Pixels] = []
        self._source = source
        self._augment = augment
        self._batch_size = batch_size
        self._seed = seed
        self._wanted = -(-statistics // batch_size)

    def batches(self, first: int = 0) -> Generator[LabelledImages, None, None]:
        """Give batch number `first` and all after it, augmented, for ever."""
        pictures = self._source.training_pictures
        stream = self._simulated(first) if pictures is None else self._passes(pictures, first)
        with contextlib.closing(stream):
            for number, batch in enumerate(stream, first):
                yield self._augment(batch, np.random.default_rng([self._seed, CHANGES, number]))

    def _simulated(self, first: int) -> Generator[LabelledImages, None, None]:
        generator = np.random.default_rng(self._seed)
        with opened_stream(self._source, self._batch_size, generator) as stream:
            self.statistics = [self._drawn(stream, generator, STATISTICS, n).images for n in range(self._wanted)]
            number = first
            while True:
                yield self._drawn(stream, generator, STREAM, number)
                number += 1

    def _drawn(
        self, stream: Iterator[LabelledImages], generator: np.random.Generator, purpose: int, number: int
    ) -> LabelledImages:
        """The batch of a simulator that has a number."""
        generator.bit_generator.state = np.random.default_rng([self._seed, purpose, number]).bit_generator.state
        return next(stream)

    def _passes(self, pictures: int, first: int) -> Generator[LabelledImages, None, None]:
        unchanged = np.random.default_rng([self._seed, STATISTICS])
        with opened_stream(self._source, self._batch_size, unchanged) as stream:
            self.statistics = [next(stream).images for _ in range(self._wanted)]
        length = batches_in_a_pass(pictures, self._batch_size)
        turn, passed_over = divmod(first, length)
        while True:
            generator = np.random.default_rng([self._seed, STREAM, turn])
            with opened_stream(self._source, self._batch_size, generator) as stream:
                for number in range(length):
                    batch = next(stream)
                    if number >= passed_over:
                        yield batch
            turn, passed_over = turn + 1, 0


@contextlib.contextmanager
def opened_stream(
    source: Dataset, batch_size: int, generator: np.random.Generator
) -> Iterator[Iterator[LabelledImages]]:
    """The endless batches of a source; after the block it clears up, as a simulator has to.

    Args:
        source: Where pictures come from.
        batch_size: Pictures in a batch.
        generator: Draws are taken from it.
    """
    stream = source.training(batch_size, generator)
    try:
        yield stream
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()


def batches_in_a_pass(pictures: int, batch_size: int) -> int:
    """How many batches it takes to see so many pictures."""
    return max(1, -(-pictures // batch_size))


class Prefetcher:
    """Draws from an iterator in a thread of its own, a few items ahead; as a context, and an iterator itself.

    Args:
        items: What to draw from; only the thread touches it.
        ahead: How many items may wait; 0 draws in the thread that asks.
    """

    def __init__(self, items: Generator[LabelledImages, None, None], ahead: int):
        self._items = items
        self._ready: queue.Queue[LabelledImages | BaseException] = queue.Queue(ahead)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._draw, name="rlkit-pictures", daemon=True) if ahead else None

    def __next__(self) -> LabelledImages:
        """Wait for the next item.

        Raises:
            Exception: What the iterator raised.
        """
        if self._thread is None:
            return next(self._items)
        item = self._ready.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def __enter__(self) -> Self:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the thread, and let the iterator clear up."""
        self._stopping.set()
        while self._thread is not None and self._thread.is_alive():
            with contextlib.suppress(queue.Empty):  # a thread that waits for room would wait for ever
                self._ready.get(timeout=0.05)
        self._items.close()

    def _draw(self) -> None:
        try:
            while not self._stopping.is_set():
                self._ready.put(next(self._items))
        except BaseException as error:  # for who waits
            self._ready.put(error)
