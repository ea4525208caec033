"""Every hyperparameter of DQN, with its meaning, bounds and source."""

import math
from dataclasses import dataclass
from itertools import pairwise

from rlkit.errors import UserError
from rlkit.hyperparameters import Range, hyperparameter
from rlkit.nn.encoders import ENCODERS
from rlkit.spaces import Spaces

DISTRIBUTIONS = ("none", "categorical", "quantile", "implicit")

# Bounds, far beyond every sensible use, of what would otherwise take all memory before anybody is told.
MOST_STEPS = 10**12
LARGEST = 1e9  # of numbers that rewards and gradients are held against
MOST_LAYERS = 32
MOST_WEIGHTS = 2**27  # of dense layers, 0.5 GB; an agent keeps six numbers for each
MOST_COMPARED = 2**28  # pairs of quantiles in an update, 1 GB
MOST_ROWS = 2**17  # transitions times quantiles in an update of implicit; Dabney 2018b has 2,048
MOST_SEEN = 2**29  # numbers that the observations of a batch consist of: half a gigabyte as they are kept


@dataclass(frozen=True)
class DQNConfig:
    """Hyperparameters of a DQN agent; every count of steps is in steps of a single environment."""

    # What is learned
    gamma: float = hyperparameter(
        0.99, "Discount per step.", "Mnih 2015", low=0, high=1, search=(0.95, 0.975, 0.99, 0.995, 0.997)
    )
    n_step: int = hyperparameter(
        3, "Rewards summed before bootstrapping.", "Hessel 2018", low=1, high=100, search=(1, 3, 5, 10)
    )
    n_step_final: int | None = hyperparameter(
        None,
        "Rewards summed in the end, fewer and fewer until then; None: always n_step.",
        "Schwarzer 2023",
        low=1,
        high=100,
    )
    n_step_decay_updates: int = hyperparameter(
        10_000,
        "Updates until n_step_final, from the start or the latest reset.",
        "Schwarzer 2023",
        low=1,
        high=MOST_STEPS,
    )
    double: bool = hyperparameter(
        True, "Let the online network choose the action that the target values.", "van Hasselt 2016"
    )
    munchausen: bool = hyperparameter(
        False, "Go on by a soft policy and reward its log-probability; not with double.", "Vieillard 2020"
    )
    munchausen_scale: float = hyperparameter(0.9, "Weight of that reward.", "Vieillard 2020", low=0, high=1)
    munchausen_temperature: float = hyperparameter(
        0.03, "Temperature of the soft policy.", "Vieillard 2020", low=1e-6, high=1000
    )
    munchausen_clip: float = hyperparameter(
        -1.0, "Lowest such reward before weighting.", "Vieillard 2020", low=-LARGEST, high=0
    )
    reward_scale: float = hyperparameter(
        1.0,
        "Multiply rewards by this for learning, then clip; scores stay raw.",
        "Henderson 2018",
        low=1e-9,
        high=LARGEST,
    )
    reward_clip: float | None = hyperparameter(
        None, "Clip rewards to ± this for learning; scores stay raw.", "Mnih 2015", low=0, high=LARGEST
    )

    # What the head stands for
    distribution: str = hyperparameter(
        "none",
        "What is known of the return: its mean only, probabilities of fixed returns (C51), fixed quantiles (QR-DQN), "
        "or any quantile (IQN).",
        "Bellemare 2017; Dabney 2018a; Dabney 2018b",
        choices=DISTRIBUTIONS,
        search=("none", "quantile"),
    )
    num_atoms: int = hyperparameter(51, "Fixed returns of categorical.", "Bellemare 2017", low=2, high=1_000)
    value_min: float = hyperparameter(
        -10.0, "Lowest return of categorical.", "Bellemare 2017", low=-LARGEST, high=LARGEST
    )
    value_max: float = hyperparameter(
        10.0, "Highest return of categorical.", "Bellemare 2017", low=-LARGEST, high=LARGEST
    )
    num_quantiles: int = hyperparameter(
        32,
        "Quantiles; of implicit, those drawn per update.",
        "Dabney 2018a takes 200, Dabney 2018b 64",
        low=1,
        high=1_000,
    )
    num_target_quantiles: int = hyperparameter(
        32, "Quantiles of implicit's targets.", "Dabney 2018b takes 64", low=1, high=1_000
    )
    num_eval_quantiles: int = hyperparameter(32, "Quantiles that implicit acts by.", "Dabney 2018b", low=1, high=1_000)
    num_cosines: int = hyperparameter(
        64, "Cosines that implicit reads a fraction by.", "Dabney 2018b", low=1, high=4_096
    )
    huber_kappa: float = hyperparameter(
        1.0, "Error up to which quantile losses are squared; 0: never.", "Dabney 2018a", low=0, high=LARGEST
    )

    # The network
    encoder: str = hyperparameter(
        "auto", "How pictures are read; auto goes by their size.", "Mnih 2015 (nature)", choices=("auto", *ENCODERS)
    )
    normalize_observations: bool = hyperparameter(
        False, "Bring vectors to mean 0 and spread 1, measured once before the first update."
    )
    hidden: tuple[int, ...] = hyperparameter((256, 256), "Widths of the dense layers.", low=1, high=16_384)
    dueling: bool = hyperparameter(True, "Split values into a state's value and advantages.", "Wang 2016")
    dueling_hidden: tuple[int, ...] = hyperparameter(
        (),
        "Widths of dense layers that value and advantages have alone.",
        "Wang 2016 takes 512",
        low=1,
        high=16_384,
    )
    layer_norm: bool = hyperparameter(True, "Normalise the dense layers.", "Ba 2016; Gallici 2024")
    dropout: float = hyperparameter(
        0.0, "Share of features dropped while learning.", "Srivastava 2014", low=0, high=0.99
    )
    noisy: bool = hyperparameter(
        False, "Explore by noise on the dense weights; set both exploration epsilons to 0 with it.", "Fortunato 2018"
    )
    noisy_sigma: float = hyperparameter(0.5, "Noise at the start.", "Fortunato 2018", low=0, high=10)

    # How it is learned
    loss: str = hyperparameter(
        "huber",
        "Error to minimise where only the mean is learned.",
        "Mnih 2015; squared with Adam: Obando-Ceron 2021",
        choices=("huber", "squared"),
    )
    optimizer: str = hyperparameter(
        "adam", "Who steps: Adam, or the centred RMSProp of the first papers.", "Mnih 2015", choices=("adam", "rmsprop")
    )
    learning_rate: float = hyperparameter(
        1e-3, "Step size at the start.", "Kingma 2015", low=0, high=1, search=Range(3e-5, 3e-3, log=True)
    )
    learning_rate_final: float = hyperparameter(0.0, "Step size at the end; linear in between.", low=0, high=1)
    learning_rate_steps: int = hyperparameter(100_000, "Steps until the final step size.", low=1, high=MOST_STEPS)
    adam_epsilon: float = hyperparameter(1e-5, "The optimizer's epsilon.", "Hessel 2018 takes 1.5e-4", low=0, high=1)
    weight_decay: float = hyperparameter(
        0.0,
        "Share of the weights lost per unit of step (AdamW).",
        "Loshchilov 2019; Schwarzer 2023",
        low=0,
        high=1,
    )
    max_grad_norm: float | None = hyperparameter(10.0, "Longest gradient; None: any.", "Wang 2016", low=0, high=LARGEST)
    batch_size: int = hyperparameter(256, "Transitions per update.", low=1, high=65_536, search=(32, 64, 128, 256))
    update_interval: int = hyperparameter(
        32,
        "Steps per update.",
        "Mnih 2015 takes 4, with a batch of 32",
        low=1,
        high=MOST_STEPS,
        search=(1, 4, 16, 32, 64),
    )
    target_update_interval: int = hyperparameter(
        16_000,
        "Steps between copies to the target network.",
        "Mnih 2015",
        low=1,
        high=MOST_STEPS,
        search=(100, 500, 2_000, 8_000, 16_000),
    )
    tau: float = hyperparameter(
        1.0,
        "1: copy to the target network at intervals; less: move it by this share at every update instead.",
        "Lillicrap 2016",
        low=1e-6,
        high=1,
    )
    ema_decay: float = hyperparameter(
        0.995,
        "Decay per update of the averaged weights that act greedily; 0: the latest ones act.",
        "Izmailov 2018",
        low=0,
        high=0.99999,
    )
    reset_interval: int = hyperparameter(
        0,
        "Updates between new draws of the dense layers and the head; 0: never.",
        "Nikishin 2022; D'Oro 2023",
        low=0,
        high=MOST_STEPS,
    )
    reset_encoder_fraction: float = hyperparameter(
        0.2,
        "How much of the encoder is drawn anew at a reset.",
        "D'Oro 2023; Schwarzer 2023 takes 0.5",
        low=0,
        high=1,
    )
    mirror: bool = hyperparameter(
        True, "Learn half of each batch in a mirror, where the environment says that left and right are alike."
    )
    random_shift: int = hyperparameter(
        0, "Shift the pictures of a batch by up to this many pixels; 0: not.", "Yarats 2021 takes 4", low=0, high=64
    )
    precision: str = hyperparameter(
        "float32",
        "Numbers that networks compute with; auto: bfloat16 for large pictures where the device is quicker with it.",
        "Kalamkar 2019",
        choices=("float32", "bfloat16", "auto"),
    )

    # Memory and exploration
    buffer_size: int = hyperparameter(
        100_000, "Steps kept for replay.", "Mnih 2015 takes 1 million", low=2, high=100_000_000
    )
    replay_on_disk: bool = hyperparameter(False, "Keep replayed frames in a file on disk instead of in memory.")
    per_alpha: float = hyperparameter(
        0.0, "How much more often transitions of large error are drawn; 0: all alike.", "Schaul 2016", low=0, high=2
    )
    per_beta: float = hyperparameter(
        0.4, "How far weights make up for that at the start; 1 at the end.", "Schaul 2016", low=0, high=1
    )
    per_beta_steps: int = hyperparameter(
        100_000, "Steps until they make up for all of it.", "Schaul 2016", low=1, high=MOST_STEPS
    )
    learning_starts: int = hyperparameter(1_000, "Steps before the first update.", low=1, high=MOST_STEPS)
    exploration_initial_epsilon: float = hyperparameter(1.0, "Share of random actions at the start.", low=0, high=1)
    exploration_final_epsilon: float = hyperparameter(
        0.02, "Share of random actions at the end.", low=0, high=1, search=(0.01, 0.05, 0.1)
    )
    exploration_steps: int = hyperparameter(25_000, "Steps until the final share.", low=1, high=MOST_STEPS)
    exploration_repeat: float = hyperparameter(
        1.0,
        "Mean steps for which a random action is kept at the start; falls to 1 with the share.",
        "Dabney 2021 (temporally extended)",
        low=1,
        high=1000,
    )
    exploration_min_events: int = hyperparameter(
        0,
        "Terminations or unlike rewards that are awaited before it falls more than a tenth of the way.",
        "ours: sparse rewards",
        low=0,
        high=MOST_STEPS,
    )

    def check(self) -> None:
        """Refuse combinations that cannot work.

        Raises:
            UserError: Naming the two options that contradict each other, or what is too large together.
        """
        dense = (*self.hidden, *self.dueling_hidden)
        for wrong, sentence in (
            (
                len(dense) > MOST_LAYERS or sum(above * below for above, below in pairwise(dense)) > MOST_WEIGHTS,
                f"hidden and dueling_hidden have {len(dense)} layers of up to {max(dense, default=0)}: at most "
                f"{MOST_LAYERS} layers with {MOST_WEIGHTS:,} weights in all are made; say for instance hidden=512",
            ),
            (
                self.batch_size * self._compared > MOST_COMPARED,
                f"batch_size = {self.batch_size} with {self._compared:,} pairs of numbers to compare for each "
                f"transition: at most {MOST_COMPARED:,} in all; say fewer quantiles or atoms, or a smaller batch_size",
            ),
            (
                self.distribution == "implicit"
                and self.batch_size * max(self.num_quantiles, self.num_target_quantiles) > MOST_ROWS,
                f"batch_size = {self.batch_size} times num_quantiles = {self.num_quantiles} or num_target_quantiles = "
                f"{self.num_target_quantiles} is more than {MOST_ROWS:,}: say less of either",
            ),
            (
                self.batch_size > self.buffer_size,
                f"batch_size = {self.batch_size} is larger than buffer_size = {self.buffer_size}",
            ),
            (
                self.learning_starts > self.buffer_size,
                f"learning_starts = {self.learning_starts} is beyond buffer_size = {self.buffer_size}",
            ),
            (
                self.n_step > self.buffer_size,
                f"n_step = {self.n_step} is larger than buffer_size = {self.buffer_size}",
            ),
            (
                self.n_step_final is not None and self.n_step_final > self.n_step,
                f"n_step_final = {self.n_step_final} is larger than n_step = {self.n_step}: the sum becomes shorter",
            ),
            (
                self.value_min >= self.value_max,
                f"value_min = {self.value_min:g} is not below value_max = {self.value_max:g}",
            ),
            (
                self.munchausen and self.double,
                "munchausen = True and double = True contradict each other: a soft policy goes on by all actions and "
                "chooses none; say double=False",
            ),
            (
                self.munchausen and self.distribution == "categorical",
                "munchausen = True and distribution = 'categorical' do not go together: its soft value is no mixture "
                "of fixed returns; say distribution=quantile or implicit",
            ),
            (
                self.noisy and not (self.hidden or self.dueling_hidden),
                "noisy = True with hidden = () has no dense layer to put noise on; say hidden=512",
            ),
            (
                bool(self.dueling_hidden) and not self.dueling,
                f"dueling_hidden = {self.dueling_hidden} with dueling = False: there is no stream of its own",
            ),
            (
                self.weight_decay > 0 and self.optimizer != "adam",
                f"weight_decay = {self.weight_decay:g} with optimizer = {self.optimizer!r}: it is part of adam only",
            ),
        ):
            if wrong:
                raise UserError(sentence)

    @property
    def _compared(self) -> int:
        """Pairs of numbers that the loss of one transition compares."""
        if self.distribution == "implicit":
            return self.num_quantiles * self.num_target_quantiles
        return self._outputs**2

    @property
    def _outputs(self) -> int:
        """Numbers that the head gives for each action."""
        return {"categorical": self.num_atoms, "quantile": self.num_quantiles}.get(self.distribution, 1)

    def check_for(self, spaces: Spaces) -> None:
        """Refuse what makes no sense for such observations and actions, or is too large for them.

        Raises:
            UserError: Naming the option.
        """
        if self.random_shift > 0 and not any(leaf.is_picture for leaf in spaces.observations.values()):
            raise UserError(f"random_shift = {self.random_shift}: there is no picture to shift; say random_shift=0")
        width = (1, *self.hidden, *self.dueling_hidden)[-1]
        if width * spaces.num_actions * self._outputs > MOST_WEIGHTS:
            raise UserError(
                f"{spaces.num_actions} actions of {self._outputs} numbers each, from a layer of {width}, take more "
                f"than {MOST_WEIGHTS:,} weights: say a narrower layer, or fewer quantiles or atoms"
            )
        seen = sum(math.prod(leaf.shape) for leaf in spaces.observations.values())
        if self.batch_size * seen > MOST_SEEN:
            raise UserError(
                f"batch_size = {self.batch_size}: each observation consists of {seen:,} numbers, and those of a batch "
                f"of at most {MOST_SEEN:,}; say batch_size={max(1, MOST_SEEN // seen)}, or make pictures smaller"
            )
