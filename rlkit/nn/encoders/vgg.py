"""Stacks of 3×3 convolutions with pooling between them."""

from torch import nn

SMALL_ENOUGH = 8  # pixels a side: what is smaller goes to the dense layers
WIDEST = 64  # channels; the published network goes to 512, which no replayed batch on a CPU would pay for


class VGGEncoder(nn.Sequential):
    """Pairs of 3×3 convolutions, each pair followed by 2×2 max pooling (Simonyan & Zisserman 2015).

    Smaller than the published ones: 16 channels, doubled after each pooling up to 64, until the sides are below 8
    pixels. Pictures of at least 2×2.
    """

    def __init__(self, channels: int, height: int, width: int):
        layers: list[nn.Module] = []
        side, wide = min(height, width), 16
        while not layers or side >= SMALL_ENOUGH:
            for _ in range(2):
                layers += [nn.Conv2d(channels, wide, 3, padding=1), nn.ReLU()]
                channels = wide
            layers.append(nn.MaxPool2d(2))
            side, wide = side // 2, min(2 * wide, WIDEST)
        super().__init__(*layers, nn.Flatten())
