"""Averaged weights, and batch norm estimated anew for them: what is measured and saved is smoother than what learns."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class AveragedWeights:
    """A running mean of a network's weights over its last steps (Polyak 1992).

    Early on the mean covers about a quarter of the steps so far, whatever the decay: where training began says nothing.

    Args:
        network: Whose weights; what is no float is copied.
        decay: Share that the mean keeps at each step once there were many.
    """

    def __init__(self, network: nn.Module, decay: float):
        self._decay = decay
        self._steps = 0
        self._mean = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take the newest weights in."""
        self._steps += 1
        keep = min(self._decay, (1 + self._steps) / (5 + self._steps))
        newest = network.state_dict()
        floats = [name for name, tensor in newest.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([self._mean[name] for name in floats], [newest[name] for name in floats], 1 - keep)
        for name in newest.keys() - set(floats):
            self._mean[name].copy_(newest[name])

    def weights(self) -> dict[str, Tensor]:
        """The mean, as the network's `load_state_dict` takes it."""
        return self._mean

    def state(self) -> dict[str, object]:
        """What `load_state` needs to go on."""
        return {"steps": self._steps, "mean": self._mean}

    def load_state(self, state: dict[str, object]) -> None:
        """Go on from what `state` gave."""
        mean, steps = state["mean"], state["steps"]
        assert isinstance(mean, dict)
        assert isinstance(steps, int)
        self._steps = steps
        for name, tensor in self._mean.items():
            tensor.copy_(mean[name])


@torch.no_grad()
def estimate_statistics(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Set the means and variances of batch norm to those over some pictures (SegNet 2017; Izmailov 2018).

    Everything else stays in the mode it is for measuring, so that dropout adds no variance of its own.

    Args:
        network: Changed in place, and left in the mode for measuring.
        batches: (B, 3, H, W) floats, as the network takes them.
    """
    network.eval()
    layers = [layer for layer in network.modules() if isinstance(layer, _BatchNorm) and layer.track_running_stats]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean over batches
        layer.train()
    for batch in batches:
        network(batch)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    network.eval()
