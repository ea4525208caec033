"""Named configurations: pure functions from (spaces, budget in steps) to hyperparameters, the default first."""

from collections.abc import Callable, Mapping

from rlkit.spaces import Spaces
from rlkit_agents.dqn.config import DQNConfig
from rlkit_agents.dqn.presets.ours import fast, gpu
from rlkit_agents.dqn.presets.published import (
    btr,
    data_efficient_rainbow,
    double_dqn,
    dqn_nature,
    drq_eps,
    iqn_munchausen,
    rainbow,
)

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
