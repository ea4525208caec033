"""Frames of a replay buffer, in memory or in a file, and the frame stacks made of them."""

import errno
import mmap
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit.errors import UserError
from rlkit.spaces import Leaf
from rlkit.utils.jit import kernel

Array = npt.NDArray[Any]


def frames_bytes(leaves: Mapping[str, Leaf], capacity: int) -> int:
    """Bytes of one frame of every leaf in each of `capacity` rows."""
    return capacity * sum(leaf.frame_bytes for leaf in leaves.values())


def frames_in_memory(leaves: Mapping[str, Leaf], capacity: int) -> dict[str, Array]:
    """Arrays (capacity, *frame_shape) by leaf; zeroed pages take no memory until they are written."""
    return {leaf.name: np.zeros((capacity, *leaf.frame_shape), dtype=leaf.dtype) for leaf in leaves.values()}


def frames_on_disk(leaves: Mapping[str, Leaf], capacity: int) -> dict[str, Array]:
    """Arrays (capacity, *frame_shape) by leaf, mapped from unnamed temporary files.

    The files are deleted when the process ends, however it ends. The operating system caches pages in memory as far as
    no program needs it.

    Raises:
        UserError: The frames do not fit on the disk.
    """
    folder = scratch_folder()
    needed, free = frames_bytes(leaves, capacity), shutil.disk_usage(folder).free
    if needed > free:
        raise _disk_too_small(needed, folder, f"{free / 2**30:.1f} GiB are free")
    try:
        return {leaf.name: _mapped((capacity, *leaf.frame_shape), leaf.dtype, folder) for leaf in leaves.values()}
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _disk_too_small(needed, folder, "less than that is free") from error
        raise UserError(f"Cannot keep the replay buffer in {folder}: {error.strerror}.", exit_code=1) from error


def scratch_folder() -> Path:
    """The folder for large temporary files: TMPDIR if set, else /var/tmp, since /tmp may be in memory."""
    if "TMPDIR" not in os.environ and os.access("/var/tmp", os.W_OK):
        return Path("/var/tmp")
    return Path(tempfile.gettempdir())


def _disk_too_small(needed: int, folder: Path, free: str) -> UserError:
    return UserError(
        f"The replay buffer would take {needed / 2**30:.1f} GiB of disk in {folder}, and {free}: choose a smaller "
        "--set buffer_size=N, or another disk with the environment variable TMPDIR.",
        exit_code=1,
    )


def _mapped(shape: tuple[int, ...], dtype: str, folder: Path) -> Array:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    with tempfile.TemporaryFile(dir=folder) as file:  # deleted with the mapping, its last user
        if hasattr(os, "posix_fallocate"):
            # Reserve all space now: a write to a full disk later would kill the process (SIGBUS).
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)
        mapping = mmap.mmap(file.fileno(), size)
    if hasattr(mmap, "MADV_RANDOM"):
        mapping.madvise(mmap.MADV_RANDOM)  # samples are random: no read-ahead
    return np.frombuffer(mapping, dtype=dtype).reshape(shape)


@kernel
def stack_rows(
    rows: npt.NDArray[np.int64], stack: int, oldest: int, back: npt.NDArray[np.int32]
) -> npt.NDArray[np.int64]:
    """The rows of the last S frames up to each of B rows; before its start, an episode's first frame is repeated.

    Args:
        rows: (B,).
        stack: S.
        oldest: The first row that is still stored; a stack that reaches further back contains a row before it.
        back: (capacity,), offset to the previous row of the episode; 0 at its start.

    Returns:
        (B, S) rows, oldest first.
    """
    capacity = len(back)
    stacked = np.empty((len(rows), stack), dtype=np.int64)
    for index in range(len(rows)):
        row = rows[index]
        for column in range(stack - 1, -1, -1):
            stacked[index, column] = row
            if row >= oldest:
                row -= back[row % capacity]
    return stacked


def gather(frames: Array, indices: npt.NDArray[np.int64]) -> Array:
    """Concatenate S frames along the last axis for each of B observations.

    The result is contiguous, since convolutions read channels-last images: a first convolution of 32 images of 84×84×4
    takes 2.2 ms so, and 2.9 ms on a transposed view.

    Args:
        frames: (capacity, *shape, C).
        indices: (B, S), oldest frame first.

    Returns:
        (B, *shape, S × C).
    """
    count, stack = indices.shape
    if stack == 1:
        return np.take(frames, indices[:, 0], axis=0)
    *shape, channels = frames.shape[1:]
    planes = frames.reshape(len(frames), -1, channels)
    stacked = np.empty((count, *shape, stack * channels), dtype=frames.dtype)
    if frames.dtype == np.uint8 and stack == 4 and channels == 1 and sys.byteorder == "little":
        _interleave_four_bytes(planes[..., 0], indices, stacked.view(np.uint32).reshape(count, -1))
    else:
        _interleave(planes, indices, stacked.reshape(count, -1, stack * channels))
    return stacked


@kernel
def _interleave(planes: Array, indices: npt.NDArray[np.int64], stacked: Array) -> None:
    channels = planes.shape[2]
    for index in range(indices.shape[0]):
        for position in range(indices.shape[1]):
            frame = planes[indices[index, position]]
            for pixel in range(planes.shape[1]):
                for channel in range(channels):
                    stacked[index, pixel, position * channels + channel] = frame[pixel, channel]


@kernel
def _interleave_four_bytes(
    planes: npt.NDArray[np.uint8], indices: npt.NDArray[np.int64], stacked: npt.NDArray[np.uint32]
) -> None:
    """`_interleave` for four grey frames: a pixel's four bytes are written as one number, 4 times as fast."""
    for index in range(indices.shape[0]):
        first, second = planes[indices[index, 0]], planes[indices[index, 1]]
        third, fourth = planes[indices[index, 2]], planes[indices[index, 3]]
        row = stacked[index]
        for pixel in range(planes.shape[1]):
            row[pixel] = (
                np.uint32(first[pixel])
                | (np.uint32(second[pixel]) << np.uint32(8))
                | (np.uint32(third[pixel]) << np.uint32(16))
                | (np.uint32(fourth[pixel]) << np.uint32(24))
            )
