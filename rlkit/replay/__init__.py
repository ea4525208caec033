"""Memories that agents learn from."""

from rlkit.replay.buffer import Batch, ReplayBuffer

__all__ = ["Batch", "ReplayBuffer"]
