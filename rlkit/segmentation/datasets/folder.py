"""`FolderDataset`: labelled images from the files of a data set on disk."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from rlkit.boxes import Boxes
from rlkit.errors import DiskError, UserError
from rlkit.segmentation.datasets import read_dataset
from rlkit.segmentation.datasets.base import DatasetIndex, LabelledImages
from rlkit.segmentation.datasets.bounds import check_batch
from rlkit.segmentation.datasets.drivable import check_files
from rlkit.segmentation.datasets.image_file import Header, check_lossless, read_header
from rlkit.segmentation.datasets.io import ImageFiles, check_sizes, read_pair, resize_labels, resize_picture
from rlkit.segmentation.datasets.listing import TRAIN, VAL
from rlkit.spaces import Pixels

MEMORY = 1 << 30  # bytes of the cache of decoded images
DECODE_MEMORY = 1 << 30  # bytes of all threads while they decode
DECODE_BYTES = 12  # per pixel of an image with labels, while it is decoded
BATCH, BATCH_PIXELS = 16, 1 << 26  # maximum images, and pixels, of a batch for validation and tests
SELECTION = "selection"
FEW = 2  # training pictures

Pair = tuple[Pixels, Pixels]


class _InSequence(Protocol):
    @property
    def condition(self) -> str: ...


F = TypeVar("F", bound=_InSequence)


class FolderDataset:
    """A `Dataset` of the images of a folder, resized to one size.

    Unless the data set has validation images, a block of consecutive images at the end of each training sequence is
    held out for validation: single random frames would have near duplicates among the training images. Without any
    test split, another such block becomes the split `val`.

    All headers are read at construction, to detect most errors before training. A data set that fits into memory is
    decoded once.

    Args:
        dataset: Index of the files.
        name: The folder, for messages.
        size: Height and width of all images; None for those of the first.
        held_out: Fraction of each training sequence that is held out; 0 for no validation.
        memory: Maximum bytes of decoded images in memory.
        threads: Number of decoding threads; None for one per core.

    Raises:
        UserError: There are no labelled images, or an image is damaged or differs in size from its labels.
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
            raise UserError(f"The fraction of pictures held out must be from 0 to below 1, not {held_out:g}.")
        self.name, self.kind, self.classes = name, dataset.kind, dataset.classes
        self.box_classes = dataset.box_classes
        self._decode = dataset.decode
        self._splits = {split: pairs for split, pairs in dataset.splits.items() if split != TRAIN}
        training = dataset.splits.get(TRAIN, ())
        if not self._splits and held_out:
            training, apart = hold_out(training, held_out)
            self._splits = {VAL: apart} if apart else {}
        training, block = hold_out(training, 0.0 if dataset.selection else held_out)
        self._training, self._selection = training, dataset.selection or block
        self._held_out = held_out
        self._chosen_by_block = not dataset.selection
        self.splits: tuple[str, ...] = tuple(self._splits) or (TRAIN,)
        self.training_pictures: int | None = len(training)
        files = [*training, *self._selection, *(pair for pairs in self._splits.values() for pair in pairs)]
        if not files:
            raise UserError(f"{name} holds no labelled pictures.")
        self.size = size or read_header(files[0].picture).upright
        threads = threads or os.cpu_count() or 1
        with ThreadPoolExecutor(threads, thread_name_prefix="headers") as pool:
            headers = list(pool.map(_headers, files, chunksize=64))
        self._boxes = _resized_boxes(dataset, files, headers, self.size)
        self.notes = (*dataset.notes, *_remarks(headers, self.size, asked=size is not None))
        largest = max(picture.stored[0] * picture.stored[1] for picture, _ in headers)
        self._pool = ThreadPoolExecutor(decoding_threads(largest, threads), thread_name_prefix="pictures")
        picture_bytes = 4 * self.size[0] * self.size[1]
        self._cache: dict[Path, Pair] | None = {} if len(files) * picture_bytes <= memory else None

    def check_training(self) -> tuple[str, ...]:
        """Check that training and validation labels hold drivable pixels; return warnings.

        Raises:
            UserError: There are no training images, or labels hold no drivable pixel. A held-out block without any is
                a warning.
        """
        if not self._training:
            raise UserError(
                f"{self.name} has no pictures to train on, only {', '.join(self._known()) or 'none'}: expected a split "
                f"called {TRAIN}, beside which others are measured."
            )
        warnings = check_files(self._training, self._decode, self.classes, "training masks", self._pool)
        count, left = len(self._training), "" if self._selection else "none is left for validation"
        if count <= FEW:
            pictures = f"{count} picture{'s'[: count - 1]}"
            warnings += (f"there is only {pictures} to train on{f', and {left}' if left else ''}",)
        elif left and self._held_out:
            warnings += (f"{left}, since every sequence has one picture: the newest weights are kept as the best",)
        try:
            warnings += check_files(self._selection, self._decode, self.classes, "validation masks", self._pool)
        except UserError as error:
            if isinstance(error, DiskError) or not self._chosen_by_block:
                raise
            warnings += (f"{error} The best weights cannot be chosen by them: see --val-fraction.",)
        return warnings

    def check_split(self, split: str) -> tuple[str, ...]:
        """Check that the labels of a split hold drivable pixels; return warnings.

        Raises:
            UserError: There is no such split, or its labels hold no drivable pixel.
        """
        what = f"masks of the split {split}"
        warnings = check_files(self._files(split), self._decode, self.classes, what, self._pool)
        if split == TRAIN:
            warnings += (f"the pictures of {TRAIN} may be those that the network was trained on",)
        return warnings

    def training(self, batch_size: int, generator: np.random.Generator) -> Iterator[LabelledImages]:
        """Yield full batches without end, shuffled in each epoch.

        If the images fit into memory, all are decoded before the first batch, so that a damaged one is detected early.

        Raises:
            UserError: There are no training images, a batch is too large, or an image is damaged.
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

    def selection(self) -> Iterator[LabelledImages]:
        """Yield the validation images, in order."""
        return self._in_order(self._selection)

    def measured(self, split: str) -> Iterator[LabelledImages]:
        """Yield the images of a split, in order; also of `train` and `selection`.

        Raises:
            UserError: There is no such split, or an image is damaged.
        """
        return self._in_order(self._files(split))

    def _known(self) -> dict[str, tuple[ImageFiles, ...]]:
        """The files of each split that has any."""
        known = {TRAIN: self._training, SELECTION: self._selection, **self._splits}
        return {split: files for split, files in known.items() if files}

    def _files(self, split: str) -> tuple[ImageFiles, ...]:
        known = self._known()
        if split not in known:
            raise UserError(f"{self.name} ({self.kind}) has no split {split!r}: it has {', '.join(self.splits)}.")
        return known[split]

    def _in_order(self, files: Sequence[ImageFiles]) -> Iterator[LabelledImages]:
        count = max(1, min(BATCH, BATCH_PIXELS // (self.size[0] * self.size[1])))
        for first in range(0, len(files), count):
            yield self._finish(self._begin(files[first : first + count]))

    def _begin(self, files: Sequence[ImageFiles]) -> "_Reading":
        """Start reading files in the threads."""
        return [(one, self._pool.submit(self._pair, one)) for one in files]

    def _finish(self, reading: "_Reading") -> LabelledImages:
        pairs = [future.result() for _, future in reading]
        return LabelledImages(
            np.stack([picture for picture, _ in pairs]),
            np.stack([labels for _, labels in pairs]),
            tuple(files.name for files, _ in reading),
            tuple(files.condition for files, _ in reading),
            tuple(self._boxes[files.picture] for files, _ in reading) if self.box_classes else None,
        )

    def _pair(self, files: ImageFiles) -> Pair:
        """One resized image with labels. Two threads may read the same one, with the same result."""
        if self._cache is not None and files.picture in self._cache:
            return self._cache[files.picture]
        picture, labels = read_pair(files, self._decode)
        pair = resize_picture(picture, self.size), resize_labels(labels, self.size)
        if self._cache is not None:
            self._cache[files.picture] = pair
        return pair


_Reading = list[tuple[ImageFiles, Future[Pair]]]


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


def _headers(files: ImageFiles) -> tuple[Header, Header]:
    """The headers of an image and its labels, after a check of their sizes and of the labels' compression."""
    picture, labels = read_header(files.picture), read_header(files.labels)
    check_lossless(files.labels, labels)
    check_sizes(files, picture.upright, labels.stored)
    return picture, labels


