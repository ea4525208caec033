"""Compilation of the simulator's kernels; the cache depends on all files of this package."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rlkit_envs.jit import Record, compile_kernel, digest_of

__all__ = ["Record", "kernel"]

_SOURCES = digest_of(*sorted(Path(__file__).parent.rglob("*.py")))


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function of numbers and arrays with `rlkit_envs.jit`; again when a file of this package changes."""
    return compile_kernel(function, _SOURCES)
