"""Yardsticks that learn nothing: random play, and the environment's own scripted expert."""

from rlkit_agents.baselines.expert import Expert
from rlkit_agents.baselines.random import Random

__all__ = ["Expert", "Random"]
