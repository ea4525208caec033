"""How large a network is, what one look at an observation costs, and a limit on how large one may become."""

from collections.abc import Iterator
from contextlib import contextmanager
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


class ParameterLimitExceeded(Exception):  # noqa: N818 - whoever builds the network says what is wrong
    """A network would have had more parameters than were allowed.

    Args:
        limit: Bytes.
    """

    def __init__(self, limit: int):
        super().__init__(f"more than {limit:,} bytes of parameters")
        self.limit = limit


@contextmanager
def parameter_limit(weights: int) -> Iterator[None]:
    """Within the block, networks that are built may have as many parameters as a file of weights has, and some more.

    A parameter is counted when a module registers it. `torch.empty` has reserved its memory then and touched none.

    Args:
        weights: Bytes of the file. Four times as many are allowed, for copies that an agent makes, and 16 MiB for
            weights that are stored more compactly.

    Raises:
        ParameterLimitExceeded: They would have more.
    """
    limit = 4 * weights + 16 * 2**20
    total = 0

    def register(module: nn.Module, name: str, parameter: nn.Parameter) -> None:
        nonlocal total
        total += 0 if parameter is None else parameter.numel() * parameter.element_size()
        if total > limit:
            raise ParameterLimitExceeded(limit)

    hook = nn.modules.module.register_module_parameter_registration_hook(register)
    try:
        yield
    finally:
        hook.remove()


def _short(number: int) -> str:
    for unit, size in (("billion", 10**9), ("million", 10**6), ("thousand", 10**3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)
