"""Compilation of kernels with numba: serial, without the GIL, cached on disk between runs.

Each family of environments has a `jit.py` that lists the files whose kernels call each other.
"""

import functools
import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

Record = Any  # one record of a structured array: kernels read and write its fields as attributes


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
    except RuntimeError:  # neither the package's nor the user's cache folder can be written
        warnings.warn(
            "no folder for compiled code can be written, so that every run compiles anew: set NUMBA_CACHE_DIR",
            stacklevel=3,
        )
        return numba.njit(signature, nogil=True, error_model="numpy")(function)
    index: Any = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if hasattr(index, "_source_stamp"):  # private to numba; without it numba's own stamp is used
        own = Path(function.__code__.co_filename)
        index._source_stamp = (called, digest_of(own) if own.is_file() else index._source_stamp)
    return compiled
