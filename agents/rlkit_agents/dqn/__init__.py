"""Deep Q-networks (Mnih et al. 2015) and what has been added to them since."""

from rlkit_agents.dqn.agent import DQN
from rlkit_agents.dqn.config import DQNConfig

__all__ = ["DQN", "DQNConfig"]
