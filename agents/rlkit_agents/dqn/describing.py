"""What was built, in words for a person who is about to wait for it."""

from torch import nn

from rlkit.nn.counting import count
from rlkit.nn.noisy import NoisyLinear
from rlkit.spaces import Spaces
from rlkit_agents.dqn.config import DQNConfig
from rlkit_agents.dqn.learner import Learner


def describe(learner: Learner, spaces: Spaces, config: DQNConfig, replay_bytes: int, mirrored: bool) -> list[str]:
    """The network, what it learns, the memory and the rhythm of updates, one line each."""
    network = learner.online
    layers = " → ".join(
        _name(layer) for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear | NoisyLinear)
    )
    options = [name for name in ("double", "dueling", "munchausen", "layer_norm", "noisy") if getattr(config, name)]
    precision = str(network.precision).removeprefix("torch.")
    extras = [
        "half of each in a mirror" if mirrored else "",
        f"pictures shifted by up to {config.random_shift} pixels" if config.random_shift else "",
        f"layers drawn anew every {config.reset_interval:,} updates" if config.reset_interval else "",
    ]
    return [
        f"Q-network: {layers} ({count(network, spaces)}; {precision})",
        f"learns: {', '.join([learner.distribution.describe(), *options])}",
        f"replay: {config.buffer_size:,} steps, {replay_bytes / 2**20:,.0f} MiB when full; {_returns(config)}"
        + (f"; drawn by error to the power {config.priority_exponent:g}" if config.priority_exponent else ""),
        ", ".join(
            [
                f"updates: batches of {config.batch_size}, one every {_count(config.update_interval, 'step')}",
                *filter(None, extras),
            ]
        ),
    ]


def _returns(config: DQNConfig) -> str:
    annealed = config.n_step_final is not None and config.n_step_final != config.n_step
    return f"{config.n_step}- to {config.n_step_final}-step returns" if annealed else f"{config.n_step}-step returns"


def _count(number: int, what: str) -> str:
    return what if number == 1 else f"{number} {what}s"


def _name(layer: nn.Module) -> str:
    if isinstance(layer, nn.Conv2d):
        return f"conv2d {layer.kernel_size[0]}×{layer.kernel_size[1]}/{layer.stride[0]} {layer.out_channels}"
    kind = "noisy" if isinstance(layer, NoisyLinear) else "linear"
    return f"{kind} {layer.out_features}"
