"""Environments as agents see them: from an id to N environments with named leaves and numbered actions."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlkit.env.config import EnvConfig
    from rlkit.env.make import make_vec_env
    from rlkit.env.seeding import episode_seed
    from rlkit.env.vector import Step, VecEnv

__all__ = ["EnvConfig", "Step", "VecEnv", "episode_seed", "make_vec_env"]

_HOMES = {
    "EnvConfig": "config",
    "VecEnv": "vector",
    "Step": "vector",
    "episode_seed": "seeding",
    "make_vec_env": "make",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: processes that step environments need little of it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
