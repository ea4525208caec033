"""The hyperparameters of PQN, with their meaning, bounds and source, and its presets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from rlkit.errors import UserError
from rlkit.hyperparameters import Range, hyperparameter
from rlkit.nn.encoders import ENCODERS, is_small, is_tiny
from rlkit.spaces import Spaces

# Limits far beyond sensible use: a configuration from a file must not exhaust memory before it is refused.
MAX_STEPS = 10**12
MAX_NUMBER = 1e9  # of rewards and gradient norms
MAX_LAYERS = 32
MAX_WEIGHTS = 2**27  # of dense layers, 0.5 GB; an agent keeps four numbers per weight


@dataclass(frozen=True)
class PQNConfig:
    """Hyperparameters of a PQN agent; steps are those of a single environment."""

    # Target
    gamma: float = hyperparameter(
        0.99, "Discount per step.", "Gallici 2024", low=0, high=1, search=(0.95, 0.975, 0.99, 0.995, 0.997)
    )
    lambda_: float = hyperparameter(
        0.65, "Lambda of the Q(lambda) returns: 0 is one step, 1 the whole rollout.",
        "Gallici 2024, Daley 2019", low=0, high=1, search=Range(0.3, 0.95))  # fmt: skip
    reward_clip: float | None = hyperparameter(
        None, "Clip rewards to ± this value; reported returns are unclipped.", "Mnih 2015", low=0, high=MAX_NUMBER
    )

    # Network
    encoder: str = hyperparameter(
        "auto", "Image encoder; auto chooses by the image size.", "Mnih 2015 (nature)", choices=("auto", *ENCODERS)
    )
    hidden: tuple[int, ...] = hyperparameter(
        (128, 128), "Widths of the dense layers.", low=1, high=16_384, search=((64, 64), (128, 128), (256, 256))
    )
    layer_norm: bool = hyperparameter(
        True, "Normalize every layer, for stability without a target network.", "Gallici 2024; Ba 2016"
    )

    norm_over: str = hyperparameter(
        "image",
        "What layer_norm normalizes of a convolution: the channels of each pixel, or the whole image.",
        "pixel: Gallici 2024, as flax does",
        choices=("image", "pixel"),
    )

    # Optimization
    rollout_steps: int = hyperparameter(
        32, "Steps of each environment between updates.", "Gallici 2024", low=1, high=16_384, search=(16, 32, 64, 128)
    )
    minibatches: int = hyperparameter(
        8, "Minibatches per epoch.", "Gallici 2024 takes 32", low=1, high=65_536, search=(4, 8, 16, 32)
    )
    epochs: int = hyperparameter(2, "Epochs per rollout.", "Gallici 2024", low=1, high=1_000, search=Range(1, 4))
    learning_rate: float = hyperparameter(
        5e-4,
        "Initial learning rate of RAdam.",
        "Gallici 2024; Liu 2020",
        low=0,
        high=1,
        search=Range(1e-4, 2e-3, log=True),
    )
    learning_rate_final: float = hyperparameter(0.0, "RAdam's step size at the end; linear in between.", low=0, high=1)
    learning_rate_steps: int = hyperparameter(100_000, "Steps until the final step size.", low=1, high=MAX_STEPS)
    max_grad_norm: float = hyperparameter(
        10.0, "Clip the gradient norm at this value.", "Gallici 2024", low=0, high=MAX_NUMBER
    )

    # Exploration
    exploration_initial_epsilon: float = hyperparameter(
        1.0, "Initial epsilon, the share of random actions.", low=0, high=1
    )
    exploration_final_epsilon: float = hyperparameter(
        0.02,
        "Final epsilon, reached linearly.",
        "Gallici 2024: 0.001 on Atari, 0.05 on MinAtar",
        low=0,
        high=1,
        search=Range(0.001, 0.1, log=True),
    )
    exploration_steps: int = hyperparameter(25_000, "Steps until the final epsilon.", low=1, high=MAX_STEPS)

    def check(self) -> None:
        """Check combinations of hyperparameters.

        Raises:
            UserError: Two of them contradict each other, or are too large together.
        """
        if self.learning_rate_final > self.learning_rate:
            raise UserError(
                f"learning_rate_final = {self.learning_rate_final} is above learning_rate = {self.learning_rate}"
            )
        weights = sum(above * below for above, below in pairwise(self.hidden))
        if len(self.hidden) > MAX_LAYERS or weights > MAX_WEIGHTS:
            raise UserError(
                f"hidden has {len(self.hidden)} layers with {weights:,} weights between them: at most {MAX_LAYERS} "
                f"with {MAX_WEIGHTS:,} are allowed; try hidden=128,128"
            )


def paper(spaces: Spaces, steps: int) -> PQNConfig:
    """Gallici et al. 2024: their values for Atari with images of 64 pixels and more, for MinAtar with smaller ones.

    The paper runs 128 environments at once; with fewer, rollouts are smaller and have fewer minibatches. Its step size
    is constant on Atari and decays on MinAtar. Images of 16 to 63 pixels have MinAtar's values, but normalize whole
    images; the values for vectors are ours.
    """
    images = [leaf for leaf in spaces.observations.values() if leaf.is_picture]
    if not images:
        return _vectors(spaces, steps)
    return _small_images(spaces, steps) if any(map(is_small, images)) else _large_images(spaces, steps)


def _large_images(spaces: Spaces, steps: int) -> PQNConfig:
    return PQNConfig(
        lambda_=0.65,
        reward_clip=spaces.reward_clip,
        hidden=(512,),
        norm_over="pixel",
        rollout_steps=32,
        minibatches=8,
        epochs=2,
        learning_rate=2.5e-4,
        learning_rate_final=2.5e-4,
        learning_rate_steps=steps,
        exploration_final_epsilon=0.001,
        exploration_steps=max(1, steps // 10),
    )


def _small_images(spaces: Spaces, steps: int) -> PQNConfig:
    images = [leaf for leaf in spaces.observations.values() if leaf.is_picture]
    return replace(
        _large_images(spaces, steps),
        hidden=(128,),
        norm_over="pixel" if all(map(is_tiny, images)) else "image",
        learning_rate=5e-4,
        learning_rate_final=0.0,
        exploration_final_epsilon=0.05,
    )


def _vectors(spaces: Spaces, steps: int) -> PQNConfig:
    return replace(
        _small_images(spaces, steps),
        lambda_=0.95,
        hidden=(128, 128),
        minibatches=4,
        epochs=4,
        learning_rate=2e-3,
        exploration_steps=max(1, steps // 5),
    )


PRESETS: Mapping[str, Callable[[Spaces, int], PQNConfig]] = {"paper": paper}
