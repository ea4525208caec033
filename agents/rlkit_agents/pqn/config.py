"""Every hyperparameter of PQN, with its meaning, bounds and source, and its presets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from rlkit.errors import UserError
from rlkit.hyperparameters import Range, hyperparameter
from rlkit.nn.encoders import ENCODERS
from rlkit.spaces import Spaces

# Bounds, far beyond every sensible use, of what would otherwise take all memory before anybody is told.
MOST_STEPS = 10**12
LARGEST = 1e9  # of numbers that rewards and gradients are held against
MOST_LAYERS = 32
MOST_WEIGHTS = 2**27  # of dense layers, 0.5 GB; an agent keeps four numbers for each

LARGE = 64  # pixels; pictures of fewer are read by a small network


@dataclass(frozen=True)
class PQNConfig:
    """Hyperparameters of a PQN agent; every count of steps but `rollout_steps` is in steps of a single environment."""

    # What is learned
    gamma: float = hyperparameter(
        0.99, "Discount per step.", "Gallici 2024", low=0, high=1, search=(0.95, 0.975, 0.99, 0.995, 0.997)
    )
    lambda_: float = hyperparameter(
        0.65, "Weight of longer returns in the target (lambda): 0 is one step, 1 all of the rollout.",
        "Gallici 2024, Daley 2019", low=0, high=1, search=Range(0.3, 0.95))  # fmt: skip
    reward_clip: float | None = hyperparameter(
        None, "Clip rewards to ± this for learning; scores stay raw.", "Mnih 2015", low=0, high=LARGEST
    )

    # The network
    encoder: str = hyperparameter(
        "auto", "How pictures are read; auto goes by their size.", "Mnih 2015 (nature)", choices=("auto", *ENCODERS)
    )
    hidden: tuple[int, ...] = hyperparameter(
        (128, 128), "Widths of the dense layers.", low=1, high=16_384, search=((64, 64), (128, 128), (256, 256))
    )
    layer_norm: bool = hyperparameter(
        True, "Normalise every layer: what keeps learning stable without a target network.", "Gallici 2024; Ba 2016"
    )

    # How it is learned
    rollout_steps: int = hyperparameter(
        32, "Steps of each environment between updates.", "Gallici 2024", low=1, high=16_384, search=(16, 32, 64, 128)
    )
    minibatches: int = hyperparameter(
        8, "Parts that a rollout is learned in.", "Gallici 2024 takes 32", low=1, high=65_536, search=(4, 8, 16, 32)
    )
    epochs: int = hyperparameter(
        2, "How often each rollout is learned from.", "Gallici 2024", low=1, high=1_000, search=Range(1, 4)
    )
    learning_rate: float = hyperparameter(
        5e-4,
        "RAdam's step size at the start.",
        "Gallici 2024; Liu 2020",
        low=0,
        high=1,
        search=Range(1e-4, 2e-3, log=True),
    )
    learning_rate_final: float = hyperparameter(0.0, "RAdam's step size at the end; linear in between.", low=0, high=1)
    learning_rate_steps: int = hyperparameter(100_000, "Steps until the final step size.", low=1, high=MOST_STEPS)
    max_grad_norm: float = hyperparameter(10.0, "Longest gradient.", "Gallici 2024", low=0, high=LARGEST)

    # Exploration
    exploration_initial_epsilon: float = hyperparameter(1.0, "Share of random actions at the start.", low=0, high=1)
    exploration_final_epsilon: float = hyperparameter(
        0.02,
        "Share of random actions at the end.",
        "Gallici 2024: 0.001 on Atari, 0.05 on MinAtar",
        low=0,
        high=1,
        search=Range(0.001, 0.1, log=True),
    )
    exploration_steps: int = hyperparameter(25_000, "Steps until the final share.", low=1, high=MOST_STEPS)

    def check(self) -> None:
        """Refuse combinations that cannot work."""
        if self.learning_rate_final > self.learning_rate:
            raise UserError(
                f"learning_rate_final = {self.learning_rate_final} is above learning_rate = {self.learning_rate}"
            )
        weights = sum(above * below for above, below in pairwise(self.hidden))
        if len(self.hidden) > MOST_LAYERS or weights > MOST_WEIGHTS:
            raise UserError(
                f"hidden has {len(self.hidden)} layers with {weights:,} weights between them: at most {MOST_LAYERS} "
                f"with {MOST_WEIGHTS:,} are made; say for instance hidden=128,128"
            )


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
        lambda_=0.65,
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
        lambda_=0.65,
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
        lambda_=0.95,
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
