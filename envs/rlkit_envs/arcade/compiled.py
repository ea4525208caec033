"""How the games' kernels are compiled: serially, without the GIL, and kept on disk between runs."""

import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

Record = Any  # One record of a structured array: kernels read and write its fields as attributes

_FOLDER = Path(__file__).parent
# The rooms that every kernel may call; a game's own file is watched by numba itself, so that an edit of one game does
# not make the others compile anew.
_SHARED = ("compiled.py", "chance.py", "drawing.py", "game.py")
_DIGEST = hashlib.sha256(b"".join((_FOLDER / name).read_bytes() for name in _SHARED)).hexdigest()


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function of numbers and arrays on its first call, and load it from disk in later runs.

    Kernels are serial and release the GIL, so that threads of ours can run them side by side, each over its own range
    of games; results cannot depend on the number of threads. IEEE rules hold (no fastmath).

    Numba's cache watches only the file that a kernel stands in, yet kernels freeze what they call in other files. Cache
    entries are therefore stamped with the text of these files and of their own.
    """
    return _compiled(function, None)


def kernel_for(signature: str) -> Callable[[Callable[..., Any]], Any]:
    """Compile a kernel that calls no other for one signature only, when its module is imported.

    Without one numba compiles a kernel anew for each argument that is written as a constant, which for what is called
    as often as a rectangle is drawn takes seconds.
    """
    return lambda function: _compiled(function, signature)


def _compiled(function: Callable[..., Any], signature: str | None) -> Any:
    try:
        compiled = numba.njit(signature, nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # Neither the package's folder nor the user's cache folder can be written
        warnings.warn(
            "no folder to keep compiled code in (NUMBA_CACHE_DIR may name one): every run compiles anew", stacklevel=2
        )
        return numba.njit(signature, nogil=True, error_model="numpy")(function)
    index: Any = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if hasattr(index, "_source_stamp"):  # Private to numba: without it, its own stamp stays in force
        own = hashlib.sha256(Path(function.__code__.co_filename).read_bytes()).hexdigest()
        index._source_stamp = (_DIGEST, own)
    return compiled
