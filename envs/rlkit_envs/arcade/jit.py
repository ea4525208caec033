"""The games' kernels: each game is a file of its own, over a few that all of them share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rlkit_envs.jit import Record, compile_kernel, digest_of

__all__ = ["Record", "kernel", "kernel_for"]

# The rooms that every kernel may call; its own file counts besides, so that an edit of one game does not make the
# others compile anew.
_SHARED = digest_of(*(Path(__file__).with_name(name) for name in ("jit.py", "rng.py", "drawing.py", "game.py")))


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function of numbers and arrays, see `rlkit_envs.jit`; anew when what all games share changes.

    Returns:
        What is called as the function was.
    """
    return compile_kernel(function, _SHARED)


def kernel_for(signature: str) -> Callable[[Callable[..., Any]], Any]:
    """Compile a kernel that calls no other for one signature only, when its module is imported.

    Without one numba compiles a kernel anew for each argument that is written as a constant, which for what is called
    as often as a rectangle is drawn takes seconds.
    """
    return lambda function: compile_kernel(function, _SHARED, signature)
