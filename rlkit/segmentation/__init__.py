"""Training a segmentation network: `train("sim")` makes a run folder, `resume` continues it."""

from typing import TYPE_CHECKING, Any

from rlkit.spaces import Classes

if TYPE_CHECKING:
    from rlkit.segmentation.run import resume, train

__all__ = ["Classes", "resume", "train"]


def __getattr__(name: str) -> Any:
    """Import torch and numba only when something is to be trained, not where a run's configuration is read."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from rlkit.segmentation import run

    return getattr(run, name)
