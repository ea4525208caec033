"""Named configurations: pure functions from (spaces, budget in steps) to hyperparameters, the default first.

What a figure of our own presets rests on is in `scripts/bench/ablation.py` and in the papers named beside each. Those
of publications are for Atari at 84×84, every number the paper's or its named re-implementation's; steps are those of
the agent, 4 emulator frames each. Where a budget is shorter than a paper's schedule, exploration takes a tenth of it
and the first update comes after a twentieth; exploration falls linearly from the first step on.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from rlkit.nn.encoders import is_small, is_tiny
from rlkit.spaces import Spaces
from rlkit_agents.dqn.config import DQNConfig


def capacity(steps: int, most: int) -> int:
    """Rows of the replay buffer: all that will be seen, at least a batch of any preset, at most `most`."""
    return max(min(steps, most), 1_000)


def share(steps: int, divisor: int, most: int) -> int:
    """A part of the budget, at most `most` and at least one step."""
    return max(1, min(steps // divisor, most))


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
        normalize_observations=True,
        batch_size=128,
        update_interval=4,
        target_update_interval=250,
        buffer_size=capacity(steps, 100_000),
        learning_rate=1e-3,
        learning_rate_steps=steps,
        learning_starts=share(steps, 20, 1_000),
        exploration_steps=share(steps, 10, 10_000),
        exploration_final_epsilon=0.1,
        exploration_repeat=20,
        exploration_min_events=5,
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
        ema_decay=0.999,
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
        num_eval_quantiles=32,
        double=False,
        munchausen=True,
        encoder="impala-wide" if pictures else "auto",
        hidden=() if pictures else (256,),
        dueling_hidden=(512,) if pictures else (),
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
        ema_decay=0.999,
        random_shift=4 if pictures and steps <= 500_000 else 0,
        precision="auto",
    )


def dqn_nature(spaces: Spaces, steps: int) -> DQNConfig:
    """Deep Q-network, Mnih et al. 2015, Extended Data Table 1, with RMSProp as dqn_zoo has it."""
    return DQNConfig(
        gamma=0.99,
        n_step=1,
        double=False,
        reward_clip=1.0,
        encoder=_nature(spaces),
        hidden=(512,),
        dueling=False,
        layer_norm=False,
        loss="huber",
        optimizer="rmsprop",
        learning_rate=2.5e-4,
        learning_rate_final=2.5e-4,
        learning_rate_steps=steps,
        adam_epsilon=0.1 / 32,  # dqn_zoo adds 0.01/32² under the root, torch adds its square root behind it
        max_grad_norm=None,
        batch_size=32,
        update_interval=4,
        target_update_interval=10_000,
        ema_decay=0.0,
        mirror=False,
        buffer_size=capacity(steps, 1_000_000),
        learning_starts=share(steps, 20, 50_000),
        exploration_final_epsilon=0.1,
        exploration_steps=share(steps, 10, 1_000_000),
    )


def double_dqn(spaces: Spaces, steps: int) -> DQNConfig:
    """Double DQN, van Hasselt et al. 2016: the tuned version, with rarer copies to the target and less chance."""
    return replace(
        dqn_nature(spaces, steps),
        double=True,
        target_update_interval=30_000,
        exploration_final_epsilon=0.01,
    )


def rainbow(spaces: Spaces, steps: int) -> DQNConfig:
    """Rainbow, Hessel et al. 2018, Table 1: double, dueling, prioritised, 3-step, categorical and noisy at once."""
    return DQNConfig(
        gamma=0.99,
        n_step=3,
        double=True,
        reward_clip=1.0,
        distribution="categorical",
        num_atoms=51,
        value_min=-10.0,
        value_max=10.0,
        encoder=_nature(spaces),
        hidden=(),
        dueling=True,
        dueling_hidden=(512,),
        layer_norm=False,
        noisy=True,
        noisy_sigma=0.5,
        learning_rate=6.25e-5,
        learning_rate_final=6.25e-5,
        learning_rate_steps=steps,
        adam_epsilon=1.5e-4,
        max_grad_norm=10.0,
        batch_size=32,
        update_interval=4,
        target_update_interval=8_000,
        ema_decay=0.0,
        mirror=False,
        buffer_size=capacity(steps, 1_000_000),
        per_alpha=0.5,
        per_beta=0.4,
        per_beta_steps=steps,
        learning_starts=share(steps, 20, 20_000),
        exploration_initial_epsilon=0.0,
        exploration_final_epsilon=0.0,
        exploration_steps=steps,
    )


def data_efficient_rainbow(spaces: Spaces, steps: int) -> DQNConfig:
    """Rainbow for 100,000 steps, van Hasselt et al. 2019, with the 10 steps of Agarwal et al. 2021 and its encoder."""
    return replace(
        rainbow(spaces, steps),
        n_step=10,
        noisy_sigma=0.1,
        learning_rate=1e-4,
        learning_rate_final=1e-4,
        update_interval=1,
        target_update_interval=2_000,
        learning_starts=share(steps, 20, 1_600),
    )


def drq_eps(spaces: Spaces, steps: int) -> DQNConfig:
    """DrQ(ε) for 100,000 steps, Yarats et al. 2021 as corrected by Agarwal et al. 2021: random shifts of pictures."""
    pictures = any(leaf.is_picture for leaf in spaces.observations.values())
    return DQNConfig(
        gamma=0.99,
        n_step=10,
        double=True,
        reward_clip=1.0,
        encoder=_nature(spaces),
        hidden=(),
        dueling=True,
        dueling_hidden=(512,),
        layer_norm=False,
        loss="huber",
        learning_rate=1e-4,
        learning_rate_final=1e-4,
        learning_rate_steps=steps,
        adam_epsilon=1.5e-4,
        max_grad_norm=10.0,
        batch_size=32,
        update_interval=1,
        target_update_interval=1,
        ema_decay=0.0,
        mirror=False,
        random_shift=4 if pictures else 0,
        buffer_size=capacity(steps, 1_000_000),
        learning_starts=share(steps, 20, 1_600),
        exploration_final_epsilon=0.01,
        exploration_steps=share(steps, 10, 5_000),
    )


def iqn_munchausen(spaces: Spaces, steps: int) -> DQNConfig:
    """Munchausen-IQN, Vieillard et al. 2020, Table 2, on IQN as Dabney et al. 2018b and Dopamine have it."""
    return DQNConfig(
        gamma=0.99,
        n_step=1,
        double=False,
        munchausen=True,
        munchausen_scale=0.9,
        munchausen_temperature=0.03,
        munchausen_clip=-1.0,
        reward_clip=1.0,
        distribution="implicit",
        num_quantiles=64,
        num_target_quantiles=64,
        num_eval_quantiles=32,
        num_cosines=64,
        huber_kappa=1.0,
        encoder=_nature(spaces),
        hidden=(512,),
        dueling=False,
        layer_norm=False,
        learning_rate=5e-5,
        learning_rate_final=5e-5,
        learning_rate_steps=steps,
        adam_epsilon=0.01 / 32,
        max_grad_norm=None,
        batch_size=32,
        update_interval=4,
        target_update_interval=8_000,
        ema_decay=0.0,
        mirror=False,
        buffer_size=capacity(steps, 1_000_000),
        learning_starts=share(steps, 20, 20_000),
        exploration_final_epsilon=0.01,
        exploration_steps=share(steps, 10, 250_000),
    )


def btr(spaces: Spaces, steps: int) -> DQNConfig:
    """Beyond the Rainbow, Clark et al. 2024: IQN, Munchausen, residual encoder, noisy and dueling; made for a GPU."""
    pictures = any(leaf.is_picture and not is_small(leaf) for leaf in spaces.observations.values())
    return DQNConfig(
        gamma=0.997,
        n_step=3,
        double=False,
        munchausen=True,
        munchausen_scale=0.9,
        munchausen_temperature=0.03,
        munchausen_clip=-1.0,
        reward_clip=1.0,
        distribution="implicit",
        num_quantiles=8,
        num_target_quantiles=8,
        num_eval_quantiles=8,
        num_cosines=64,
        huber_kappa=1.0,
        encoder="impala-wide" if pictures else "auto",
        hidden=(),
        dueling=True,
        dueling_hidden=(512,),
        layer_norm=False,
        noisy=True,
        noisy_sigma=0.5,
        learning_rate=1e-4,
        learning_rate_final=1e-4,
        learning_rate_steps=steps,
        adam_epsilon=0.005 / 256,
        max_grad_norm=10.0,
        batch_size=256,
        update_interval=64,
        target_update_interval=32_000,
        ema_decay=0.0,
        mirror=False,
        buffer_size=capacity(steps, 1_000_000),
        per_alpha=0.2,
        per_beta=0.4,
        per_beta_steps=steps,
        learning_starts=share(steps, 20, 200_000),
        exploration_final_epsilon=0.01,
        exploration_steps=share(steps, 10, 2_000_000),
    )


def _nature(spaces: Spaces) -> str:
    """The convolutions of Mnih et al. 2015, where pictures are large enough for them."""
    pictures = [leaf for leaf in spaces.observations.values() if leaf.is_picture]
    return "nature" if pictures and not any(map(is_small, pictures)) else "auto"


PRESETS: Mapping[str, Callable[[Spaces, int], DQNConfig]] = {
    "fast": fast,
    "gpu": gpu,
    "dqn-nature": dqn_nature,
    "double-dqn": double_dqn,
    "rainbow": rainbow,
    "data-efficient-rainbow": data_efficient_rainbow,
    "drq-eps": drq_eps,
    "iqn-munchausen": iqn_munchausen,
    "btr": btr,
}
