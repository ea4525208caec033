"""Compilation of the games' kernels: each game is a file of its own, on top of files that all games share."""

from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

from rlkit_envs.jit import Record, compile_kernel, digest_of

__all__ = ["Record", "batch_kernel", "kernel", "kernel_for"]

# Files that kernels of every game may call. A kernel's own file counts too, so editing one game recompiles that one.
_SHARED_FILES = ("jit.py", "rng.py", "drawing.py", "grid.py", "game.py")
_SHARED = digest_of(*(Path(__file__).with_name(name) for name in _SHARED_FILES))


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function of numbers and arrays on its first call, see `rlkit_envs.jit.compile_kernel`."""
    return compile_kernel(function, _SHARED)


def kernel_for(signature: str) -> Callable[[Callable[..., Any]], Any]:
    """Compile a kernel for one signature only, on import.

    Without a signature numba compiles anew for every literal argument, which costs seconds for `drawing.fill`.
    """
    return lambda function: compile_kernel(function, _SHARED, signature)


def batch_kernel(loop: Callable[..., Any], single: Any) -> Any:
    """Compile a loop over the games of a batch for one game.

    A closure would do the same, but numba cannot cache closures over kernels on disk. The loop is therefore compiled as
    a function of the game's own file.

    Args:
        loop: Function that calls the kernel of a single game under the global name ``single``.
        single: That kernel.
    """
    code = loop.__code__.replace(co_filename=single.__code__.co_filename)
    names = {**loop.__globals__, "__name__": single.__module__, "single": single}
    return kernel(FunctionType(code, names))
