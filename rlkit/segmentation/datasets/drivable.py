"""Checks that labels hold drivable pixels, before anything is trained on them or measured by them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from functools import partial

import numpy as np
import numpy.typing as npt

from rlkit.errors import UserError
from rlkit.segmentation.datasets.image_file import load_stored
from rlkit.segmentation.datasets.io import Decoder, ImageFiles, Numbers, read_labels
from rlkit.spaces import IGNORED, Classes, Pixels

AT_ONCE = 8  # label files that are read before the next look at what they hold
DESCRIBED = 64  # label files of which an error lists the numbers
LISTED = 8  # numbers in an error

Counts = npt.NDArray[np.int64]


def check_labels(labels: Iterable[Pixels], classes: Classes, what: str, found: Callable[[Counts], str]) -> str:
    """Check that labels hold drivable pixels and others; stops at the first labels by which both were seen.

    Args:
        labels: (H, W) uint8 class numbers each.
        classes: Their classes.
        what: Name of the labels, such as "24 training masks".
        found: Describes what is in them, from the pixels of each class number, (256,).

    Returns:
        A warning that all labelled pixels are drivable; "" if they are not.

    Raises:
        UserError: Not one pixel is drivable.
    """
    counts: Counts = np.zeros(256, dtype=np.int64)
    mask = np.zeros(256, dtype=bool)
    mask[: len(classes)] = classes.drivable_mask
    other = ~mask
    other[len(classes) :] = False
    for one in labels:
        counts += np.bincount(one.ravel(), minlength=256)
        if counts[mask].any() and (counts[other].any() or not other.any()):
            return ""
    named = " or ".join(classes.drivable)
    if not counts[mask].any():
        raise UserError(f"Not one pixel of the {what} is drivable ({named}): they hold {found(counts)}")
    return (
        f"every labelled pixel of the {what} is drivable ({named}), so that a network has nothing to tell apart: "
        f"they hold {found(counts)}"
    )


def check_files(
    files: Sequence[ImageFiles], decode: Decoder, classes: Classes, what: str, pool: Executor
) -> tuple[str, ...]:
    """Check that label files hold drivable pixels; most often a few files are read.

    Args:
        files: The files.
        decode: Decodes their labels.
        classes: Their classes.
        what: Name of the files, such as "training masks".
        pool: Reads files.

    Returns:
        Warnings.

    Raises:
        UserError: Not one pixel is drivable, or a file cannot be read; the numbers in the files are listed.
    """
    if not files:
        return ()
    # In an order in which neighbours, which are alike, do not follow each other.
    order = np.random.default_rng(0).permutation(len(files)).tolist()
    warning = check_labels(
        _read([files[number] for number in order], decode, pool),
        classes,
        f"{len(files)} {what} ({files[0].labels}{', …' if len(files) > 1 else ''})",
        lambda counts: _described([files[number] for number in order[:DESCRIBED]], decode, classes, counts),
    )
    return (warning,) if warning else ()


def _read(files: Sequence[ImageFiles], decode: Decoder, pool: Executor) -> Iterator[Pixels]:
    for first in range(0, len(files), AT_ONCE):
        yield from pool.map(partial(read_labels, decode=decode), [one.labels for one in files[first : first + AT_ONCE]])


def _described(files: Sequence[ImageFiles], decode: Decoder, classes: Classes, counts: Counts) -> str:
    """The numbers in label files with their shares and meanings, and what they may have been meant to be."""
    if not isinstance(decode, Numbers):
        return described(counts, classes)
    stored: Counts = np.zeros(256, dtype=np.int64)
    for one in files:  # the decoder has accepted them: all numbers are from 0 to 255
        stored += np.bincount(np.asarray(load_stored(one.labels)).astype(np.int64).ravel(), minlength=256)
    return described(stored, classes, decode.meaning)


def described(counts: Counts, classes: Classes, meaning: dict[int, int] | None = None) -> str:
    """List numbers with their shares and meanings, and say what they may have been meant to be.

    Args:
        counts: (256,) pixels of each number.
        classes: The classes.
        meaning: Class number, or `IGNORED`, of each number; None if they are class numbers.
    """
    known = {number: number for number in range(len(classes))} if meaning is None else meaning
    share = counts / max(1, counts.sum())
    numbers = [int(number) for number in np.argsort(-counts, kind="stable") if counts[number]]

    def one(number: int) -> str:
        what = known.get(number, IGNORED)
        return f"{number} ({share[number]:.1%} of pixels, {'ignored' if what == IGNORED else classes.names[what]})"

    listed = ", ".join(one(number) for number in numbers[:LISTED])
    more = f" and {len(numbers) - LISTED} more numbers" if len(numbers) > LISTED else ""
    wanted = ", ".join(
        f"{number} for {classes.names[what]}"
        for number, what in sorted(known.items())
        if what != IGNORED and classes.names[what] in classes.drivable
    )
    ignored = [number for number in numbers if known.get(number, IGNORED) == IGNORED]
    if len(ignored) == len(numbers):
        hint = "All pixels are ignored; "
    elif ignored:
        hint = f"{ignored[0]} means that a pixel is ignored, not that it belongs to a class; "
    else:
        hint = ""
    return f"{listed}{more}. {hint}expected {wanted}. Write the masks again with these numbers."
