"""What the network's head stands for: an expected return, or a distribution of returns, one file per kind."""

from rlkit_agents.dqn.distributions.build import build_distribution
from rlkit_agents.dqn.distributions.interface import Distribution, SampleLosses

__all__ = ["Distribution", "SampleLosses", "build_distribution"]
