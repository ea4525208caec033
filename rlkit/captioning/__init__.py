"""Training a captioner, which describes pictures: `train(FOLDER)` makes a run folder, `resume` continues it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlkit.captioning.run import resume, train

__all__ = ["resume", "train"]


def __getattr__(name: str) -> Any:
    """Import torch and numba only when something is to be trained."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from rlkit.captioning import run

    return getattr(run, name)
