"""The convolutions that learned Atari."""

from torch import nn


class NatureEncoder(nn.Sequential):
    """The three convolutions of DQN on Atari (Mnih et al. 2015); pictures of at least 36×36."""

    def __init__(self, channels: int, height: int, width: int):
        super().__init__(
            nn.Conv2d(channels, 32, 8, stride=4),
            nn.ReLU(),
            nn.Conv2d(32, 64, 4, stride=2),
            nn.ReLU(),
            nn.Conv2d(64, 64, 3, stride=1),
            nn.ReLU(),
            nn.Flatten(),
        )
