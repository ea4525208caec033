"""How kernels are compiled: serially, without the GIL, and kept on disk between runs."""

import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile a function of numbers and arrays on its first call, and load it from disk in later runs.

    IEEE rules hold (no fastmath), so that a compiled sum is the sum that numpy makes. A kernel calls no kernel of
    another file: numba's cache watches only the file that a kernel stands in.
    """
    try:
        compiled = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # neither the package's folder nor the user's cache folder can be written
        warnings.warn(
            "no folder to keep compiled code in (NUMBA_CACHE_DIR may name one): every run compiles anew", stacklevel=2
        )
        compiled = numba.njit(nogil=True, error_model="numpy")(function)
    return cast(Function, compiled)
