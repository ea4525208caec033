"""Our own presets. What a figure rests on: `scripts/bench/ablation.py`, and the papers named beside each."""

from rlkit.nn.encoders import is_small, is_tiny
from rlkit.spaces import Spaces
from rlkit_agents.dqn.config import DQNConfig
from rlkit_agents.dqn.presets.budget import capacity, share


def fast(spaces: Spaces, steps: int) -> DQNConfig:
    """The quickest learner on a CPU, the default: a small network and few, large updates where pictures are small."""
    pictures = [leaf for leaf in spaces.observations.values() if leaf.is_picture]
    if not pictures:
        return _fast_vectors(spaces, steps)
    if all(is_tiny(leaf) for leaf in pictures):
        return _fast_grids(spaces, steps)
    return _fast_small_pictures(spaces, steps) if all(map(is_small, pictures)) else _fast_pictures(spaces, steps)


def _fast_vectors(spaces: Spaces, steps: int) -> DQNConfig:
    """Classic control: quantiles, vectors brought to one scale, and random actions that last until goals are found.

    Eight quantiles, because time counts: steps took 0.6 of the time that they took with 32. Errors up to 3 are squared,
    where Dabney 2018a has 1: returns of a hundred are learned sooner (Acrobot), more steadily than by squared errors
    of the mean (LunarLander). Half as many updates took less time on most seeds, and lost one of five on LunarLander.

    Exploration awaits five findings. Without that, one seed of five did not solve MountainCar in 100,000 steps and the
    others took 28,000 to 42,000; now ten of ten do, after 14,000 to 30,000. Nothing changes where findings are
    common. Grids do without it: two of three seeds no longer solved MiniGrid-Empty-16x16 in 60,000 steps.
    """
    return DQNConfig(
        gamma=0.99,
        n_step=3,
        reward_clip=spaces.reward_clip,
        distribution="quantile",
        num_quantiles=8,
        huber_kappa=3.0,
        standardise=True,
        batch_size=128,
        update_interval=4,
        target_update_interval=250,
        buffer_size=capacity(steps, 100_000),
        learning_rate=1e-3,
        learning_rate_steps=steps,
        learning_starts=share(steps, 20, 1_000),
        exploration_steps=share(steps, 10, 10_000),
        exploration_final_epsilon=0.1,
        exploration_hold=20,
        exploration_findings=5,
    )


def _fast_grids(spaces: Spaces, steps: int) -> DQNConfig:
    """Grids of a few cells, such as MinAtar's 10×10: quantiles, and few, large updates."""
    return DQNConfig(
        gamma=0.99,
        n_step=3,
        reward_clip=spaces.reward_clip,
        distribution="quantile",
        num_quantiles=32,
        double=False,
        dueling=False,
        hidden=(128,),
        batch_size=128,
        update_interval=32,
        target_update_interval=8_000,
        buffer_size=capacity(steps, 1_000_000),
        learning_rate=1e-3,
        adam_epsilon=1.5e-4,
        learning_rate_steps=steps,
        learning_starts=share(steps, 20, 5_000),
        exploration_steps=share(steps, 10, 100_000),
        exploration_final_epsilon=0.01,
    )


def _fast_small_pictures(spaces: Spaces, steps: int) -> DQNConfig:
    """Pictures of 16 to 63 pixels, measured on driving from a bird's view of 24×24.

    Every ingredient was left out, and every other added, one at a time (`scripts/bench/ablation.py`, three to six
    seeds): without any but one of these, fewer laps are finished, and of what is not here, Polyak's target does as well
    and the rest worse. The one is averaged weights, which count where a run is stopped or measured on its way.
    """
    return DQNConfig(
        gamma=0.975,
        n_step=6,
        reward_clip=spaces.reward_clip,
        loss="squared",
        batch_size=256,
        update_interval=64,
        target_update_interval=16_000,
        buffer_size=capacity(steps, 1_000_000),
        learning_rate=1e-3,
        learning_rate_steps=steps,
        learning_starts=share(steps, 20, 2_000),
        exploration_steps=share(steps, 10, 250_000),
        exploration_final_epsilon=0.05,
    )


def _fast_pictures(spaces: Spaces, steps: int) -> DQNConfig:
    """Screens of 64 pixels and more: QR-DQN, the best starter of Dopamine's published curves, on a small network.

    Returns begin with 10 steps and end with 3 (Schwarzer 2023), which carries rewards back sooner. Up to 200,000 steps
    little is seen: each transition is learned from more often, and pictures are shifted (Yarats 2021). Where more is
    seen, steps are worth more than updates: measured on the games of the arcade at equal time. At equal steps they are
    not: twice the updates brought ALE Pong with 18 actions to 10.6 instead of 4.8 (`scripts/bench/atari.py`, one seed).
    """
    scarce = steps <= 200_000
    small = any(leaf.is_picture and is_small(leaf) for leaf in spaces.observations.values())
    return DQNConfig(
        gamma=0.99,
        n_step=10,
        n_step_final=3,
        n_step_decay_updates=10_000 if scarce else 5_000,
        reward_clip=spaces.reward_clip,
        distribution="quantile",
        num_quantiles=32,
        double=False,
        dueling=False,
        encoder="auto" if small else "nature-small",  # a small picture beside the large one decides
        hidden=(256,),
        batch_size=32,
        update_interval=4 if scarce else 16,
        target_update_interval=4_000,
        buffer_size=capacity(steps, 1_000_000),
        learning_rate=3e-4,
        learning_rate_steps=steps,
        adam_epsilon=1.5e-4,
        learning_starts=share(steps, 20, 20_000),
        exploration_steps=share(steps, 10, 250_000),
        exploration_final_epsilon=0.01,
        weight_averaging=0.999,
        random_shift=4 if scarce else 0,
        precision="auto",
    )


def gpu(spaces: Spaces, steps: int) -> DQNConfig:
    """For a GPU and large pictures: IQN with Munchausen rewards, a residual encoder and large batches, as BTR has it.

    Clark et al. 2024, with twice its updates per step, so that it learns sooner, and without noisy layers.
    """
    pictures = any(leaf.is_picture and not is_small(leaf) for leaf in spaces.observations.values())
    return DQNConfig(
        gamma=0.997,
        n_step=3,
        reward_clip=spaces.reward_clip,
        distribution="implicit",
        num_quantiles=8,
        num_target_quantiles=8,
        num_acting_quantiles=32,
        double=False,
        munchausen=True,
        encoder="impala-wide" if pictures else "auto",
        hidden=() if pictures else (256,),
        stream_hidden=(512,) if pictures else (),
        batch_size=256,
        update_interval=32,
        target_update_interval=16_000,
        buffer_size=capacity(steps, 1_000_000),
        learning_rate=1e-4,
        learning_rate_final=1e-4,
        learning_rate_steps=steps,
        adam_epsilon=0.005 / 256,
        learning_starts=share(steps, 20, 50_000),
        exploration_steps=share(steps, 10, 500_000),
        exploration_final_epsilon=0.01,
        weight_averaging=0.999,
        random_shift=4 if pictures and steps <= 500_000 else 0,
        precision="auto",
    )
