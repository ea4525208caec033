"""Named configurations: pure functions from (spaces, budget in steps) to hyperparameters."""

from rlkit.spaces import Spaces
from rlkit_agents.dqn.config import DQNConfig


def fast(spaces: Spaces, steps: int) -> DQNConfig:
    """The quickest learner on a CPU, the default: few large updates, a small network, 3-step returns."""
    if any(leaf.is_picture for leaf in spaces.observations.values()):
        return _fast_pictures(spaces, steps)
    return _fast_vectors(steps)


def _fast_pictures(spaces: Spaces, steps: int) -> DQNConfig:
    return DQNConfig(
        gamma=0.97,
        buffer_size=min(steps, 1_000_000),
        learning_rate_steps=steps,
        exploration_steps=max(steps // 10, 1),
        learning_starts=min(2_000, max(steps // 20, 1)),
    )


def _fast_vectors(steps: int) -> DQNConfig:
    return DQNConfig(
        gamma=0.99,
        hidden=(256, 256),
        batch_size=min(128, steps),
        update_interval=8,
        target_update_interval=2_000,
        buffer_size=max(min(steps, 100_000), 2),
        learning_rate_steps=steps,
        exploration_steps=max(steps // 10, 1),
        exploration_final_epsilon=0.04,
        learning_starts=min(1_000, max(steps // 20, 1)),
    )


PRESETS = {"fast": fast}
