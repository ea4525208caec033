"""Captions in COCO's JSON format (Chen et al. 2015), in which most public data sets of captions are to be had."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rlkit.captioning.datasets.base import CaptionedImages, Tokens
from rlkit.captioning.vocabulary import LONGEST
from rlkit.detection.datasets.coco import found_pictures, split_of_file, training_first, whole_number
from rlkit.detection.datasets.folder import LEAST_SIDE
from rlkit.detection.datasets.json_scan import Entry, scan
from rlkit.errors import UserError
from rlkit.segmentation.datasets.bounds import check_size
from rlkit.segmentation.datasets.folder_reader import MEMORY, FolderReader, Pair
from rlkit.segmentation.datasets.image_file import read_header
from rlkit.segmentation.datasets.io import read_picture, resize_picture

PREFIX = "captions_"
STRUCTURE = f"annotations/{PREFIX}*.json"
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_NO_LABELS = np.zeros((0, 0), np.uint8)


def tokens_of(caption: str) -> Tokens:
    """Words of a caption in lower case, without marks, as they are scored; too long ones are left out."""
    return tuple(word for word in _WORD.findall(caption.lower().replace("’", "'")) if len(word) <= LONGEST)


@dataclass(frozen=True)
class CaptionedFile:
    """A picture on disk with its captions.

    Args:
        picture: The image file.
        captions: At least one.
        where: File and line that name it, for messages.
        condition: By which figures are grouped; "" if unknown.
    """

    picture: Path
    captions: tuple[Tokens, ...]
    where: str
    condition: str = ""


class CocoCaptions(FolderReader[CaptionedFile, CaptionedImages]):
    """A `CaptionDataset` of a folder in COCO's layout: `images`, and `annotations` with `image_id` and `caption`.

        annotations/captions_train2017.json     and pictures in train2017/ or images/train2017/
        annotations/captions_train.json         and pictures in train/, images/train/ or images/

    A field beyond COCO's is read: `condition` of an image, by which figures are grouped. All files are read and checked
    at construction, before anything is trained.

    Args:
        folder: The data set.
        size: Height and width of all pictures; None for those of the first.
        held_out: Fraction of the training pictures that is held out for validation; 0 for none.
        memory: Maximum bytes of decoded pictures in memory.
        threads: Number of decoding threads; None for one per core.

    Raises:
        UserError: A file is damaged, a picture is missing, or a caption has no words; the message names file and line.
    """

    kind = "COCO captions"
    frames = 1
    signals: tuple[str, ...] = ()
    language = ""
    words: tuple[str, ...] | None = None

    def __init__(
        self,
        folder: Path,
        size: tuple[int, int] | None = None,
        *,
        held_out: float = 0.1,
        memory: int = MEMORY,
        threads: int | None = None,
    ):
        self.name = str(folder)
        files = self._divide(_splits(folder), held_out)
        threads = threads or os.cpu_count() or 1
        with ThreadPoolExecutor(threads, thread_name_prefix="headers") as pool:
            sizes = list(pool.map(lambda one: read_header(one.picture).upright, files, chunksize=64))
        self.size = size or sizes[0]
        check_size(self.size)
        if min(self.size) < LEAST_SIDE:
            raise UserError(
                f"{folder}: pictures of {self.size[0]}×{self.size[1]} pixels (height × width) are too small for a "
                f"captioner, which needs {LEAST_SIDE}: choose a --size."
            )
        self.notes = tuple(_remarks(sizes, self.size, asked=size is not None))
        self._prepare(len(files), max(height * width for height, width in sizes), memory, threads)

    def training_captions(self) -> Iterator[Tokens]:
        """Yield the captions of the training pictures."""
        for one in self._training:
            yield from one.captions

    def _decoded(self, files: CaptionedFile) -> Pair:
        return resize_picture(read_picture(files.picture), self.size), _NO_LABELS

    def _batch(self, files: Sequence[CaptionedFile], pairs: Sequence[Pair]) -> CaptionedImages:
        return CaptionedImages(
            np.stack([picture for picture, _ in pairs])[:, None],
            np.zeros((len(files), 0), np.float32),
            tuple(one.captions for one in files),
            tuple(one.picture.stem for one in files),
            tuple(one.condition for one in files),
        )


def recognises(folder: Path) -> bool:
    """Whether a folder has captions in COCO's layout."""
    return bool(_files(folder))


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob(STRUCTURE))


def _splits(folder: Path) -> Mapping[str, tuple[CaptionedFile, ...]]:
    """The pictures of each split, that for training first."""
    splits: dict[str, tuple[CaptionedFile, ...]] = {}
    for path in _files(folder):
        split = split_of_file(path, PREFIX)
        if split in splits:
            raise UserError(f"{path} is a second file of the split {split}: merge or rename one.")
        splits[split] = _read(path, folder)
    return training_first(splits)


def _read(path: Path, folder: Path) -> tuple[CaptionedFile, ...]:
    """The pictures of a file."""
    images: dict[int, tuple[Entry, dict[str, Any]]] = {}
    annotations: list[tuple[Entry, int, Any]] = []
    for entry in scan(path):
        if entry.section not in ("images", "annotations"):
            continue
        one, where = entry.value, f"{path}, line {entry.line}"
        if not isinstance(one, dict):
            raise UserError(f"{where}: expected an object in the list {entry.section!r}, not {one!r:.60}.")
        try:
            if entry.section == "annotations":
                annotations.append((entry, whole_number(one["image_id"]), one["caption"]))
            elif whole_number(one["id"]) in images:
                raise UserError(f"{where}: the id {one['id']} occurs twice in 'images'.")
            else:
                images[one["id"]] = (entry, one)
        except KeyError as error:
            raise UserError(f"{where}: the entry of {entry.section!r} lacks {error}.") from error
        except ValueError as error:
            raise UserError(f"{where}: {error}.") from error
    if not images or not annotations:
        raise UserError(f"{path} holds no captions in COCO's format: expected the lists 'images' and 'annotations'.")
    captions: dict[int, list[Tokens]] = defaultdict(list)
    for entry, identity, caption in annotations:
        where = f"{path}, line {entry.line}"
        if identity not in images:
            raise UserError(f"{where}: the caption is for the image {identity}, which is not in 'images'.")
        if not isinstance(caption, str) or not tokens_of(caption):
            raise UserError(f"{where}: 'caption' must be a sentence, not {caption!r:.60}.")
        captions[identity].append(tokens_of(caption))
    return _pictures(path, folder, images, captions)


def _pictures(
    path: Path,
    folder: Path,
    images: Mapping[int, tuple[Entry, dict[str, Any]]],
    captions: Mapping[int, list[Tokens]],
) -> tuple[CaptionedFile, ...]:
    made = []
    for identity, found in found_pictures(path, folder, images, PREFIX):
        if identity not in captions:
            name = images[identity][1]["file_name"]
            raise UserError(f"{found.where}: the image {name} has no caption in 'annotations'.")
        made.append(CaptionedFile(found.picture, tuple(captions[identity]), found.where, found.condition))
    return tuple(made)


def _remarks(sizes: Sequence[tuple[int, int]], size: tuple[int, int], *, asked: bool) -> Iterator[str]:
    """What the user is told about the files."""
    count = len(Counter(sizes))
    if count > 1:
        which = "" if asked else ", that of the first: --size chooses another"
        yield f"pictures have {count} sizes; all are resized to {size[0]}×{size[1]} (height × width){which}"
