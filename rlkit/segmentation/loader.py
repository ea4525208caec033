"""Augmented training batches by number, prefetched by a thread; a resumed run gets the same ones.

A data set is an endless stream without random access, but a resumed run starts at a certain batch:

* A simulator's batch depends only on the state of the generator, which is therefore set before each batch, from the
  seed and the batch's number. Several learners draw pictures of their own.
* A folder's pictures are shuffled in each pass. The stream is opened anew for every pass, with a generator that the
  seed and the pass's number fix: a resumed run skips batches of the current pass only. Several learners read the same
  batches and keep their part, so that a pass shows every picture once.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

import numpy as np

from rlkit.nn.distributed import ALONE, LearnerGroup
from rlkit.spaces import Pixels

WAIT = 0.2  # s between checks for a stop while waiting for a batch
LEAVE = 3.0  # s that the thread may take to end
STREAM, AUGMENTATION, STATISTICS, WEIGHTS = range(4)  # purposes of generators


class Batch(Protocol):
    """A batch of pictures with what is known of them, such as `datasets.base.LabelledImages`."""

    @property
    def images(self) -> Pixels:
        """(B, ..., H, W, 3) uint8."""
        ...

    def __len__(self) -> int:
        """Number of examples."""
        ...

    def part(self, rows: slice) -> Self:
        """Some of the examples."""
        ...


L = TypeVar("L", bound=Batch)
C = TypeVar("C", covariant=True, bound=Batch)

Augment = Callable[[L, np.random.Generator], L]


class TrainingSource(Protocol[C]):
    """The part of a data set that is trained on; see `datasets.base.Dataset`."""

    @property
    def training_pictures(self) -> int | None:
        """Number of training images; None if unlimited."""
        ...

    def training(self, batch_size: int, generator: np.random.Generator) -> Iterator[C]:
        """Yield batches without end."""
        ...


class TrainingPictures(Generic[L]):
    """Training batches.

    Args:
        source: The data set.
        augment: Augments a batch; the batch's number fixes how.
        batch_size: Pictures in a batch.
        seed: Fixes everything.
        statistics: Number of unaugmented pictures by which batch norm is estimated.
        group: The learners that a batch is divided between; only the first one estimates batch norm.

    Attributes:
        statistics: Those pictures, (B, H, W, 3) uint8 batches, available with the first training batch.
    """

    def __init__(
        self,
        source: TrainingSource[L],
        augment: Augment[L],
        batch_size: int,
        seed: int,
        statistics: int = 0,
        group: LearnerGroup = ALONE,
    ):
        self.statistics: list[Pixels] = []
        self._source = source
        self._augment = augment
        self._batch_size = batch_size
        self._seed = seed
        self._group = group
        self._share = batch_size // group.count
        self._wanted = -(-statistics // self._share) if group.is_first else 0

    @property
    def ready(self) -> bool:
        """Whether the pictures by which batch norm is estimated are drawn."""
        return len(self.statistics) == self._wanted

    def batches(self, first: int = 0) -> Generator[L, None, None]:
        """Yield batch number `first` and all after it, augmented, for ever."""
        pictures = self._source.training_pictures
        seed = self._group.seed(self._seed)
        stream = self._simulated(first) if pictures is None else self._passes(pictures, first)
        with contextlib.closing(stream):
            for number, batch in enumerate(stream, first):
                yield self._augment(batch, np.random.default_rng([seed, AUGMENTATION, number]))

    def _simulated(self, first: int) -> Generator[L, None, None]:
        generator = np.random.default_rng(self._seed)
        with opened_stream(self._source, self._share, generator) as stream:
            self.statistics = [self._drawn(stream, generator, STATISTICS, n).images for n in range(self._wanted)]
            number = first
            while True:
                yield self._drawn(stream, generator, STREAM, number)
                number += 1

    def _drawn(self, stream: Iterator[L], generator: np.random.Generator, purpose: int, number: int) -> L:
        """Batch number `number` of a simulator."""
        seed = self._group.seed(self._seed)
        generator.bit_generator.state = np.random.default_rng([seed, purpose, number]).bit_generator.state
        return next(stream)

    def _passes(self, pictures: int, first: int) -> Generator[L, None, None]:
        unchanged = np.random.default_rng([self._seed, STATISTICS])
        with opened_stream(self._source, self._share, unchanged) as stream:
            self.statistics = [next(stream).images for _ in range(self._wanted)]
        length = batches_in_a_pass(pictures, self._batch_size)
        begin = self._group.rank * self._share
        turn, passed_over = divmod(first, length)
        while True:
            generator = np.random.default_rng([self._seed, STREAM, turn])
            with opened_stream(self._source, self._batch_size, generator) as stream:
                for number in range(length):
                    batch = next(stream)
                    if number >= passed_over:
                        yield batch.part(slice(begin, begin + self._share))
            turn, passed_over = turn + 1, 0


@contextlib.contextmanager
def opened_stream(source: TrainingSource[L], batch_size: int, generator: np.random.Generator) -> Iterator[Iterator[L]]:
    """The endless stream of training batches, closed after the block, which a simulator needs.

    Args:
        source: The data set.
        batch_size: Pictures in a batch.
        generator: Fixes the pictures or their order.
    """
    stream = source.training(batch_size, generator)
    try:
        yield stream
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()


def batches_in_a_pass(pictures: int, batch_size: int) -> int:
    """Number of batches that cover so many pictures."""
    return max(1, -(-pictures // batch_size))


class Prefetcher(Generic[L]):
    """Draws from a generator in a thread of its own, a few items ahead; a context manager.

    Args:
        items: Used by that thread alone.
        ahead: Maximum number of items in the queue; 0 draws in the calling thread.
    """

    def __init__(self, items: Generator[L, None, None], ahead: int):
        self._items = items
        self._ready: queue.Queue[L | BaseException] = queue.Queue(ahead)
        self._next: L | None = None  # drawn by `wait`
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._draw, name="rlkit-pictures", daemon=True) if ahead else None

    def wait(self, check: Callable[[], object] = lambda: None) -> None:
        """Wait until the next item is drawn, which `take` then returns; arguments and errors as there."""
        self._next = self.take(check)

    def take(self, check: Callable[[], object] = lambda: None) -> L:
        """Wait for the next item.

        Args:
            check: Called every `WAIT` seconds; what it raises ends the waiting, and the item is the next one again.

        Raises:
            Exception: What the generator raised.
        """
        if self._next is not None:
            drawn, self._next = self._next, None
            return drawn
        if self._thread is None:
            return next(self._items)
        while True:
            try:
                item = self._ready.get(timeout=WAIT)
                break
            except queue.Empty:
                check()
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
        """Stop the thread and close the generator; a thread that waits for a file for long is left behind."""
        self._stopping.set()
        deadline = time.monotonic() + LEAVE
        while self._thread is not None and self._thread.is_alive():
            with contextlib.suppress(queue.Empty):  # the thread may wait for room in the queue
                self._ready.get(timeout=0.05)
            if time.monotonic() > deadline:
                return
        self._items.close()

    def _draw(self) -> None:
        try:
            while not self._stopping.is_set():
                self._ready.put(next(self._items))
        except BaseException as error:  # raised by `__next__`
            self._ready.put(error)
