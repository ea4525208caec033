"""How the simulator's kernels are compiled: serially, without the GIL, and kept on disk between runs."""

import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

Record = Any  # One record of a structured array: kernels read and write its fields as attributes


_FOLDER = Path(__file__).parent


def _digest_of_kernel_sources() -> str:
    """Hash the text of every module of this package: any of them may hold kernels, or constants that kernels freeze."""
    digest = hashlib.sha256()
    for path in sorted(_FOLDER.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


_DIGEST = _digest_of_kernel_sources()


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function of numbers and arrays on its first call, and load it from disk in later runs.

    Kernels are serial and release the GIL, so that threads of ours can run them side by side, each over its own range
    of environments; results cannot depend on the number of threads. IEEE rules hold (no fastmath).

    Numba's cache watches only the file that a kernel stands in, yet kernels call kernels of other files and freeze
    their constants: an edit of the callee would leave a stale caller on disk. We therefore stamp every cache entry with
    the text of all kernel files, which also does what modification times do not: survive a checkout or an installation.
    """
    try:
        compiled = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # Neither the package's folder nor the user's cache folder can be written
        warnings.warn(
            "no folder to keep compiled code in (NUMBA_CACHE_DIR may name one): every run compiles anew", stacklevel=2
        )
        return numba.njit(nogil=True, error_model="numpy")(function)
    index: Any = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if hasattr(index, "_source_stamp"):  # Private to numba: without it, its own stamp stays in force
        ours = Path(function.__code__.co_filename).is_relative_to(_FOLDER)
        index._source_stamp = _DIGEST if ours else (_DIGEST, index._source_stamp)
    return compiled
