"""Presets: pure functions from (spaces, budget in steps) to hyperparameters, the default first.

The published ones are for Atari at 84×84 and begin with `dqn_nature`: each changes what its paper changes. Steps are
those of the agent, of 4 emulator frames. If the budget is shorter than a paper's schedule, exploration takes a tenth of
it and updates start after a twentieth; epsilon decays from the first step on. What each field is taken from, and what
differs on purpose, is in `docs/fidelity.md`; the evidence for our own presets is in `scripts/bench/README.md`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from rlkit.nn.encoders import is_small, is_tiny
from rlkit.spaces import Leaf, Spaces
from rlkit_agents.dqn.config import DQNConfig


def capacity(steps: int, maximum: int) -> int:
    """Capacity of the replay buffer: the whole budget, at most `maximum`, at least 1,000."""
    return max(min(steps, maximum), 1_000)


def fraction(steps: int, divisor: int, maximum: int) -> int:
    """A fraction of the budget, at most `maximum`, at least one step."""
    return max(1, min(steps // divisor, maximum))


# ----------------------------------------------------------------------------------------------------------------- ours


def fast(spaces: Spaces, steps: int) -> DQNConfig:
    """The default, fastest on a CPU: chosen by the size of images, or made for vectors."""
    images = _images(spaces)
    if not images:
        return _fast_vectors(spaces, steps)
    if all(map(is_tiny, images)):
        return _fast_grids(spaces, steps)
    return _fast_small_images(spaces, steps) if all(map(is_small, images)) else _fast_images(spaces, steps)


def _fast_vectors(spaces: Spaces, steps: int) -> DQNConfig:
    """Classic control: QR-DQN with few quantiles, normalized vectors, and repeated random actions.

    Kappa is 3 because returns are in the hundreds. Epsilon is held until rewards or terminations occur, which sparse
    rewards as in MountainCar need.
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
        learning_starts=fraction(steps, 20, 1_000),
        exploration_steps=fraction(steps, 10, 10_000),
        exploration_final_epsilon=0.1,
        exploration_repeat=20,
        exploration_min_events=5,
    )


def _fast_grids(spaces: Spaces, steps: int) -> DQNConfig:
    """Images of less than 16 pixels, such as MinAtar's: QR-DQN with few, large updates."""
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
        learning_starts=fraction(steps, 20, 5_000),
        exploration_steps=fraction(steps, 10, 100_000),
        exploration_final_epsilon=0.01,
    )


def _fast_small_images(spaces: Spaces, steps: int) -> DQNConfig:
    """Images of 16 to 63 pixels: Munchausen QR-DQN with few quantiles (`scripts/bench/ablation.py`).

    The Munchausen term widens the gaps between the values of actions, which are small at ten decisions a second.
    """
    return DQNConfig(
        gamma=0.985,
        n_step=3,
        reward_clip=spaces.reward_clip,
        distribution="quantile",
        num_quantiles=8,
        huber_kappa=3.0,
        double=False,
        munchausen=True,
        normalize_observations=True,
        batch_size=128,
        update_interval=32,
        target_update_interval=250,
        buffer_size=capacity(steps, 1_000_000),
        learning_rate=1e-3,
        learning_rate_steps=steps,
        learning_starts=fraction(steps, 20, 2_000),
        exploration_steps=fraction(steps, 10, 250_000),
        exploration_final_epsilon=0.1,
        exploration_repeat=20,
    )


def _fast_images(spaces: Spaces, steps: int) -> DQNConfig:
    """Images of 64 pixels and more: QR-DQN with a small encoder, and n-step returns that shorten (Schwarzer 2023).

    Up to 200,000 steps, updates are more frequent and images are shifted (Yarats 2021).
    """
    short = steps <= 200_000
    return DQNConfig(
        gamma=0.99,
        n_step=10,
        n_step_final=3,
        n_step_decay_updates=10_000 if short else 5_000,
        reward_clip=spaces.reward_clip,
        distribution="quantile",
        num_quantiles=32,
        double=False,
        dueling=False,
        encoder="auto" if any(map(is_small, _images(spaces))) else "nature-small",
        hidden=(256,),
        batch_size=32,
        update_interval=4 if short else 16,
        target_update_interval=4_000,
        buffer_size=capacity(steps, 1_000_000),
        learning_rate=3e-4,
        learning_rate_steps=steps,
        adam_epsilon=1.5e-4,
        learning_starts=fraction(steps, 20, 20_000),
        exploration_steps=fraction(steps, 10, 250_000),
        exploration_final_epsilon=0.01,
        ema_decay=0.999,
        random_shift=4 if short else 0,
        precision="auto",
    )


