"""How kernels are compiled: serially, without the GIL, and kept on disk between runs.

Each family of environments has a `jit.py` that says which of its files kernels call each other across.
"""

import functools
import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

Record = Any  # One record of a structured array: kernels read and write its fields as attributes


@functools.cache
def digest_of(*files: Path) -> str:
    """Hash the text of files, and of this one, which says how they are compiled."""
    digest = hashlib.sha256()
    for file in (Path(__file__), *files):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def compile_kernel(function: Callable[..., Any], called: str, signature: str | None = None) -> Any:
    """Compile a function of numbers and arrays on its first call, and load it from disk in later runs.

    Kernels are serial and release the GIL, so that threads of ours can run them side by side, each over its own range
    of environments; results cannot depend on the number of threads. IEEE rules hold (no fastmath).

    Numba's cache watches only the file that a kernel stands in, yet kernels call kernels of other files and freeze
    their constants: an edit of the callee would leave a stale caller on disk. We therefore stamp every cache entry with
    the text of these files and of its own, which also does what modification times do not: survive a checkout or an
    installation.

    Args:
        function: The kernel.
        called: Digest of all files whose kernels or constants it may use.
        signature: Compile for these types alone, and at once; None for whatever types it is called with.
    """
    try:
        compiled = numba.njit(signature, nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # Neither the package's folder nor the user's cache folder can be written
        warnings.warn(
            "no folder to keep compiled code in (NUMBA_CACHE_DIR may name one): every run compiles anew", stacklevel=3
        )
        return numba.njit(signature, nogil=True, error_model="numpy")(function)
    index: Any = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if hasattr(index, "_source_stamp"):  # Private to numba: without it, its own stamp stays in force
        own = Path(function.__code__.co_filename)
        index._source_stamp = (called, digest_of(own) if own.is_file() else index._source_stamp)
    return compiled
