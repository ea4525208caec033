"""Every hyperparameter of DQN, with its meaning, bounds and source."""

from dataclasses import dataclass

from rlkit.errors import UserError
from rlkit.hyperparameters import hyperparameter
from rlkit.nn.encoders import ENCODERS


@dataclass(frozen=True)
class DQNConfig:
    """Hyperparameters of a DQN agent; every count of steps is in steps of a single environment."""

    # What is learned
    gamma: float = hyperparameter(0.99, "Discount per step.", "Mnih 2015", low=0, high=1)
    n_step: int = hyperparameter(3, "Rewards summed before bootstrapping.", "Hessel 2018", low=1, high=100)
    double: bool = hyperparameter(
        True, "Let the online network choose the action that the target values.", "van Hasselt 2016"
    )
    reward_clip: float | None = hyperparameter(
        None, "Clip rewards to ± this for learning; scores stay raw.", "Mnih 2015", low=0
    )

    # The network
    encoder: str = hyperparameter(
        "auto", "How pictures are read; auto goes by their size.", "Mnih 2015 (nature)", choices=("auto", *ENCODERS)
    )
    hidden: tuple[int, ...] = hyperparameter((256, 256), "Widths of the dense layers.", low=1, high=65536)
    dueling: bool = hyperparameter(True, "Split values into a state's value and advantages.", "Wang 2016")
    layer_norm: bool = hyperparameter(True, "Normalise the dense layers.", "Ba 2016; Gallici 2024")

    # How it is learned
    loss: str = hyperparameter(
        "huber", "Error to minimise.", "Mnih 2015; squared with Adam: Obando-Ceron 2021", choices=("huber", "squared")
    )
    learning_rate: float = hyperparameter(1e-3, "Adam's step size at the start.", "Kingma 2015", low=0, high=1)
    learning_rate_final: float = hyperparameter(0.0, "Adam's step size at the end; linear in between.", low=0, high=1)
    learning_rate_steps: int = hyperparameter(100_000, "Steps until the final step size.", low=1)
    adam_epsilon: float = hyperparameter(1e-5, "Adam's epsilon.", "Hessel 2018 takes 1.5e-4", low=0, high=1)
    max_grad_norm: float = hyperparameter(10.0, "Longest gradient.", "Wang 2016", low=0)
    batch_size: int = hyperparameter(256, "Transitions per update.", low=1, high=1_000_000)
    update_interval: int = hyperparameter(32, "Steps per update.", "Mnih 2015 takes 4, with a batch of 32", low=1)
    target_update_interval: int = hyperparameter(
        16_000, "Steps between copies to the target network.", "Mnih 2015", low=1
    )
    weight_averaging: float = hyperparameter(
        0.995,
        "Decay per update of the averaged weights that act greedily; 0: the latest ones act.",
        "Izmailov 2018",
        low=0,
        high=0.99999,
    )

    mirror: bool = hyperparameter(
        True, "Learn half of each batch in a mirror, where the environment says that left and right are alike."
    )

    # Memory and exploration
    buffer_size: int = hyperparameter(100_000, "Steps kept for replay.", "Mnih 2015 takes 1 million", low=2)
    learning_starts: int = hyperparameter(1_000, "Steps before the first update.", low=1)
    exploration_initial_epsilon: float = hyperparameter(1.0, "Share of random actions at the start.", low=0, high=1)
    exploration_final_epsilon: float = hyperparameter(0.02, "Share of random actions at the end.", low=0, high=1)
    exploration_steps: int = hyperparameter(25_000, "Steps until the final share.", low=1)

    def check(self) -> None:
        """Refuse combinations that cannot work."""
        if self.batch_size > self.buffer_size:
            raise UserError(f"batch_size = {self.batch_size} is larger than buffer_size = {self.buffer_size}")
        if self.learning_starts > self.buffer_size:
            raise UserError(f"learning_starts = {self.learning_starts} is beyond buffer_size = {self.buffer_size}")
