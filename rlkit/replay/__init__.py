"""Replay buffers: uniform and prioritized, in memory or on disk."""

from rlkit.replay.buffer import Batch, ReplayBuffer, Transitions

__all__ = ["Batch", "ReplayBuffer", "Transitions"]
