"""Vectors of any units, brought to a common scale before a network reads them."""

import torch
from torch import Tensor, nn

LARGEST = 10.0  # standard deviations; what lies further out is as good as there
SMALLEST = 1e-3  # of the largest spread; entries that hardly move at first are not blown up beyond reason


class Standardise(nn.Module):
    """Subtract the mean and divide by the standard deviation, both of which are measured once and then fixed.

    Fixed, so that what was learned of a state stays right; measured, because environments seldom say how large their
    numbers are: MountainCar's speed of ±0.07 beside a position of ±1 is as good as nothing to a network. Flags are left
    as they are: one that is seldom up would otherwise outshout all others when it is.

    Args:
        width: Number of entries, D.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("spread", torch.ones(width))

    @torch.no_grad()
    def measure(self, vectors: Tensor) -> None:
        """Take mean and spread from (B, D) examples.

        An entry that is only ever 0 or 1, such as those of a number told by its place, stays as it is; another that is
        the same in all of them is only shifted.
        """
        flags = ((vectors == 0.0) | (vectors == 1.0)).all(dim=0)
        spread = vectors.std(dim=0)
        self.mean.copy_(torch.where(flags, 0.0, vectors.mean(dim=0)))
        self.spread.copy_(torch.where(flags | (spread == 0.0), 1.0, spread.clamp_min(SMALLEST * spread.max())))

    def forward(self, vectors: Tensor) -> Tensor:
        """(B, D) to (B, D), of mean 0 and spread 1 where they are like the examples."""
        return ((vectors - self.mean) / self.spread).clamp(-LARGEST, LARGEST)
