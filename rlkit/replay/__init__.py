"""Replay buffers: uniform and prioritized, in memory or on disk, in this process or in one of its own."""

from rlkit.replay.buffer import ReplayBuffer
from rlkit.replay.interface import Batch, Replay, Transitions

__all__ = ["Batch", "Replay", "ReplayBuffer", "Transitions"]