def gpu(spaces: Spaces, steps: int) -> DQNConfig:
    """For a GPU and large images: BTR (Clark et al. 2024) with twice its updates per step and no noisy layers."""
    large = _has_large_image(spaces)
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
        encoder="impala-wide" if large else "auto",
        hidden=() if large else (256,),
        dueling_hidden=(512,) if large else (),
        batch_size=256,
        update_interval=32,
        target_update_interval=16_000,
        buffer_size=capacity(steps, 1_000_000),
        learning_rate=1e-4,
        learning_rate_final=1e-4,
        learning_rate_steps=steps,
        adam_epsilon=0.005 / 256,
        learning_starts=fraction(steps, 20, 50_000),
        exploration_steps=fraction(steps, 10, 500_000),
        exploration_final_epsilon=0.01,
        ema_decay=0.999,
        random_shift=4 if large and steps <= 500_000 else 0,
        precision="auto",
    )


# ------------------------------------------------------------------------------------------------------------ published


def dqn_nature(spaces: Spaces, steps: int) -> DQNConfig:
    """DQN: Mnih et al. 2015, Extended Data Table 1."""
    return DQNConfig(
        gamma=0.99,
        n_step=1,
        double=False,
        reward_clip=1.0,
        distribution="none",
        loss="huber",
        encoder=_nature_encoder(spaces),
        hidden=(512,),
        dueling=False,
        layer_norm=False,
        optimizer="rmsprop-published",
        learning_rate=2.5e-4,
        learning_rate_final=2.5e-4,
        learning_rate_steps=steps,
        adam_epsilon=0.01 / 32**2,  # 0.01 for gradients summed over the batch, as published; ours are means
        max_grad_norm=None,
        batch_size=32,
        update_interval=4,
        target_update_interval=10_000,
        ema_decay=0.0,
        mirror=False,
        buffer_size=capacity(steps, 1_000_000),
        learning_starts=fraction(steps, 20, 50_000),
        exploration_final_epsilon=0.1,
        exploration_steps=fraction(steps, 10, 1_000_000),
    )


def double_dqn(spaces: Spaces, steps: int) -> DQNConfig:
    """Double DQN: van Hasselt et al. 2016, the tuned version."""
    return replace(
        dqn_nature(spaces, steps),
        double=True,
        shared_bias=True,
        target_update_interval=30_000,
        exploration_final_epsilon=0.01,
    )


def rainbow(spaces: Spaces, steps: int) -> DQNConfig:
    """Rainbow: Hessel et al. 2018, Table 1; double, dueling, prioritized, 3-step, categorical and noisy."""
    return replace(
        dqn_nature(spaces, steps),
        n_step=3,
        double=True,
        distribution="categorical",
        num_atoms=51,
        value_min=-10.0,
        value_max=10.0,
        hidden=(),
        dueling=True,
        dueling_hidden=(512,),
        noisy=True,
        noisy_sigma=0.5,
        optimizer="adam",
        learning_rate=6.25e-5,
        learning_rate_final=6.25e-5,
        adam_epsilon=1.5e-4,
        max_grad_norm=10.0,
        target_update_interval=8_000,
        per_alpha=0.5,
        per_beta=0.4,
        per_beta_steps=steps,
        learning_starts=fraction(steps, 20, 20_000),
        exploration_initial_epsilon=0.0,
        exploration_final_epsilon=0.0,
        exploration_steps=steps,
    )


