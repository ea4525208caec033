"""Writing labelled pictures as a data set of files, in the layout of `layouts.own`."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from rlkit.errors import UserError
from rlkit.files import disk_errors, new_folder
from rlkit.perception.data.layouts.own import CLASSES, CONDITIONS, IMAGES, MASKS, SELECTION, TRAIN
from rlkit.perception.pictures import LabelledPictures, PictureSource, Pixels

_BATCH = 32
_FASTEST = 1  # of PNG's degrees of compression; the others are many times slower for a tenth of the size


def write_dataset(
    source: PictureSource,
    out: Path,
    pictures: int,
    seed: int = 0,
    progress: Callable[[int], None] = lambda count: None,
) -> dict[str, int]:
    """Write pictures to learn from, to choose by and to measure on, complete or not at all.

    Args:
        source: Where they come from.
        out: The folder to make.
        pictures: How many to learn from.
        seed: Decides which.
        progress: Is told how many have been written each time.

    Returns:
        Pictures by split.

    Raises:
        UserError: The folder exists, or cannot be written.
    """
    check_target(out, pictures)
    counts: dict[str, int] = {}
    conditions: dict[str, str] = {}
    with disk_errors(str(out)), new_folder(out) as folder:
        (folder / CLASSES).write_text(json.dumps(source.classes.to_json(), indent=2) + "\n")
        for split, batches in _splits(source, pictures, seed):
            count = 0
            with ThreadPoolExecutor() as pool:
                for batch in batches:
                    names = [f"{split}-{number:06}" for number in range(count, count + len(batch))]
                    for kind in (IMAGES, MASKS):
                        (folder / kind / split).mkdir(parents=True, exist_ok=True)
                    list(pool.map(partial(_write, folder, split), names, batch.images, batch.labels))
                    conditions.update(zip(names, batch.conditions, strict=True))
                    count += len(batch)
                    progress(len(batch))
            if count:
                counts[split] = count
        if any(conditions.values()):
            (folder / CONDITIONS).write_text(json.dumps(conditions, indent=0) + "\n")
    return counts


def check_target(out: Path, pictures: int) -> None:
    """Find out before the work is done whether it could be written.

    Raises:
        UserError: The folder exists, or there is nothing to write.
    """
    if pictures < 1:
        raise UserError(f"{pictures} pictures to learn from: expected at least 1.")
    if out.exists():
        raise UserError(f"{out} exists already; name a new folder.", exit_code=1)


def _splits(source: PictureSource, pictures: int, seed: int) -> Iterator[tuple[str, Iterator[LabelledPictures]]]:
    yield TRAIN, _first(source.training(_BATCH, np.random.default_rng(seed)), pictures)
    yield SELECTION, source.selection()
    for split in source.splits:
        if split not in (TRAIN, SELECTION):
            yield split, source.measured(split)


def _first(batches: Iterator[LabelledPictures], count: int) -> Iterator[LabelledPictures]:
    for batch in islice(batches, -(-count // _BATCH)):
        part = slice(min(count, len(batch)))
        count -= len(batch)
        yield LabelledPictures(batch.images[part], batch.labels[part], batch.names[part], batch.conditions[part])


def _write(folder: Path, split: str, name: str, image: Pixels, labels: Pixels) -> None:
    Image.fromarray(image).save(folder / IMAGES / split / f"{name}.png", compress_level=_FASTEST)
    Image.fromarray(labels).save(folder / MASKS / split / f"{name}.png", compress_level=_FASTEST)
