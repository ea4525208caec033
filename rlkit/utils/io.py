"""Atomic writing and safe reading of files: JSON, arrays and trees of state.

State is stored as JSON and safetensors, never pickled. Sizes are checked before memory is allocated, and writing never
follows a link (`rlkit.utils.paths`).
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes

from rlkit.errors import DISK_REASONS, DiskError, UserError
from rlkit.utils import paths
from rlkit.utils.parsing import parse_json
from rlkit.utils.scratch import SCRATCH, temporary_folder

ARRAY = "$array"  # {"$array": "key in the safetensors file"} represents an array in a JSON file
JSON_LIMIT = 16 * 2**20  # bytes; the manifest of a replay buffer of 100 GB has less than 1 MiB

RESUMABLE = "; what was saved before is kept, and --resume continues from there"

_MISSING = {errno.ENOENT: "the folder does not exist, or was removed meanwhile"}
_TIME = re.compile(r"-[0-9]{8}-[0-9]{6}(-[0-9]+)?$")  # of a run that was given no name


@contextlib.contextmanager
def disk_errors(what: str, then: str = "") -> Iterator[None]:
    """Turn an OSError, such as a full disk or a read-only folder, into a DiskError.

    Args:
        what: The file or folder that the block writes.
        then: Ends the message, such as `RESUMABLE`.
    """
    try:
        yield
    except OSError as error:
        raise DiskError(f"{write_failure(what, error)}{then}") from error


def write_failure(what: str, error: OSError) -> str:
    """Why a file or folder cannot be written, as a sentence without a full stop."""
    reason = (DISK_REASONS | _MISSING).get(error.errno or 0, error.strerror or str(error))
    if error.errno == errno.ENOSPC and _has_no_free_inodes(Path(what)):
        reason = "the disk cannot hold more files (no inodes are free); remove some"
    name = "" if error.filename is None else str(error.filename)
    place = "" if name in ("", what) or SCRATCH in name else f" ({name})"
    return f"cannot write {what}: {reason}{place}"


def _has_no_free_inodes(path: Path) -> bool:
    folder = next((parent for parent in path.absolute().parents if parent.is_dir()), Path())
    try:
        found = os.statvfs(folder)
    except (OSError, AttributeError):
        return False
    return found.f_files > 0 and found.f_favail == 0


@contextlib.contextmanager
def _removed_on_failure(path: Path) -> Iterator[BinaryIO]:
    """Create a file for writing, and remove it if the block fails."""
    file = paths.create_file(path)
    try:
        with file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically: after a crash it has either the old or the new content."""
    scratch = path.with_name(f"{SCRATCH}{path.name}")
    with _removed_on_failure(scratch) as file:
        file.write(data)
        _flush(file)
        scratch.replace(path)


@contextlib.contextmanager
def scratch_file(path: Path) -> Iterator[Path]:
    """Create an empty file beside `path`, removed at the end unless it was renamed."""
    scratch = path.with_name(f"{SCRATCH}{path.name}")
    paths.create_file(scratch).close()
    try:
        yield scratch
    finally:
        scratch.unlink(missing_ok=True)


@contextlib.contextmanager
def locked_file(lock: Path, holds: Path, doing: str) -> Iterator[None]:
    """Hold a lock while the block runs.

    Args:
        lock: The lock file, created if missing.
        holds: The locked folder, for messages.
        doing: Participle for messages, such as `trained`.

    Raises:
        UserError: Another process holds it, or the file cannot be opened.
    """
    with disk_errors(str(holds)):
        file = paths.open_lock(lock)
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UserError(f"{holds} is being {doing} by another process", exit_code=1) from error
        yield


def write_array(folder: Path, prefix: str, array: npt.NDArray[Any]) -> tuple[str, str]:
    """Write an array to `PREFIX-DIGEST8.npy`; return (file name, SHA-256 digest)."""
    scratch = folder / f"{SCRATCH}array.npy"
    with _removed_on_failure(scratch) as file:
        # Through `write` alone: the error of numpy's own way to write to a file does not name its reason.
        np.save(SimpleNamespace(write=file.write), array, allow_pickle=False)
        _flush(file)
        digest = sha256(scratch)
        name = f"{prefix}-{digest[:8]}.npy"
        scratch.replace(folder / name)
    return name, digest


