"""How large a network is, and what one look at an observation costs."""

from dataclasses import dataclass

import torch
from torch import nn

from rlkit.spaces import Spaces


@dataclass(frozen=True)
class Size:
    """What a network has and does.

    Args:
        parameters: Numbers that are learned.
        multiply_adds: Multiplications, each with an addition, in the forward pass of one observation; a gradient step
            takes about three times as many for each observation of its batch. The FLOPs that papers give are twice
            this.
    """

    parameters: int
    multiply_adds: int

    def __str__(self) -> str:
        return f"{self.parameters:,} parameters, {_short(self.multiply_adds)} multiply-adds per observation"


def count(network: nn.Module, spaces: Spaces) -> Size:
    """Count a network's parameters, and the multiply-adds of its convolutions and dense layers.

    Args:
        network: Reads observations with leaves (B, ...).
        spaces: What an observation consists of.
    """
    from torch.utils.flop_counter import FlopCounterMode  # costs an import of its own, and is needed once

    parameters = list(network.parameters())
    device = parameters[0].device if parameters else torch.device("cpu")
    one = {
        leaf.name: torch.zeros((1, *leaf.shape), dtype=getattr(torch, leaf.dtype), device=device)
        for leaf in spaces.observations.values()
    }
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network(one)
    return Size(sum(parameter.numel() for parameter in parameters), counter.get_total_flops() // 2)


def _short(number: int) -> str:
    for unit, size in (("billion", 10**9), ("million", 10**6), ("thousand", 10**3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)
