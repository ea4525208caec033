"""Write labelled images to a folder, in the layout of `datasets.custom`."""

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rlkit.errors import UserError
from rlkit.segmentation.datasets.base import BoxDataset, Dataset, LabelledImages
from rlkit.segmentation.datasets.coco import CocoImage, coco_tree
from rlkit.segmentation.datasets.custom import BOXES, CLASSES, CONDITIONS, IMAGES, MASKS, SELECTION
from rlkit.segmentation.datasets.listing import TRAIN
from rlkit.spaces import Pixels
from rlkit.utils.io import disk_errors, new_folder
from rlkit.utils.paths import path_inside

_BATCH = 32
_COMPRESSION = 1  # PNG level; higher ones are many times slower and save a tenth of the size


def write_dataset(
    source: Dataset,
    out: Path,
    pictures: int,
    seed: int = 0,
    progress: Callable[[int], None] = lambda count: None,
) -> dict[str, int]:
    """Write training, validation and test images, and their boxes if there are any, atomically.

    Args:
        source: The data set to copy from.
        out: The folder to create.
        pictures: Number of training images.
        seed: Selects them.
        progress: Called with the number of images written since the last call.

    Returns:
        Number of images by split.

    Raises:
        UserError: The folder exists, or cannot be written.
    """
    check_target(out, pictures)
    box_classes = source.box_classes if isinstance(source, BoxDataset) else ()
    counts: dict[str, int] = {}
    conditions: dict[str, str] = {}
    with disk_errors(str(out)), new_folder(out) as folder:
        for kind in (IMAGES, MASKS, *([BOXES] if box_classes else [])):
            (folder / kind).mkdir()
        _write_json(folder / CLASSES, source.classes.to_json(), 2)
        for split, batches in _splits(source, pictures, seed):
            count = 0
            boxed: dict[str, CocoImage] = {}
            with ThreadPoolExecutor() as pool:
                for batch in batches:
                    names = [f"{split}-{number:06}" for number in range(count, count + len(batch))]
                    for kind in (IMAGES, MASKS) if count == 0 else ():
                        path_inside(folder, f"{kind}/{split}").mkdir()
                    list(pool.map(partial(_write, folder, split), names, batch.images, batch.labels))
                    conditions.update(zip(names, batch.conditions, strict=True))
                    for name, boxes in zip(names, batch.boxes or (), strict=False):
                        boxed[f"{name}.png"] = CocoImage((batch.images.shape[1], batch.images.shape[2]), boxes)
                    count += len(batch)
                    progress(len(batch))
            if count:
                counts[split] = count
                if box_classes:
                    path = path_inside(folder, f"{BOXES}/{split}.json")
                    _write_json(path, coco_tree(box_classes, boxed), None)
        if any(conditions.values()):
            _write_json(folder / CONDITIONS, conditions, 0)
    return counts


def check_target(out: Path, pictures: int) -> None:
    """Check, before the work is done, that the folder can be created.

    Raises:
        UserError: It exists, or there is nothing to write.
    """
    if pictures < 1:
        raise UserError(f"{pictures} training pictures: expected at least 1.")
    if os.path.lexists(out):
        raise UserError(f"{out} exists already; name a new folder.", exit_code=1)


def _splits(source: Dataset, pictures: int, seed: int) -> Iterator[tuple[str, Iterator[LabelledImages]]]:
    yield TRAIN, _first(source.training(_BATCH, np.random.default_rng(seed)), pictures)
    yield SELECTION, source.selection()
    for split in source.splits:
        if split not in (TRAIN, SELECTION):
            yield split, source.measured(split)


def _first(batches: Iterator[LabelledImages], count: int) -> Iterator[LabelledImages]:
    for batch in islice(batches, -(-count // _BATCH)):
        part = slice(min(count, len(batch)))
        count -= len(batch)
        yield batch.part(part)


def _write(folder: Path, split: str, name: str, image: Pixels, labels: Pixels) -> None:
    """Create two new files; existing files and links in the folder are never written to or followed."""
    for kind, pixels in ((IMAGES, image), (MASKS, labels)):
        with path_inside(folder, f"{kind}/{split}/{name}.png").open("xb") as file:
            Image.fromarray(pixels).save(file, "png", compress_level=_COMPRESSION)


def _write_json(path: Path, content: Any, indent: int | None) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.write(json.dumps(content, indent=indent) + "\n")
