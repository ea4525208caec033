"""`DetectionFolder`: pictures with boxes from the files of a data set on disk."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from rlkit.detection.datasets.base import DetectionIndex, PictureFile, objects_of
from rlkit.detection.objects import LabelledObjects
from rlkit.errors import UserError
from rlkit.segmentation.datasets.folder_reader import MEMORY, FolderReader, Pair
from rlkit.segmentation.datasets.image_file import read_header
from rlkit.segmentation.datasets.io import read_labels, read_picture, resize_labels, resize_picture
from rlkit.spaces import IGNORED

LEAST_SIDE = 32  # pixels, which the network halves five times


class DetectionFolder(FolderReader[PictureFile, LabelledObjects]):
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
        self.name, self.kind, self.objects, self.classes = name, index.kind, index.objects, index.classes
        self._decode = index.decode
        files = self._divide(index.splits, held_out)
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
        self._prepare(len(files), largest, memory, threads)

    def _ignored(self) -> float:
        """Share of the boxes that are ignored."""
        flags = np.concatenate([one.ignored for one in self._objects.values()])
        return float(flags.mean())

    def _decoded(self, files: PictureFile) -> Pair:
        picture = read_picture(files.picture)
        labels = np.full(self.size, IGNORED, np.uint8)
        if files.labels is not None and self._decode is not None:
            stored = read_labels(files.labels, self._decode)
            if stored.shape != picture.shape[:2]:
                raise UserError(
                    f"{files.picture} is {picture.shape[1]}×{picture.shape[0]} pixels, but its labels {files.labels} "
                    f"are {stored.shape[1]}×{stored.shape[0]}: both must have the same size."
                )
            labels = resize_labels(stored, self.size)
        return resize_picture(picture, self.size), labels

    def _batch(self, files: Sequence[PictureFile], pairs: Sequence[Pair]) -> LabelledObjects:
        return LabelledObjects(
            np.stack([picture for picture, _ in pairs]),
            np.stack([labels for _, labels in pairs]),
            tuple(one.name for one in files),
            tuple(one.condition for one in files),
            objects=tuple(self._objects[one.picture] for one in files),
        )


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
