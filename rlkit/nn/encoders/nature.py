"""The convolutions that learned Atari."""

from typing import ClassVar

from torch import nn


class NatureEncoder(nn.Sequential):
    """The three convolutions of DQN on Atari (Mnih et al. 2015); pictures of at least 36×36."""

    widths: ClassVar[tuple[int, int, int]] = (32, 64, 64)

    def __init__(self, channels: int, height: int, width: int):
        first, second, third = self.widths
        super().__init__(
            nn.Conv2d(channels, first, 8, stride=4),
            nn.ReLU(),
            nn.Conv2d(first, second, 4, stride=2),
            nn.ReLU(),
            nn.Conv2d(second, third, 3, stride=1),
            nn.ReLU(),
            nn.Flatten(),
        )
