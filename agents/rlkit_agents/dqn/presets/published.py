"""Agents as they were published, for Atari at 84×84; every number is the paper's, or its named re-implementation's.

Steps are those of the agent, 4 emulator frames each. Where a budget is shorter than a paper's schedule, exploration
takes a tenth of it and the first update comes after a twentieth. Exploration falls linearly from the first step on.
"""

from dataclasses import replace

from rlkit.nn.encoders import is_small
from rlkit.spaces import Spaces
from rlkit_agents.dqn.config import DQNConfig
from rlkit_agents.dqn.presets.budget import capacity, share


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
        weight_averaging=0.0,
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
        stream_hidden=(512,),
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
        weight_averaging=0.0,
        mirror=False,
        buffer_size=capacity(steps, 1_000_000),
        priority_exponent=0.5,
        importance_exponent=0.4,
        importance_steps=steps,
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
        stream_hidden=(512,),
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
        weight_averaging=0.0,
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
        num_acting_quantiles=32,
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
        weight_averaging=0.0,
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
        num_acting_quantiles=8,
        num_cosines=64,
        huber_kappa=1.0,
        encoder="impala-wide" if pictures else "auto",
        hidden=(),
        dueling=True,
        stream_hidden=(512,),
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
        weight_averaging=0.0,
        mirror=False,
        buffer_size=capacity(steps, 1_000_000),
        priority_exponent=0.2,
        importance_exponent=0.4,
        importance_steps=steps,
        learning_starts=share(steps, 20, 200_000),
        exploration_final_epsilon=0.01,
        exploration_steps=share(steps, 10, 2_000_000),
    )


def _nature(spaces: Spaces) -> str:
    """The convolutions of Mnih et al. 2015, where pictures are large enough for them."""
    pictures = [leaf for leaf in spaces.observations.values() if leaf.is_picture]
    return "nature" if pictures and not any(map(is_small, pictures)) else "auto"
