"""Compilation of kernels with numba: serial, without the GIL, cached on disk between runs.

Each family of environments has a `jit.py` that lists the files whose kernels call each other.
"""

import functools
import hashlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

Record = Any  # one record of a structured array: kernels read and write its fields as attributes

WARNED = "RLKIT_CACHE_WARNED"  # environment variable that is set after the warning


@functools.cache
def digest_of(*files: Path) -> str:
    """Hash the text of files, and of this one."""
    digest = hashlib.sha256()
    for file in (Path(__file__), *files):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def compile_kernel(function: Callable[..., Any], called: str, signature: str | None = None) -> Any:
    """Compile a function of numbers and arrays on its first call, and load it from disk in later runs.

    Kernels are serial and release the GIL, so that `utils.Threads` can run them in parallel, each over its own range of
    environments; results cannot depend on the number of threads. IEEE rules hold (no fastmath).

    Numba's cache checks only the modification time of a kernel's own file, but a kernel also contains the kernels and
    constants of other files that it uses. Cache entries are therefore stamped with a digest of the text of all these
    files, which stays valid after a checkout or an installation.

    Args:
        function: The function.
        called: Digest of all files whose kernels or constants it may use.
        signature: Compile for these types only, at once; None for the types of the calls.
    """
    try:
        compiled = numba.njit(signature, nogil=True, cache=True, error_model="numpy")(function)
    except (RuntimeError, OSError):  # no folder can be written, or the disk is full
        _warn_once()
        return numba.njit(signature, nogil=True, error_model="numpy")(function)
    _tolerate_disk_errors(compiled)
    index: Any = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if hasattr(index, "_source_stamp"):  # private to numba; without it numba's own stamp is used
        own = Path(function.__code__.co_filename)
        index._source_stamp = (called, digest_of(own) if own.is_file() else index._source_stamp)
    return compiled


def _tolerate_disk_errors(compiled: Any) -> None:
    """Where compiled code can be neither stored nor read, as on a full disk, go on without."""
    cache: Any = getattr(compiled, "_cache", None)  # private to numba; without it numba raises what the disk does
    if hasattr(cache, "save_overload") and hasattr(cache, "load_overload"):
        cache.save_overload = _or_compile_again(cache.save_overload)
        cache.load_overload = _or_compile_again(cache.load_overload)


def _or_compile_again(call: Callable[..., Any]) -> Callable[..., Any]:
    def attempt(*arguments: Any) -> Any:
        try:
            return call(*arguments)
        except OSError:
            _warn_once()
            return None

    return attempt


def _warn_once() -> None:
    """Warn once that compiled code cannot be stored, counting `rlkit.utils.jit` and the processes started since."""
    if WARNED not in os.environ:
        os.environ[WARNED] = "1"
        text = "compiled code cannot be stored, so that every run compiles it again: set NUMBA_CACHE_DIR"
        warnings.warn_explicit(text, UserWarning, "numba", 0)
