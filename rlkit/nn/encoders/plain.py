"""3×3 convolutions and nothing else: for grids of a few cells, and as large a picture as one likes."""

from torch import nn

SMALL_ENOUGH = 16  # cells a side: what is smaller goes to the dense layers


class PlainEncoder(nn.Sequential):
    """One 3×3 convolution of 16 channels, as MinAtar's authors take (Young & Tian 2019); pictures of at least 3×3.

    Where sides are longer than 15, convolutions have a stride of 2, and further ones of 32 channels follow until they
    are not.
    """

    def __init__(self, channels: int, height: int, width: int):
        layers: list[nn.Module] = []
        side, wide = min(height, width), 16
        while not layers or side >= SMALL_ENOUGH:
            stride = 2 if side >= SMALL_ENOUGH else 1
            layers += [nn.Conv2d(channels, wide, 3, stride=stride), nn.ReLU()]
            side, channels, wide = (side - 3) // stride + 1, wide, 32
        super().__init__(*layers, nn.Flatten())
