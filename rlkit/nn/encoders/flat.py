"""No convolution at all."""

from torch import nn


class FlatEncoder(nn.Sequential):
    """Every pixel goes to the dense layers, which makes the network an MLP: what a convolution has to beat."""

    def __init__(self, channels: int, height: int, width: int):
        super().__init__(nn.Flatten())
