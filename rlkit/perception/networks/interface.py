"""What a segmentation network is, so that any can take another's place."""

from typing import Protocol

import torch


class SegmentationNetwork(Protocol):
    """A `torch.nn.Module` made from (number of classes) that gives every pixel a score for each class.

    It takes any height and width, and does its own scaling of the input.
    """

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        """Score pixels.

        Args:
            pictures: (B, 3, H, W) float, red, green and blue from 0 to 1.

        Returns:
            (B, C, H, W) logits.
        """
        ...
