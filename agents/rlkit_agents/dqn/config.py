"""The hyperparameters of DQN, with their meaning, bounds and source."""

import math
from dataclasses import dataclass
from itertools import pairwise

from rlkit.errors import UserError
from rlkit.hyperparameters import Range, hyperparameter
from rlkit.nn.encoders import ENCODERS
from rlkit.spaces import Spaces

DISTRIBUTIONS = ("none", "categorical", "quantile", "implicit")

# Limits far beyond sensible use: a configuration from a file must not exhaust memory before it is refused.
MAX_STEPS = 10**12
MAX_NUMBER = 1e9  # of rewards, returns and gradient norms
MAX_LAYERS = 32
MAX_WEIGHTS = 2**27  # of dense layers, 0.5 GB; an agent keeps six numbers per weight
MAX_PAIRS = 2**28  # pairs of atoms or quantiles in an update, 1 GB
MAX_QUANTILE_ROWS = 2**17  # transitions times quantiles in an update of IQN; Dabney 2018b has 2,048
MAX_OBSERVED = 2**29  # numbers in the observations of a batch, 0.5 GB


@dataclass(frozen=True)
class DQNConfig:
    """Hyperparameters of a DQN agent; steps are those of a single environment."""

    # Bellman target
    gamma: float = hyperparameter(
        0.99, "Discount per step.", "Mnih 2015", low=0, high=1, search=(0.95, 0.975, 0.99, 0.995, 0.997)
    )
    n_step: int = hyperparameter(
        3, "Number of rewards summed before bootstrapping.", "Hessel 2018", low=1, high=100, search=(1, 3, 5, 10)
    )
    n_step_final: int | None = hyperparameter(
        None,
        "Final n_step, reached by a geometric schedule; None keeps n_step constant.",
        "Schwarzer 2023",
        low=1,
        high=100,
    )
    n_step_decay_updates: int = hyperparameter(
        10_000,
        "Updates until n_step_final, counted from the latest reset.",
        "Schwarzer 2023",
        low=1,
        high=MAX_STEPS,
    )
    double: bool = hyperparameter(
        True,
        "Double Q-learning: the online network selects the action, the target network evaluates it.",
        "van Hasselt 2016",
    )
    munchausen: bool = hyperparameter(
        False,
        "Munchausen targets: softmax policy, log-probability added to the reward; needs double=False.",
        "Vieillard 2020",
    )
    munchausen_scale: float = hyperparameter(
        0.9, "Munchausen alpha: weight of the log-probability.", "Vieillard 2020", low=0, high=1
    )
    munchausen_temperature: float = hyperparameter(
        0.03, "Munchausen tau: temperature of the softmax policy.", "Vieillard 2020", low=1e-6, high=1000
    )
    munchausen_clip: float = hyperparameter(
        -1.0, "Munchausen l0: lower bound of the scaled log-probability.", "Vieillard 2020", low=-MAX_NUMBER, high=0
    )
    munchausen_policy: str = hyperparameter(
        "target",
        "Network that the log-probability added to the reward is of.",
        "target: Vieillard 2020; online: Clark 2024",
        choices=("target", "online"),
    )
    reward_scale: float = hyperparameter(
        1.0,
        "Multiply rewards by this before reward_clip; reported returns are unscaled.",
        "Henderson 2018",
        low=1e-9,
        high=MAX_NUMBER,
    )
    reward_clip: float | None = hyperparameter(
        None, "Clip rewards to ± this value; reported returns are unclipped.", "Mnih 2015", low=0, high=MAX_NUMBER
    )

    # Distribution of the return
    distribution: str = hyperparameter(
        "none",
        "What the network predicts of the return: its mean (none), probabilities of fixed atoms (categorical, C51), "
        "fixed quantiles (quantile, QR-DQN), or quantiles at any fraction (implicit, IQN).",
        "Bellemare 2017; Dabney 2018a; Dabney 2018b",
        choices=DISTRIBUTIONS,
        search=("none", "quantile"),
    )
    num_atoms: int = hyperparameter(51, "Number of atoms of categorical.", "Bellemare 2017", low=2, high=1_000)
    value_min: float = hyperparameter(
        -10.0, "Smallest atom of categorical.", "Bellemare 2017", low=-MAX_NUMBER, high=MAX_NUMBER
    )
    value_max: float = hyperparameter(
        10.0, "Largest atom of categorical.", "Bellemare 2017", low=-MAX_NUMBER, high=MAX_NUMBER
    )
    num_quantiles: int = hyperparameter(
        32,
        "Number of quantiles; for implicit, of the online network per update.",
        "Dabney 2018a takes 200, Dabney 2018b 64",
        low=1,
        high=1_000,
    )
    num_target_quantiles: int = hyperparameter(
        32, "Number of quantiles of implicit's target network per update.", "Dabney 2018b takes 64", low=1, high=1_000
    )
    num_eval_quantiles: int = hyperparameter(
        32, "Number of quantiles that implicit averages for action values.", "Dabney 2018b", low=1, high=1_000
    )
    num_cosines: int = hyperparameter(
        64, "Number of cosines of implicit's fraction embedding.", "Dabney 2018b", low=1, high=4_096
    )
    huber_kappa: float = hyperparameter(
        1.0, "Kappa of the quantile Huber loss; 0 is plain quantile regression.", "Dabney 2018a", low=0, high=MAX_NUMBER
    )

    # Network
    encoder: str = hyperparameter(
        "auto", "Image encoder; auto chooses by the image size.", "Mnih 2015 (nature)", choices=("auto", *ENCODERS)
    )
    normalize_observations: bool = hyperparameter(
        False, "Normalize vectors to mean 0 and standard deviation 1, computed once before the first update."
    )
    hidden: tuple[int, ...] = hyperparameter((256, 256), "Widths of the dense layers.", low=1, high=16_384)
    dueling: bool = hyperparameter(
        True, "Dueling architecture: separate streams for state value and advantages.", "Wang 2016"
    )
    dueling_hidden: tuple[int, ...] = hyperparameter(
        (),
        "Widths of the dense layers of each dueling stream.",
        "Wang 2016 takes 512",
        low=1,
        high=16_384,
    )
    shared_bias: bool = hyperparameter(
        False,
        "One bias for the values of all actions, in the last layer; needs dueling=False.",
        "van Hasselt 2016, tuned version",
    )
    layer_norm: bool = hyperparameter(True, "Layer normalization of the dense layers.", "Ba 2016; Gallici 2024")
    dropout: float = hyperparameter(0.0, "Dropout probability during updates.", "Srivastava 2014", low=0, high=0.99)
    noisy: bool = hyperparameter(
        False, "Noisy dense layers for exploration; set both exploration epsilons to 0 with it.", "Fortunato 2018"
    )
    noisy_sigma: float = hyperparameter(
        0.5, "Initial standard deviation of the noise.", "Fortunato 2018", low=0, high=10
    )

    # Optimization
    loss: str = hyperparameter(
        "huber",
        "Loss for distribution=none.",
        "Mnih 2015; squared with Adam: Obando-Ceron 2021",
        choices=("huber", "squared"),
    )
    optimizer: str = hyperparameter(
        "adam",
        "Optimizer: Adam, or centred RMSProp with epsilon added to the root (rmsprop) or under it (rmsprop-published).",
        "rmsprop-published: Mnih 2015; Graves 2013",
        choices=("adam", "rmsprop", "rmsprop-published"),
    )
    learning_rate: float = hyperparameter(
        1e-3, "Initial learning rate.", "Kingma 2015", low=0, high=1, search=Range(3e-5, 3e-3, log=True)
    )
    learning_rate_final: float = hyperparameter(0.0, "Final learning rate, reached linearly.", low=0, high=1)
    learning_rate_steps: int = hyperparameter(100_000, "Steps until the final learning rate.", low=1, high=MAX_STEPS)
    adam_epsilon: float = hyperparameter(1e-5, "Epsilon of the optimizer.", "Hessel 2018 takes 1.5e-4", low=0, high=1)
    weight_decay: float = hyperparameter(
        0.0,
        "Decoupled weight decay (AdamW).",
        "Loshchilov 2019; Schwarzer 2023",
        low=0,
        high=1,
    )
    max_grad_norm: float | None = hyperparameter(
        10.0, "Clip the gradient norm at this value; None disables clipping.", "Wang 2016", low=0, high=MAX_NUMBER
    )
    batch_size: int = hyperparameter(256, "Transitions per update.", low=1, high=65_536, search=(32, 64, 128, 256))
    update_interval: int = hyperparameter(
        32,
        "Steps per update.",
        "Mnih 2015 takes 4, with a batch of 32",
        low=1,
        high=MAX_STEPS,
        search=(1, 4, 16, 32, 64),
    )
    target_update_interval: int = hyperparameter(
        16_000,
        "Steps between copies of the weights to the target network.",
        "Mnih 2015",
        low=1,
        high=MAX_STEPS,
        search=(100, 500, 2_000, 8_000, 16_000),
    )
    tau: float = hyperparameter(
        1.0,
        "Soft target updates: move the target network by this share at every update; 1 copies at intervals instead.",
        "Lillicrap 2016",
        low=1e-6,
        high=1,
    )
    ema_decay: float = hyperparameter(
        0.995,
        "Decay per update of the moving average of the weights that acts greedily; 0 disables averaging.",
        "Izmailov 2018",
        low=0,
        high=0.99999,
    )
    reset_interval: int = hyperparameter(
        0,
        "Updates between resets of the dense layers and the head; 0 disables resets.",
        "Nikishin 2022; D'Oro 2023",
        low=0,
        high=MAX_STEPS,
    )
    reset_encoder_fraction: float = hyperparameter(
        0.2,
        "Share by which the encoder moves to a new initialisation at a reset.",
        "D'Oro 2023; Schwarzer 2023 takes 0.5",
        low=0,
        high=1,
    )
    mirror: bool = hyperparameter(True, "Mirror half of each batch, if the environment declares left-right symmetry.")
    random_shift: int = hyperparameter(
        0, "Shift images at random by up to this many pixels; 0 disables shifts.", "Yarats 2021 takes 4", low=0, high=64
    )
    random_intensity: float = hyperparameter(
        0.0,
        "Multiply each image of a batch by 1 + this times a normal number within ±2; 0 disables it.",
        "Yarats 2021 takes 0.05",
        low=0,
        high=0.5,
    )
    precision: str = hyperparameter(
        "float32",
        "Data type of the image encoder; auto is bfloat16 for large images on devices with instructions for it. Dense "
        "layers, values and losses are float32 in any case.",
        "Kalamkar 2019",
        choices=("float32", "bfloat16", "auto"),
    )

    # Replay buffer and exploration
    buffer_size: int = hyperparameter(
        100_000, "Capacity of the replay buffer in steps.", "Mnih 2015 takes 1 million", low=2, high=100_000_000
    )
    replay_on_disk: bool = hyperparameter(False, "Store replayed frames in a file on disk instead of in memory.")
    per_alpha: float = hyperparameter(
        0.0,
        "Prioritized replay: exponent alpha of the priorities; 0 is uniform sampling.",
        "Schaul 2016",
        low=0,
        high=2,
    )
    per_beta: float = hyperparameter(
        0.4,
        "Prioritized replay: initial exponent beta of the importance weights, annealed to 1.",
        "Schaul 2016",
        low=0,
        high=1,
    )
    per_beta_steps: int = hyperparameter(100_000, "Steps until beta is 1.", "Schaul 2016", low=1, high=MAX_STEPS)
    per_error: str = hyperparameter(
        "mean",
        "Priorities of quantile distributions: the error of the means (mean), or the absolute errors of all pairs of "
        "quantiles, summed over the predicted ones and averaged over the targets (quantiles).",
        "quantiles: Clark 2024",
        choices=("mean", "quantiles"),
    )
    learning_starts: int = hyperparameter(1_000, "Steps before the first update.", low=1, high=MAX_STEPS)
    exploration_initial_epsilon: float = hyperparameter(
        1.0, "Initial epsilon, the share of random actions.", low=0, high=1
    )
    exploration_final_epsilon: float = hyperparameter(0.02, "Final epsilon.", low=0, high=1, search=(0.01, 0.05, 0.1))
    exploration_steps: int = hyperparameter(25_000, "Steps until the final epsilon.", low=1, high=MAX_STEPS)
    exploration_decay: str = hyperparameter(
        "linear",
        "Decay of epsilon: linear, or exponential with exploration_steps as the time constant.",
        "exponential: Clark 2024",
        choices=("linear", "exponential"),
    )
    exploration_end: int | None = hyperparameter(
        None,
        "Steps after which epsilon is 0; None keeps the final epsilon.",
        "Clark 2024, half of training",
        low=1,
        high=MAX_STEPS,
    )
    exploration_repeat: float = hyperparameter(
        1.0,
        "Initial mean number of steps for which a random action is repeated; falls to 1 with epsilon.",
        "Dabney 2021 (temporally extended)",
        low=1,
        high=1000,
    )
    exploration_min_events: int = hyperparameter(
        0,
        "Hold epsilon within 10 % of its decay until this many terminations or distinct rewards were seen.",
        "ours: sparse rewards",
        low=0,
        high=MAX_STEPS,
    )

    def check(self) -> None:
        """Check combinations of hyperparameters.

        Raises:
            UserError: Two of them contradict each other, or are too large together.
        """
        dense = (*self.hidden, *self.dueling_hidden)
        for wrong, sentence in (
            (
                len(dense) > MAX_LAYERS or sum(above * below for above, below in pairwise(dense)) > MAX_WEIGHTS,
                f"hidden and dueling_hidden have {len(dense)} layers of up to {max(dense, default=0)}: at most "
                f"{MAX_LAYERS} layers with {MAX_WEIGHTS:,} weights in all are allowed; try hidden=512",
            ),
            (
                self.batch_size * self._pairs > MAX_PAIRS,
                f"batch_size = {self.batch_size} times {self._pairs:,} pairs of numbers in the loss of a "
                f"transition: at most {MAX_PAIRS:,} are allowed; use fewer quantiles or atoms, or a smaller batch_size",
            ),
            (
                self.distribution == "implicit"
                and self.batch_size * max(self.num_quantiles, self.num_target_quantiles) > MAX_QUANTILE_ROWS,
                f"batch_size = {self.batch_size} times num_quantiles = {self.num_quantiles} or num_target_quantiles = "
                f"{self.num_target_quantiles} is more than {MAX_QUANTILE_ROWS:,}: reduce either",
            ),
            (
                self.batch_size > self.buffer_size,
                f"batch_size = {self.batch_size} is larger than buffer_size = {self.buffer_size}",
            ),
            (
                self.learning_starts > self.buffer_size,
                f"learning_starts = {self.learning_starts} is larger than buffer_size = {self.buffer_size}",
            ),
            (
                self.n_step > self.buffer_size,
                f"n_step = {self.n_step} is larger than buffer_size = {self.buffer_size}",
            ),
            (
                self.n_step_final is not None and self.n_step_final > self.n_step,
                f"n_step_final = {self.n_step_final} is larger than n_step = {self.n_step}; use a smaller one",
            ),
            (
                self.value_min >= self.value_max,
                f"value_min = {self.value_min:g} is not below value_max = {self.value_max:g}",
            ),
            (
                self.munchausen and self.double,
                "munchausen = True and double = True contradict each other: a softmax policy averages over all actions "
                "and selects none; use double=False",
            ),
            (
                self.munchausen and self.distribution == "categorical",
                "munchausen = True and distribution = 'categorical' contradict each other: the soft value is not "
                "on the fixed atoms; use distribution=quantile or implicit",
            ),
            (
                self.noisy and not (self.hidden or self.dueling_hidden),
                "noisy = True with hidden = () has no dense layer for the noise; use hidden=512",
            ),
            (
                self.shared_bias and (self.dueling or self.noisy),
                f"shared_bias = True with dueling = {self.dueling} and noisy = {self.noisy}: only a plain last layer "
                "shares its bias; use dueling=False and noisy=False",
            ),
            (
                self.per_error == "quantiles" and self.distribution not in ("quantile", "implicit"),
                f"per_error = 'quantiles' with distribution = {self.distribution!r}: there are no quantiles; use "
                "per_error=mean, or distribution=quantile or implicit",
            ),
            (
                bool(self.dueling_hidden) and not self.dueling,
                f"dueling_hidden = {self.dueling_hidden} with dueling = False: there are no streams; use dueling=True",
            ),
            (
                self.weight_decay > 0 and self.optimizer != "adam",
                f"weight_decay = {self.weight_decay:g} with optimizer = {self.optimizer!r}: use optimizer=adam",
            ),
        ):
            if wrong:
                raise UserError(sentence)

    @property
    def _pairs(self) -> int:
        """Pairs of predictions and targets in the loss of one transition."""
        if self.distribution == "implicit":
            return self.num_quantiles * self.num_target_quantiles
        return self._outputs**2

    @property
    def _outputs(self) -> int:
        """Outputs of the network per action."""
        return {"categorical": self.num_atoms, "quantile": self.num_quantiles}.get(self.distribution, 1)

    def check_for(self, spaces: Spaces) -> None:
        """Check the hyperparameters against observations and actions.

        Raises:
            UserError: One of them does not apply, or is too large for them.
        """
        if not any(leaf.is_picture for leaf in spaces.observations.values()):
            for name in ("random_shift", "random_intensity"):
                if getattr(self, name) > 0:
                    raise UserError(f"{name} = {getattr(self, name)}: there is no image to change; use {name}=0")
        width = (1, *self.hidden, *self.dueling_hidden)[-1]
        if width * spaces.num_actions * self._outputs > MAX_WEIGHTS:
            raise UserError(
                f"{spaces.num_actions} actions of {self._outputs} outputs each, from a layer of {width}, take more "
                f"than {MAX_WEIGHTS:,} weights: use a narrower layer, or fewer quantiles or atoms"
            )
        seen = sum(math.prod(leaf.shape) for leaf in spaces.observations.values())
        if self.batch_size * seen > MAX_OBSERVED:
            raise UserError(
                f"batch_size = {self.batch_size}: an observation has {seen:,} numbers, and a batch may have "
                f"{MAX_OBSERVED:,} at most; use batch_size={max(1, MAX_OBSERVED // seen)}, or smaller images"
            )
