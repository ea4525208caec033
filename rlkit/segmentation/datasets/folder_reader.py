"""Reading the pictures of a folder in batches: by several threads, one batch ahead, decoded once where they fit."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from rlkit.errors import UserError
from rlkit.segmentation.datasets.bounds import check_batch
from rlkit.segmentation.datasets.listing import TRAIN, VAL
from rlkit.spaces import Pixels

MEMORY = 1 << 30  # bytes of the cache of decoded images
DECODE_MEMORY = 1 << 30  # bytes of all threads while they decode
DECODE_BYTES = 12  # per pixel of an image with labels, while it is decoded
BATCH, BATCH_PIXELS = 16, 1 << 26  # maximum images, and pixels, of a batch for validation and tests
SELECTION = "selection"

Pair = tuple[Pixels, Pixels]


class PictureFiles(Protocol):
    """The files of one picture."""

    @property
    def picture(self) -> Path:
        """The picture itself."""
        ...

    @property
    def condition(self) -> str:
        """The sequence that it belongs to."""
        ...


F = TypeVar("F", bound=PictureFiles)
B = TypeVar("B")


class FolderReader(ABC, Generic[F, B]):
    """The pictures of a folder, resized to one size; a subclass says how one is decoded, and what a batch is.

    A block at the end of each training sequence is held out for validation, unless there are pictures for that; without
    any test split, another such block becomes the split `val`.

    Attributes:
        name: The folder, for messages.
        kind: Its layout.
        size: Height and width of all pictures.
        splits: Arguments of `measured`.
        training_pictures: Number of training pictures.
    """

    name: str
    kind: str
    size: tuple[int, int]
    splits: tuple[str, ...]
    training_pictures: int | None

    def _divide(self, splits: Mapping[str, Sequence[F]], held_out: float, selection: tuple[F, ...] = ()) -> list[F]:
        """Divide the pictures into those to train on, to validate on and to measure; return all of them.

        Args:
            splits: As the folder has them.
            held_out: Fraction of each training sequence that is held out; 0 for no validation.
            selection: Pictures for validation, where the folder has some.

        Raises:
            UserError: The fraction is none.
        """
        if not 0.0 <= held_out < 1.0:
            raise UserError(f"The fraction of pictures held out must be from 0 to below 1, not {held_out:g}.")
        self._splits = {split: tuple(files) for split, files in splits.items() if split != TRAIN}
        training = tuple(splits.get(TRAIN, ()))
        if not self._splits and held_out:
            training, apart = hold_out(training, held_out)
            self._splits = {VAL: apart} if apart else {}
        self._training, block = hold_out(training, 0.0 if selection else held_out)
        self._selection = selection or block
        self.splits = tuple(self._splits) or (TRAIN,)
        self.training_pictures = len(self._training)
        return [*self._training, *self._selection, *(one for some in self._splits.values() for one in some)]

    def _prepare(self, count: int, largest: int, memory: int, threads: int) -> None:
        """Start the threads, and the cache where `count` pictures fit into `memory`; the largest has so many pixels."""
        self._pool = ThreadPoolExecutor(decoding_threads(largest, threads), thread_name_prefix="pictures")
        picture_bytes = 4 * self.size[0] * self.size[1]
        self._cache: dict[Path, Pair] | None = {} if count * picture_bytes <= memory else None

    @abstractmethod
    def _decoded(self, files: F) -> Pair:
        """One resized picture with its classes of pixels."""

    @abstractmethod
    def _batch(self, files: Sequence[F], pairs: Sequence[Pair]) -> B:
        """A batch of these pictures."""

    def training(self, batch_size: int, generator: np.random.Generator) -> Iterator[B]:
        """Yield full batches without end, shuffled in each epoch.

        If the pictures fit into memory, all are decoded before the first batch, so that a damaged one is detected
        early.

        Raises:
            UserError: There are no training pictures, a batch is too large, or a picture is damaged.
        """
        if not self._training:
            raise UserError(f"{self.name} has no pictures to learn from.")
        check_batch(batch_size, self.size)
        if self._cache is not None:
            for _ in self._pool.map(self._pair, self._training):
                pass
        order = passes(len(self._training), generator)
        # The next batch is read while the trainer uses this one.
        coming = self._begin([self._training[next(order)] for _ in range(batch_size)])
        while True:
            batch, coming = coming, self._begin([self._training[next(order)] for _ in range(batch_size)])
            yield self._finish(batch)

    def selection(self) -> Iterator[B]:
        """Yield the validation pictures, in order."""
        return self._in_order(self._selection)

    def measured(self, split: str) -> Iterator[B]:
        """Yield the pictures of a split, in order; also of `train` and `selection`.

        Raises:
            UserError: There is no such split, or a picture is damaged.
        """
        return self._in_order(self._files(split))

    def _known(self) -> dict[str, tuple[F, ...]]:
        """The files of each split that has any."""
        known = {TRAIN: self._training, SELECTION: self._selection, **self._splits}
        return {split: files for split, files in known.items() if files}

    def _files(self, split: str) -> tuple[F, ...]:
        known = self._known()
        if split not in known:
            raise UserError(f"{self.name} ({self.kind}) has no split {split!r}: it has {', '.join(self.splits)}.")
        return known[split]

    def _in_order(self, files: Sequence[F]) -> Iterator[B]:
        count = max(1, min(BATCH, BATCH_PIXELS // (self.size[0] * self.size[1])))
        for first in range(0, len(files), count):
            yield self._finish(self._begin(files[first : first + count]))

    def _begin(self, files: Sequence[F]) -> list[tuple[F, Future[Pair]]]:
        """Start reading files in the threads."""
        return [(one, self._pool.submit(self._pair, one)) for one in files]

    def _finish(self, reading: Sequence[tuple[F, Future[Pair]]]) -> B:
        return self._batch([one for one, _ in reading], [future.result() for _, future in reading])

    def _pair(self, files: F) -> Pair:
        """`_decoded`, once. Two threads may read the same picture, with the same result."""
        if self._cache is not None and files.picture in self._cache:
            return self._cache[files.picture]
        pair = self._decoded(files)
        if self._cache is not None:
            self._cache[files.picture] = pair
        return pair


def decoding_threads(pixels: int, threads: int) -> int:
    """Number of threads that may decode images of so many pixels within `DECODE_MEMORY`, at most `threads`."""
    return max(1, min(threads, DECODE_MEMORY // (DECODE_BYTES * pixels)))


def hold_out(files: Sequence[F], share: float) -> tuple[tuple[F, ...], tuple[F, ...]]:
    """Hold out the last images of every sequence.

    Args:
        files: In order; those of one condition are a sequence.
        share: Fraction of each sequence, rounded to at least one image of sequences with several; 0 for none.

    Returns:
        The remaining and the held-out files.
    """
    sequences: defaultdict[str, list[F]] = defaultdict(list)
    for one in files:
        sequences[one.condition].append(one)
    kept: list[F] = []
    apart: list[F] = []
    for sequence in sequences.values():
        count = min(len(sequence) - 1, max(1, round(share * len(sequence)))) if share else 0
        kept += sequence[: len(sequence) - count]
        apart += sequence[len(sequence) - count :]
    return tuple(kept), tuple(apart)


def passes(count: int, generator: np.random.Generator) -> Iterator[int]:
    """Yield random permutations of 0 to `count` - 1 without end."""
    while True:
        order: npt.NDArray[np.int64] = generator.permutation(count)
        yield from order.tolist()
