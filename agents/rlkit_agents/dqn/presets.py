"""Named configurations: pure functions from (spaces, budget in steps) to hyperparameters."""

from collections.abc import Callable, Mapping

from rlkit.nn.encoders import is_small
from rlkit.spaces import Spaces
from rlkit_agents.dqn.config import DQNConfig


def fast(spaces: Spaces, steps: int) -> DQNConfig:
    """The quickest learner on a CPU, the default: a small network and few, large updates where pictures are small."""
    pictures = [leaf for leaf in spaces.observations.values() if leaf.is_picture]
    if not pictures:
        return _fast_vectors(steps)
    return _fast_small_pictures(steps) if all(is_small(leaf) for leaf in pictures) else _fast_pictures(steps)


def _fast_small_pictures(steps: int) -> DQNConfig:
    return DQNConfig(
        gamma=0.975,
        n_step=6,
        loss="squared",
        batch_size=256,
        update_interval=64,
        target_update_interval=16_000,
        buffer_size=_capacity(steps, 1_000_000),
        learning_rate=1e-3,
        learning_rate_steps=steps,
        learning_starts=_share(steps, 20, 2_000),
        exploration_steps=_share(steps, 10, 250_000),
        exploration_final_epsilon=0.05,
    )


def _fast_pictures(steps: int) -> DQNConfig:
    return DQNConfig(
        gamma=0.99,
        n_step=3,
        hidden=(512,),
        batch_size=32,
        update_interval=4,
        target_update_interval=8_000,
        buffer_size=_capacity(steps, 1_000_000),
        loss="squared",
        learning_rate=1e-4,
        learning_rate_final=1e-4,
        learning_rate_steps=steps,
        learning_starts=_share(steps, 20, 20_000),
        exploration_steps=_share(steps, 10, 250_000),
        exploration_final_epsilon=0.01,
        weight_averaging=0.999,
    )


def _fast_vectors(steps: int) -> DQNConfig:
    return DQNConfig(
        gamma=0.99,
        n_step=3,
        loss="squared",
        batch_size=64,
        update_interval=4,
        target_update_interval=100,
        buffer_size=_capacity(steps, 100_000),
        learning_rate=1e-3,
        learning_rate_steps=steps,
        learning_starts=_share(steps, 20, 1_000),
        exploration_steps=_share(steps, 10, 10_000),
        exploration_final_epsilon=0.04,
    )


def _capacity(steps: int, most: int) -> int:
    """Rows of the replay buffer: all that will be seen, at least a batch of any preset, at most `most`."""
    return max(min(steps, most), 1_000)


def _share(steps: int, divisor: int, most: int) -> int:
    """A part of the budget, at most `most` and at least one step."""
    return max(1, min(steps // divisor, most))


PRESETS: Mapping[str, Callable[[Spaces, int], DQNConfig]] = {"fast": fast}
