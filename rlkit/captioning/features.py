"""`Features`: what a captioner's encoder computes of pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from rlkit.perception.networks.nic import Encoded

Array = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Features:
    """Features of N examples of F pictures; see `rlkit.perception.networks.nic.Encoded`.

    Args:
        grid: (N, 32, 24, 32), of the newest picture of each example.
        objects: (N, F, K, T), of every picture, the newest first.
    """

    grid: Array
    objects: Array

    def __len__(self) -> int:
        return len(self.grid)

    def part(self, rows: slice | Sequence[int]) -> Self:
        """Those of some examples."""
        return type(self)(self.grid[rows], self.objects[rows])

    def stored(self) -> Self:
        """The same in half the memory: the grid in float16, 49 kB of an example."""
        return type(self)(self.grid.astype(np.float16), self.objects)

    def encoded(self, device: str) -> Encoded:
        """The same as float32 tensors on a device."""
        grid, objects = (torch.from_numpy(np.ascontiguousarray(part)).to(device) for part in (self.grid, self.objects))
        return Encoded(grid.float(), objects.float())

    @classmethod
    def of(cls, encoded: Encoded) -> Self:
        """Those that a network computed."""
        return cls(*(part.float().cpu().numpy() for part in encoded))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The examples of several parts after each other."""
        return cls(*(np.concatenate(some) for some in zip(*((one.grid, one.objects) for one in parts), strict=True)))

    @classmethod
    def of_pictures(cls, pictures: Sequence[Self]) -> Self:
        """One example of F single pictures, each encoded as an example of its own.

        Args:
            pictures: The newest first.
        """
        return cls(pictures[0].grid, np.concatenate([one.objects for one in pictures], 1))