def read_array(path: Path, dtype: np.dtype[Any], count: int) -> npt.NDArray[Any]:
    """Memory-map an .npy file written by `write_array`, after a check of its header.

    Args:
        path: The file.
        dtype: Expected dtype of a row.
        count: Expected number of rows.

    Returns:
        (count,) memory map.

    Raises:
        UserError: It is missing, or has another header or size.
    """
    try:
        with paths.open_regular(path) as file:
            version = np.lib.format.read_magic(file)
            if version not in ((1, 0), (2, 0)):
                raise ValueError(f"it has version {version} of the format")
            read_header = (
                np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            )
            shape, fortran, found = read_header(file)
            offset = file.tell()
            size = os.fstat(file.fileno()).st_size - offset
        if found != dtype or shape != (count,) or fortran:
            raise ValueError(f"it holds {shape} of {found}, expected ({count},) of {dtype}")
        if size != count * dtype.itemsize:
            raise ValueError(f"it has {size:,} bytes of rows, expected {count * dtype.itemsize:,}")
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing", exit_code=1) from error
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError, tokenize.TokenError) as error:
        raise UserError(f"{path} is damaged: {error}", exit_code=1) from error
    return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=(count,))


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file atomically."""
    write_bytes(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file of at most `JSON_LIMIT` bytes.

    Raises:
        UserError: It is missing, larger, or not JSON.
    """
    try:
        return parse_json(paths.read_bytes(path, JSON_LIMIT))
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing", exit_code=1) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: {error}", exit_code=1) from error


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Create a folder under a temporary name and rename it to `path` if the block succeeds.

    The temporary folder is locked meanwhile. Those of killed processes, which are not, are removed: of the same name,
    the time in it aside.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(path.parent, _TIME.sub("", path.name)) as scratch:
        scratch.chmod(0o755)  # mkdtemp makes it private
        yield scratch
        for part in (*scratch.iterdir(), scratch):
            _sync(part)
        scratch.rename(path)
        _sync(path.parent)


def _sync(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256(path: Path) -> str:
    """Hex digest of a file's content."""
    with paths.open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --------------------------------------------------------------------------------------------------- trees of state


def save_tree(folder: Path, name: str, tree: Mapping[str, Any]) -> None:
    """Write nested dicts to NAME.json and the arrays in them to NAME.safetensors."""
    arrays: dict[str, torch.Tensor] = {}
    plain = _split(tree, "", arrays)
    save_tensors(folder / f"{name}.safetensors", arrays)
    write_json(folder / f"{name}.json", plain)


def load_tree(folder: Path, name: str) -> dict[str, Any]:
    """Inverse of `save_tree`; arrays are returned as tensors."""
    arrays = load_tensors(folder / f"{name}.safetensors")
    plain = read_json(folder / f"{name}.json")
    try:
        tree = _join(plain, arrays)
    except KeyError as error:
        raise UserError(f"{folder / name}.json is damaged: there is no array {error}", exit_code=1) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{folder / name}.json is damaged: {error}", exit_code=1) from error
    if not isinstance(tree, dict):
        raise UserError(f"{folder / name}.json is damaged: expected an object", exit_code=1)
    return tree


def save_tensors(path: Path, tensors: Mapping[str, Any]) -> None:
    """Write tensors or arrays by name."""
    plain = {name: torch.as_tensor(tensor).detach().cpu().contiguous() for name, tensor in tensors.items()}
    path.write_bytes(to_bytes(plain))  # safetensors' own writer does not raise OSError on a full disk


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read tensors by name.

    Raises:
        UserError: The file is missing or damaged.
    """
    try:
        paths.open_regular(path).close()
        return load_file(path)
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing", exit_code=1) from error
    except SafetensorError as error:
        raise UserError(f"{path} is damaged: {error}", exit_code=1) from error


def sort_header(content: bytes) -> bytes:
    """Sort the header of a safetensors file, so that equal tensors and metadata give identical files."""
    length = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def load_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read the weights of a network by name; all numbers are finite.

    Raises:
        UserError: The file is missing or damaged, or holds numbers that are not finite.
    """
    weights = load_tensors(path)
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor.float()).all():
            sentence = f"{path} is damaged: {name} holds numbers that are not finite, because its training diverged"
            raise UserError(sentence, exit_code=1)
    return weights


def _split(tree: Any, key: str, arrays: dict[str, torch.Tensor]) -> Any:
    if isinstance(tree, Mapping):
        return {name: _split(branch, f"{key}/{name}", arrays) for name, branch in tree.items()}
    if isinstance(tree, torch.Tensor | np.ndarray):
        arrays[key] = torch.as_tensor(tree)
        return {ARRAY: key}
    if isinstance(tree, np.generic):
        return tree.item()
    return tree


def _join(tree: Any, arrays: Mapping[str, torch.Tensor]) -> Any:
    if isinstance(tree, dict):
        if ARRAY in tree:
            if len(tree) != 1:
                raise ValueError(f"an array has the entries {', '.join(map(repr, tree))}")
            return arrays[tree[ARRAY]]
        return {name: _join(branch, arrays) for name, branch in tree.items()}
    return tree