def _resized_boxes(
    dataset: DatasetIndex, files: Sequence[ImageFiles], headers: Sequence[tuple[Header, Header]], size: tuple[int, int]
) -> dict[Path, Boxes]:
    """The boxes of each picture at another size.

    Raises:
        UserError: A picture has another size than its boxes were drawn for.
    """
    boxes = {}
    for one, (header, _) in zip(files, headers, strict=True):
        image = dataset.boxes.get(one.picture)
        if image is None:
            continue
        if image.size != header.upright:
            (height, width), (rows, columns) = image.size, header.upright
            raise UserError(f"{one.picture} is {columns}×{rows} pixels, but its boxes are for {width}×{height}.")
        boxes[one.picture] = image.boxes.resized(image.size, size)
    return boxes


def _remarks(headers: Sequence[tuple[Header, Header]], size: tuple[int, int], *, asked: bool) -> Iterator[str]:
    """What the user is told about the files."""
    turned = sum(picture.turned for picture, _ in headers)
    if turned:
        yield (
            f"{turned} of {len(headers)} pictures have an EXIF orientation and are turned upright; labels are read as "
            "they are stored, so that they must show the upright pictures"
        )
    if any(labels.turned for _, labels in headers):
        yield "labels have an EXIF orientation, which is ignored: they are read as they are stored"
    sizes = Counter(picture.upright for picture, _ in headers)
    if len(sizes) > 1:
        common = [f"{height}×{width} ({count})" for (height, width), count in sizes.most_common(4)]
        yield (
            f"pictures have {len(sizes)} sizes: {', '.join(common)}{', …' if len(sizes) > 4 else ''} (height × width); "
            f"all are resized to {size[0]}×{size[1]}{'' if asked else ', that of the first: --size chooses another'}"
        )


def open_folder(
    folder: Path, size: tuple[int, int] | None = None, *, held_out: float = 0.1, memory: int = MEMORY
) -> FolderDataset:
    """Open a data set on disk.

    Args:
        folder: In one of the layouts of `segmentation.datasets.LAYOUTS`.
        size: Height and width of all images; None for those of the first.
        held_out: Fraction of each training sequence held out for validation.
        memory: Maximum bytes of decoded images in memory.

    Raises:
        UserError: There is no such folder, its layout is unknown, or one of its files is invalid.
    """
    return FolderDataset(read_dataset(folder), str(folder), size, held_out=held_out, memory=memory)
