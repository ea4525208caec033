"""`DetectionFolder`: pictures with boxes from the files of a data set on disk."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from rlkit.detection.datasets.base import DetectionIndex, PictureFile, objects_of
from rlkit.detection.objects import LabelledObjects, Objects
from rlkit.errors import UserError
from rlkit.segmentation.datasets.bounds import check_batch
from rlkit.segmentation.datasets.folder import (
    BATCH,
    BATCH_PIXELS,
    MEMORY,
    SELECTION,
    decoding_threads,
    hold_out,
    passes,
)
from rlkit.segmentation.datasets.image_file import read_header
from rlkit.segmentation.datasets.io import read_labels, read_picture, resize_labels, resize_picture
from rlkit.segmentation.datasets.listing import TRAIN, VAL
from rlkit.spaces import IGNORED, Pixels

LEAST_SIDE = 32  # pixels, which the network halves five times

Example = tuple[Pixels, Pixels]
_Reading = list[tuple[PictureFile, Future[Example]]]


class DetectionFolder:
    """A `DetectionDataset` of the pictures of a folder, resized to one size.

    A block at the end of each training sequence is held out for validation; without any test split, another such block
    becomes the split `val`. All headers are read and all boxes checked at construction, before anything is trained.

    Args:
        index: The files.
        name: The folder, for messages.
        size: Height and width of all pictures; None for those of the first.
        held_out: Fraction of each training sequence that is held out; 0 for no validation.
        memory: Maximum bytes of decoded pictures in memory.
        threads: Number of decoding threads; None for one per core.

    Raises:
        UserError: There are no pictures or no objects, a picture is damaged or of another size than its boxes, or a box
            is invalid.
    """

    def __init__(
        self,
        index: DetectionIndex,
        name: str,
        size: tuple[int, int] | None = None,
        *,
        held_out: float = 0.1,
        memory: int = MEMORY,
        threads: int | None = None,
    ):
        if not 0.0 <= held_out < 1.0:
            raise UserError(f"The fraction of pictures held out must be from 0 to below 1, not {held_out:g}.")
        self.name, self.kind, self.objects, self.classes = name, index.kind, index.objects, index.classes
        self._decode = index.decode
        self._splits = {split: files for split, files in index.splits.items() if split != TRAIN}
        training = index.splits.get(TRAIN, ())
        if not self._splits and held_out:
            training, apart = hold_out(training, held_out)
            self._splits = {VAL: apart} if apart else {}
        self._training, self._selection = hold_out(training, held_out)
        self.splits: tuple[str, ...] = tuple(self._splits) or (TRAIN,)
        self.training_pictures: int | None = len(self._training)
        files = [*self._training, *self._selection, *(one for some in self._splits.values() for one in some)]
        if not files:
            raise UserError(f"{name} holds no pictures with boxes.")
        threads = threads or os.cpu_count() or 1
        with ThreadPoolExecutor(threads, thread_name_prefix="headers") as pool:
            sizes = list(pool.map(_checked_size, files, chunksize=64))
        self.size = size or sizes[0]
        if min(self.size) < LEAST_SIDE:
            raise UserError(
                f"{name}: pictures of {self.size[0]}×{self.size[1]} pixels (height × width) are too small for a "
                f"detector, which needs {LEAST_SIDE}: choose a --size."
            )
        self._objects = {
            one.picture: objects_of(one.boxes, size).resized(size, self.size)
            for one, size in zip(files, sizes, strict=True)
        }
        self.has_distances = any(np.isfinite(one.distances).any() for one in self._objects.values())
        if not any((~one.ignored).any() for one in self._objects.values()):
            raise UserError(f"{name} holds no object that is not ignored: there is nothing to find.")
        masked = sum(one.labels is not None for one in files)
        if masked == 0:
            self.classes = None
        self.notes = (*index.notes, *_remarks(sizes, self.size, masked, self._ignored(), asked=size is not None))
        largest = max(height * width for height, width in sizes)
        self._pool = ThreadPoolExecutor(decoding_threads(largest, threads), thread_name_prefix="pictures")
        picture_bytes = 4 * self.size[0] * self.size[1]
        self._cache: dict[Path, Example] | None = {} if len(files) * picture_bytes <= memory else None

    def _ignored(self) -> float:
        """Share of the boxes that are ignored."""
        flags = np.concatenate([one.ignored for one in self._objects.values()])
        return float(flags.mean())

    def training(self, batch_size: int, generator: np.random.Generator) -> Iterator[LabelledObjects]:
        """Yield full batches without end, shuffled in each epoch.

        Raises:
            UserError: There are no training pictures, the batch is too large, or a picture is damaged.
        """
        if not self._training:
            raise UserError(f"{self.name} has no pictures to learn from.")
        check_batch(batch_size, self.size)
        if self._cache is not None:
            for _ in self._pool.map(self._example, self._training):
                pass
        order = passes(len(self._training), generator)
        # The next batch is read while the trainer uses this one.
        coming = self._begin([self._training[next(order)] for _ in range(batch_size)])
        while True:
            batch, coming = coming, self._begin([self._training[next(order)] for _ in range(batch_size)])
            yield self._finish(batch)

    def selection(self) -> Iterator[LabelledObjects]:
        """Yield the validation pictures, in order."""
        return self._in_order(self._selection)

    def measured(self, split: str) -> Iterator[LabelledObjects]:
        """Yield the pictures of a split, in order; also of `train` and `selection`.

        Raises:
            UserError: There is no such split, or a picture is damaged.
        """
        known = {TRAIN: self._training, SELECTION: self._selection, **self._splits}
        if not known.get(split):
            raise UserError(f"{self.name} ({self.kind}) has no split {split!r}: it has {', '.join(self.splits)}.")
        return self._in_order(known[split])

    def _in_order(self, files: Sequence[PictureFile]) -> Iterator[LabelledObjects]:
        count = max(1, min(BATCH, BATCH_PIXELS // (self.size[0] * self.size[1])))
        for first in range(0, len(files), count):
            yield self._finish(self._begin(files[first : first + count]))

    def _begin(self, files: Sequence[PictureFile]) -> _Reading:
        """Start reading files in the threads."""
        return [(one, self._pool.submit(self._example, one)) for one in files]

    def _finish(self, reading: _Reading) -> LabelledObjects:
        examples = [future.result() for _, future in reading]
        return LabelledObjects(
            np.stack([picture for picture, _ in examples]),
            np.stack([labels for _, labels in examples]),
            tuple(one.name for one, _ in reading),
            tuple(one.condition for one, _ in reading),
            objects=tuple(self._known(one) for one, _ in reading),
        )

    def _known(self, file: PictureFile) -> Objects:
        return self._objects[file.picture]

    def _example(self, file: PictureFile) -> Example:
        """One resized picture with its classes of pixels."""
        if self._cache is not None and file.picture in self._cache:
            return self._cache[file.picture]
        picture = read_picture(file.picture)
        labels = np.full(self.size, IGNORED, np.uint8)
        if file.labels is not None and self._decode is not None:
            stored = read_labels(file.labels, self._decode)
            if stored.shape != picture.shape[:2]:
                raise UserError(
                    f"{file.picture} is {picture.shape[1]}×{picture.shape[0]} pixels, but its labels {file.labels} are "
                    f"{stored.shape[1]}×{stored.shape[0]}: both must have the same size."
                )
            labels = resize_labels(stored, self.size)
        example = resize_picture(picture, self.size), labels
        if self._cache is not None:
            self._cache[file.picture] = example
        return example


def _checked_size(file: PictureFile) -> tuple[int, int]:
    """Height and width of a picture, after a check that its boxes are for this size."""
    size = read_header(file.picture).upright
    if file.size is not None and tuple(file.size) != size:
        raise UserError(
            f"{file.where}: the picture {file.picture} is {size[1]}×{size[0]} pixels (width × height), not "
            f"{file.size[1]}×{file.size[0]} as the file says."
        )
    return size


def _remarks(
    sizes: Sequence[tuple[int, int]], size: tuple[int, int], masked: int, ignored: float, *, asked: bool
) -> Iterator[str]:
    """What the user is told about the files."""
    counted = Counter(sizes)
    if len(counted) > 1:
        which = "" if asked else ", that of the first: --size chooses another"
        common = [f"{height}×{width} ({count})" for (height, width), count in counted.most_common(4)]
        yield (
            f"pictures have {len(counted)} sizes: {', '.join(common)}{', …' if len(counted) > 4 else ''} (height × "
            f"width); all are resized to {size[0]}×{size[1]}{which}"
        )
    if 0 < masked < len(sizes):
        yield f"{masked} of {len(sizes)} pictures have masks: the classes of pixels are learned from these only"
    if ignored > 0.5:
        yield f"{ignored:.0%} of all boxes are ignored"
