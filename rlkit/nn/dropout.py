"""Dropping features by chance while learning, with randomness that is handed in."""

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Set a share of the features to 0 and scale the others up, so that no feature relies on others (Srivastava 2014).

    `nn.Dropout` draws from torch's global generator, which no checkpoint of ours holds. This one does nothing until it
    is handed a generator by `drop_with`, and nothing again once that is taken away: copies that act or give targets
    never drop.

    Args:
        share: Of the features, from 0 to below 1.
    """

    def __init__(self, share: float):
        super().__init__()
        self.share = share
        self.generator: torch.Generator | None = None

    def forward(self, features: Tensor) -> Tensor:
        """Features of any shape to the same shape."""
        if self.generator is None:
            return features
        kept = torch.empty_like(features).bernoulli_(1 - self.share, generator=self.generator)
        return features * kept.div_(1 - self.share)


def drop_with(network: nn.Module, generator: torch.Generator | None) -> None:
    """Let every `Dropout` of a network draw from a generator on its device; None lets them pass everything on."""
    for layer in network.modules():
        if isinstance(layer, Dropout):
            layer.generator = generator
