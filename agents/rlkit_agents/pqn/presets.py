"""Named configurations of PQN: pure functions from (spaces, budget in steps) to hyperparameters."""

from collections.abc import Callable, Mapping

from rlkit.spaces import Spaces
from rlkit_agents.pqn.config import PQNConfig

LARGE = 64  # pixels; pictures of fewer are read by a small network


def paper(spaces: Spaces, steps: int) -> PQNConfig:
    """Gallici et al. 2024: their values for Atari where pictures are large, for MinAtar where small.

    They run 128 environments at once; with fewer, a rollout is smaller, and it is cut into fewer parts. For vectors,
    values that solve CartPole-v1 with 8 environments in 60,000 steps at each of four seeds.
    """
    sides = [min(leaf.shape[:2]) for leaf in spaces.observations.values() if leaf.is_picture]
    if not sides:
        return _vectors(spaces, steps)
    return _large_pictures(spaces, steps) if min(sides) >= LARGE else _small_pictures(spaces, steps)


def _large_pictures(spaces: Spaces, steps: int) -> PQNConfig:
    return PQNConfig(
        trace=0.65,
        reward_clip=spaces.reward_clip,
        hidden=(512,),
        rollout_steps=32,
        minibatches=8,
        epochs=2,
        learning_rate=2.5e-4,
        learning_rate_steps=steps,
        exploration_final_epsilon=0.001,
        exploration_steps=max(1, steps // 10),
    )


def _small_pictures(spaces: Spaces, steps: int) -> PQNConfig:
    return PQNConfig(
        trace=0.65,
        reward_clip=spaces.reward_clip,
        hidden=(128,),
        rollout_steps=32,
        minibatches=8,
        epochs=2,
        learning_rate=5e-4,
        learning_rate_steps=steps,
        exploration_final_epsilon=0.05,
        exploration_steps=max(1, steps // 10),
    )


def _vectors(spaces: Spaces, steps: int) -> PQNConfig:
    return PQNConfig(
        trace=0.95,
        reward_clip=spaces.reward_clip,
        hidden=(128, 128),
        rollout_steps=32,
        minibatches=4,
        epochs=4,
        learning_rate=2e-3,
        learning_rate_steps=steps,
        exploration_final_epsilon=0.05,
        exploration_steps=max(1, steps // 5),
    )


PRESETS: Mapping[str, Callable[[Spaces, int], PQNConfig]] = {"paper": paper}
