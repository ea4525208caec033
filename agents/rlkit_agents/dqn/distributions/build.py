"""From hyperparameters to a kind of distribution; the one place that knows all kinds."""

import torch

from rlkit_agents.dqn.config import DQNConfig
from rlkit_agents.dqn.distributions.bootstrapping import Bootstrapping, Greedy, Munchausen
from rlkit_agents.dqn.distributions.categorical import Categorical
from rlkit_agents.dqn.distributions.implicit import Implicit
from rlkit_agents.dqn.distributions.interface import Distribution
from rlkit_agents.dqn.distributions.quantile import Quantile
from rlkit_agents.dqn.distributions.scalar import Scalar


def build_distribution(config: DQNConfig, generator: torch.Generator) -> Distribution:
    """What the head will stand for.

    Args:
        config: Hyperparameters.
        generator: Randomness of implicit quantiles, on the device where networks live.
    """
    device = str(generator.device)
    bootstrapping: Bootstrapping = Greedy(config.double)
    if config.munchausen:
        bootstrapping = Munchausen(config.munchausen_scale, config.munchausen_temperature, config.munchausen_clip)
    if config.distribution == "categorical":
        return Categorical(config.double, config.num_atoms, config.value_min, config.value_max, device)
    if config.distribution == "quantile":
        return Quantile(bootstrapping, config.num_quantiles, config.huber_kappa, device)
    if config.distribution == "implicit":
        counts = config.num_quantiles, config.num_target_quantiles, config.num_acting_quantiles
        return Implicit(bootstrapping, *counts, config.huber_kappa, generator)
    return Scalar(bootstrapping, config.loss)
