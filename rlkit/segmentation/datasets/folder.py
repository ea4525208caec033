"""`FolderDataset`: labelled images from the files of a data set on disk."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from rlkit.boxes import Boxes
from rlkit.errors import DiskError, UserError
from rlkit.segmentation.datasets import read_dataset
from rlkit.segmentation.datasets.base import DatasetIndex, LabelledImages
from rlkit.segmentation.datasets.drivable import check_files
from rlkit.segmentation.datasets.folder_reader import MEMORY, FolderReader, Pair
from rlkit.segmentation.datasets.image_file import Header, check_lossless, read_header
from rlkit.segmentation.datasets.io import ImageFiles, check_sizes, read_pair, resize_labels, resize_picture
from rlkit.segmentation.datasets.listing import TRAIN

FEW = 2  # training pictures


class FolderDataset(FolderReader[ImageFiles, LabelledImages]):
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
        self.name, self.kind, self.classes = name, dataset.kind, dataset.classes
        self.box_classes = dataset.box_classes
        self._decode = dataset.decode
        files = self._divide(dataset.splits, held_out, dataset.selection)
        self._held_out = held_out
        self._chosen_by_block = not dataset.selection
        if not files:
            raise UserError(f"{name} holds no labelled pictures.")
        self.size = size or read_header(files[0].picture).upright
        threads = threads or os.cpu_count() or 1
        with ThreadPoolExecutor(threads, thread_name_prefix="headers") as pool:
            headers = list(pool.map(_headers, files, chunksize=64))
        self._boxes = _resized_boxes(dataset, files, headers, self.size)
        self.notes = (*dataset.notes, *_remarks(headers, self.size, asked=size is not None))
        largest = max(picture.stored[0] * picture.stored[1] for picture, _ in headers)
        self._prepare(len(files), largest, memory, threads)

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

    def _decoded(self, files: ImageFiles) -> Pair:
        picture, labels = read_pair(files, self._decode)
        return resize_picture(picture, self.size), resize_labels(labels, self.size)

    def _batch(self, files: Sequence[ImageFiles], pairs: Sequence[Pair]) -> LabelledImages:
        return LabelledImages(
            np.stack([picture for picture, _ in pairs]),
            np.stack([labels for _, labels in pairs]),
            tuple(one.name for one in files),
            tuple(one.condition for one in files),
            tuple(self._boxes[one.picture] for one in files) if self.box_classes else None,
        )


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
