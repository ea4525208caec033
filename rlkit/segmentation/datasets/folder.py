"""Labelled pictures from files of a data set on disk."""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rlkit.errors import UserError
from rlkit.segmentation.datasets import read_dataset
from rlkit.segmentation.datasets.base import DatasetIndex, LabelledImages
from rlkit.segmentation.datasets.bounds import check_batch
from rlkit.segmentation.datasets.image_file import read_size
from rlkit.segmentation.datasets.io import ImageFiles, check_sizes, read_pair, resize_labels, resize_picture
from rlkit.spaces import Pixels

MEMORY = 1 << 30  # bytes of pictures that are kept after they were read once
READING = 1 << 30  # bytes that the threads may take while they decode
TRAIN, SELECTION, VAL = "train", "selection", "val"
_BATCH = 16  # pictures read at once where nobody asked for a number, fewer where they are very large
_BATCH_PIXELS = 1 << 26
_DECODING = 12  # bytes per pixel while a picture and its labels are decoded

Pair = tuple[Pixels, Pixels]


class FolderDataset:
    """The pictures of a data set on disk, of one size; a `Dataset`.

    A block of consecutive pictures at the end of each training sequence is set apart to choose the best weights by,
    where the data set has none for that: single frames drawn at random would have near doubles among those that are
    learnt from. Where there is nothing else to measure on, another such block becomes the split `val`.

    Every header is read at once, so that most of what is wrong with a data set is said before anything is learnt. What
    fits into memory is decoded once.

    Args:
        dataset: What a layout found.
        name: For people: the folder.
        size: Height and width that all pictures are brought to; None for that of the first.
        held_out: Share of each training sequence that is set apart; 0 learns from all and has no selection.
        memory: Bytes of decoded pictures that may be kept.
        threads: That decode; None for one per core.

    Raises:
        UserError: There is nothing to learn from, or a picture is no picture or of another size than its labels.
    """

    def __init__(
        self,
        dataset: DatasetIndex,
        name: str,
        size: tuple[int, int] | None = None,
        *,
        held_out: float = 0.1,
        memory: int = MEMORY,
        threads: int | None = None,
    ):
        if not 0.0 <= held_out < 1.0:
            raise UserError(f"The share of pictures held out for selection is from 0 to below 1, not {held_out:g}.")
        self.name, self.kind, self.classes = name, dataset.kind, dataset.classes
        self._decode = dataset.decode
        self._splits = {split: pairs for split, pairs in dataset.splits.items() if split != TRAIN}
        training = dataset.splits.get(TRAIN, ())
        if not self._splits and held_out:
            training, self._splits[VAL] = hold_out(training, held_out)
        training, block = hold_out(training, 0.0 if dataset.selection else held_out)
        self._training, self._selection = training, dataset.selection or block
        self.splits: tuple[str, ...] = tuple(self._splits) or (TRAIN,)
        self.training_pictures: int | None = len(training)
        files = [*training, *self._selection, *(pair for pairs in self._splits.values() for pair in pairs)]
        if not files:
            raise UserError(f"{name} holds no labelled pictures.")
        self.size = size or read_size(files[0].picture)
        threads = threads or os.cpu_count() or 1
        with ThreadPoolExecutor(threads, thread_name_prefix="headers") as pool:
            largest = max(pool.map(_pixels, files, chunksize=64))
        self._pool = ThreadPoolExecutor(
            max(1, min(threads, READING // (_DECODING * largest))), thread_name_prefix="pictures"
        )
        picture_bytes = 4 * self.size[0] * self.size[1]
        self._kept: dict[Path, Pair] | None = {} if len(files) * picture_bytes <= memory else None

    def training(self, batch_size: int, generator: np.random.Generator) -> Iterator[LabelledImages]:
        """Give batches for ever; each pass over the pictures goes in another order, all batches are full.

        Where pictures fit into memory, all are read before the first batch, so that a damaged one stops at once.

        Raises:
            UserError: There is nothing to learn from, batches would not fit into memory, or a picture is damaged.
        """
        if not self._training:
            raise UserError(f"{self.name} has no pictures to learn from.")
        check_batch(batch_size, self.size)
        if self._kept is not None:
            for _ in self._pool.map(self._pair, self._training):
                pass
        order = _passes(len(self._training), generator)
        # The next batch is being read while this one is learnt from.
        coming = self._begin([self._training[next(order)] for _ in range(batch_size)])
        while True:
            batch, coming = coming, self._begin([self._training[next(order)] for _ in range(batch_size)])
            yield self._finish(batch)

    def selection(self) -> Iterator[LabelledImages]:
        """Give the pictures that were set apart, in order."""
        return self._in_order(self._selection)

    def measured(self, split: str) -> Iterator[LabelledImages]:
        """Give the pictures of a split, in order; `train` and `selection` are splits, too, for who asks.

        Raises:
            UserError: There is no such split, or a picture is damaged.
        """
        known = {TRAIN: self._training, SELECTION: self._selection, **self._splits}
        if split not in known or not known[split]:
            raise UserError(f"{self.name} ({self.kind}) has no split {split!r}: {', '.join(self.splits)} are there.")
        return self._in_order(known[split])

    def _in_order(self, files: Sequence[ImageFiles]) -> Iterator[LabelledImages]:
        count = max(1, min(_BATCH, _BATCH_PIXELS // (self.size[0] * self.size[1])))
        for first in range(0, len(files), count):
            yield self._finish(self._begin(files[first : first + count]))

    def _begin(self, files: Sequence[ImageFiles]) -> "_Reading":
        """Have pictures read by the threads."""
        return [(one, self._pool.submit(self._pair, one)) for one in files]

    def _finish(self, reading: "_Reading") -> LabelledImages:
        pairs = [future.result() for _, future in reading]
        return LabelledImages(
            np.stack([picture for picture, _ in pairs]),
            np.stack([labels for _, labels in pairs]),
            tuple(files.name for files, _ in reading),
            tuple(files.condition for files, _ in reading),
        )

    def _pair(self, files: ImageFiles) -> Pair:
        """One picture and its labels at the size of all; threads may read one twice, to the same result."""
        if self._kept is not None and files.picture in self._kept:
            return self._kept[files.picture]
        picture, labels = read_pair(files, self._decode)
        pair = resize_picture(picture, self.size), resize_labels(labels, self.size)
        if self._kept is not None:
            self._kept[files.picture] = pair
        return pair


_Reading = list[tuple[ImageFiles, Future[Pair]]]


def hold_out(files: Sequence[ImageFiles], share: float) -> tuple[tuple[ImageFiles, ...], tuple[ImageFiles, ...]]:
    """Set the last pictures of every sequence apart.

    Args:
        files: In order; those of one condition are a sequence.
        share: Of each sequence that is set apart, at least one picture of those that have several; 0 for none.

    Returns:
        The others, and those set apart.
    """
    sequences = defaultdict(list)
    for one in files:
        sequences[one.condition].append(one)
    kept: list[ImageFiles] = []
    apart: list[ImageFiles] = []
    for sequence in sequences.values():
        count = min(len(sequence) - 1, max(1, round(share * len(sequence)))) if share else 0
        kept += sequence[: len(sequence) - count]
        apart += sequence[len(sequence) - count :]
    return tuple(kept), tuple(apart)


def _passes(count: int, generator: np.random.Generator) -> Iterator[int]:
    """Numbers below `count` for ever, each once per pass, every pass in another order."""
    while True:
        order: npt.NDArray[np.int64] = generator.permutation(count)
        yield from order.tolist()


def _pixels(files: ImageFiles) -> int:
    """How many pixels a picture has, by its header, which has to agree with that of its labels."""
    height, width = read_size(files.picture)
    check_sizes(files, (height, width), read_size(files.labels))
    return height * width


def open_folder(
    folder: Path, size: tuple[int, int] | None = None, *, held_out: float = 0.1, memory: int = MEMORY
) -> FolderDataset:
    """Open a data set on disk, whose layout is found out by its folders.

    Args:
        folder: See `segmentation.datasets` for what is known.
        size: Height and width that all pictures are brought to; None for that of the first.
        held_out: Share of each training sequence by which the best weights are chosen.
        memory: Bytes of decoded pictures that may be kept.

    Raises:
        UserError: There is no such folder, no known layout, or something is wrong with one of its files.
    """
    return FolderDataset(read_dataset(folder), str(folder), size, held_out=held_out, memory=memory)
