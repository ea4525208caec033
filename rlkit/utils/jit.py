"""Compilation of numba kernels: serial, without the GIL, cached on disk."""

import os
import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])
WARNED = "RLKIT_CACHE_WARNED"  # environment variable that is set after the warning


def kernel(function: Function) -> Function:
    """Compile a function of numbers and arrays on its first call; later runs load it from disk.

    IEEE rules hold (no fastmath), so that sums equal numpy's. A kernel must not call a kernel of another file: numba's
    cache is invalidated only by changes of the kernel's own file.
    """
    try:
        compiled = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
        _tolerate_disk_errors(compiled)
    except RuntimeError:  # neither the package's nor the user's cache folder can be written
        _warn_once()
        compiled = numba.njit(nogil=True, error_model="numpy")(function)
    return cast(Function, compiled)


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
    """Warn once that compiled code cannot be stored, counting `rlkit_envs.jit` and the processes started since."""
    if WARNED not in os.environ:
        os.environ[WARNED] = "1"
        text = "compiled code cannot be stored, so that every run compiles it again: set NUMBA_CACHE_DIR"
        warnings.warn_explicit(text, UserWarning, "numba", 0)
