"""The simulator's kernels: any file may hold some, and constants that those of other files freeze."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rlkit_envs.jit import Record, compile_kernel, digest_of

__all__ = ["Record", "kernel"]

_SOURCES = digest_of(*sorted(Path(__file__).parent.rglob("*.py")))


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function of numbers and arrays, see `rlkit_envs.jit`; anew when any file of this package changes.

    Returns:
        What is called as the function was.
    """
    return compile_kernel(function, _SOURCES)
