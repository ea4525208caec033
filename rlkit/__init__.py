"""Reinforcement-learning agents, environments and perception, by their interfaces.

Not Berkeley's rlkit. Everything that the command line does is a call too:

    run = rlkit.train("CartPole-v1", steps=50_000)
    policy = rlkit.load_policy(run.path)
    action = policy.act(observation)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlkit.policy import Policy, load_policy
    from rlkit.training.run import Run, resume, train

__version__ = "0.1.0"
__all__ = ["Policy", "Run", "load_policy", "resume", "train"]

_HOMES = {
    "Policy": "policy",
    "load_policy": "policy",
    "Run": "training.run",
    "resume": "training.run",
    "train": "training.run",
}


def __getattr__(name: str) -> Any:
    """Import torch only when something needs it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"rlkit.{_HOMES[name]}"), name)