def data_efficient_rainbow(spaces: Spaces, steps: int) -> DQNConfig:
    """Data-efficient Rainbow: van Hasselt et al. 2019, with n-step 10 and the encoder of Agarwal et al. 2021."""
    return replace(
        rainbow(spaces, steps),
        n_step=10,
        noisy_sigma=0.1,
        learning_rate=1e-4,
        learning_rate_final=1e-4,
        update_interval=1,
        target_update_interval=2_000,
        learning_starts=fraction(steps, 20, 1_600),
    )


def drq_eps(spaces: Spaces, steps: int) -> DQNConfig:
    """DrQ(ε): Yarats et al. 2021 as corrected by Agarwal et al. 2021; random shifts and intensity."""
    return replace(
        dqn_nature(spaces, steps),
        n_step=10,
        double=True,
        hidden=(),
        dueling=True,
        dueling_hidden=(512,),
        optimizer="adam",
        learning_rate=1e-4,
        learning_rate_final=1e-4,
        adam_epsilon=1.5e-4,
        max_grad_norm=10.0,
        update_interval=1,
        target_update_interval=1,
        random_shift=4 if _images(spaces) else 0,
        random_intensity=0.05 if _images(spaces) else 0.0,
        learning_starts=fraction(steps, 20, 1_600),
        exploration_final_epsilon=0.01,
        exploration_steps=fraction(steps, 10, 5_000),
    )


def iqn_munchausen(spaces: Spaces, steps: int) -> DQNConfig:
    """Munchausen-IQN: Vieillard et al. 2020, Table 2, on IQN (Dabney et al. 2018b) as in Dopamine."""
    return replace(
        dqn_nature(spaces, steps),
        munchausen=True,
        munchausen_policy="target",
        munchausen_scale=0.9,
        munchausen_temperature=0.03,
        munchausen_clip=-1.0,
        distribution="implicit",
        num_quantiles=64,
        num_target_quantiles=64,
        num_eval_quantiles=32,
        num_cosines=64,
        huber_kappa=1.0,
        optimizer="adam",
        learning_rate=5e-5,
        learning_rate_final=5e-5,
        adam_epsilon=0.01 / 32,
        target_update_interval=8_000,
        learning_starts=fraction(steps, 20, 20_000),
        exploration_final_epsilon=0.01,
        exploration_steps=fraction(steps, 10, 250_000),
    )


def btr(spaces: Spaces, steps: int) -> DQNConfig:
    """Beyond the Rainbow: Clark et al. 2024 and their code; Munchausen-IQN, residual, dueling, noisy, prioritized."""
    return replace(
        iqn_munchausen(spaces, steps),
        gamma=0.997,
        n_step=3,
        munchausen_policy="online",
        num_quantiles=8,
        num_target_quantiles=8,
        num_eval_quantiles=8,
        encoder="impala-wide" if _has_large_image(spaces) else "auto",
        hidden=(),
        dueling=True,
        dueling_hidden=(512,),
        noisy=True,
        noisy_sigma=0.5,
        learning_rate=1e-4,
        learning_rate_final=1e-4,
        adam_epsilon=0.005 / 256,
        max_grad_norm=10.0,
        batch_size=256,
        update_interval=64,
        target_update_interval=32_000,
        per_alpha=0.2,
        per_beta=0.4,
        per_beta_steps=steps,
        per_error="quantiles",
        learning_starts=fraction(steps, 20, 200_000),
        exploration_steps=fraction(steps, 10, 2_000_000),
        exploration_decay="exponential",
        exploration_end=max(1, steps // 2),
    )


def _images(spaces: Spaces) -> list[Leaf]:
    return [leaf for leaf in spaces.observations.values() if leaf.is_picture]


def _has_large_image(spaces: Spaces) -> bool:
    return any(not is_small(leaf) for leaf in _images(spaces))


def _nature_encoder(spaces: Spaces) -> str:
    """The convolutions of Mnih et al. 2015, where all images are large enough for them."""
    images = _images(spaces)
    return "nature" if images and not any(map(is_small, images)) else "auto"


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
