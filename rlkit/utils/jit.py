"""Compilation of numba kernels: serial, without the GIL, cached on disk."""

import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile a function of numbers and arrays on its first call; later runs load it from disk.

    IEEE rules hold (no fastmath), so that sums equal numpy's. A kernel must not call a kernel of another file: numba's
    cache is invalidated only by changes of the kernel's own file.
    """
    try:
        compiled = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # neither the package's nor the user's cache folder is writable
        warnings.warn(
            "no writable cache folder for compiled code (set NUMBA_CACHE_DIR): every run compiles again", stacklevel=2
        )
        compiled = numba.njit(nogil=True, error_model="numpy")(function)
    return cast(Function, compiled)
