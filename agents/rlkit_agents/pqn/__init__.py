"""The parallelised Q-network (Gallici et al. 2024): Q-learning without a replay buffer and without a target network."""

from rlkit_agents.pqn.agent import PQN
from rlkit_agents.pqn.config import PQNConfig

__all__ = ["PQN", "PQNConfig"]
