"""Convolutions of several sizes side by side."""

import torch
from torch import Tensor, nn

SMALL_ENOUGH = 8  # pixels a side: what is smaller goes to the dense layers


class InceptionBlock(nn.Module):
    """Four views of the same place, laid behind each other: 1×1, 3×3, 5×5 and pooling (Szegedy et al. 2015, fig. 2b).

    1×1 convolutions come before the larger ones, so that those have fewer channels to read.

    Args:
        channels: That come in.
        wide: Channels that come out, a quarter from each branch; a multiple of 4.
    """

    def __init__(self, channels: int, wide: int):
        super().__init__()
        part = wide // 4
        self.branches = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(channels, part, 1), nn.ReLU()),
                nn.Sequential(nn.Conv2d(channels, part, 1), nn.ReLU(), nn.Conv2d(part, part, 3, padding=1), nn.ReLU()),
                nn.Sequential(
                    nn.Conv2d(channels, part // 2, 1), nn.ReLU(), nn.Conv2d(part // 2, part, 5, padding=2), nn.ReLU()
                ),
                nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), nn.Conv2d(channels, part, 1), nn.ReLU()),
            ]
        )

    def forward(self, picture: Tensor) -> Tensor:
        """(B, channels, H, W) to (B, wide, H, W)."""
        return torch.cat([branch(picture) for branch in self.branches], dim=1)


class InceptionEncoder(nn.Sequential):
    """A 3×3 convolution, then `InceptionBlock`s with 2×2 max pooling between them until the sides are below 8 pixels.

    Large pictures are halved at once, by the first convolution's stride. Pictures of at least 2×2.
    """

    def __init__(self, channels: int, height: int, width: int):
        side = min(height, width)
        stride = 2 if side >= 4 * SMALL_ENOUGH else 1
        layers: list[nn.Module] = [nn.Conv2d(channels, 32, 3, stride=stride, padding=1), nn.ReLU()]
        side, channels, wide = (side - 1) // stride + 1, 32, 64
        while len(layers) == 2 or side >= SMALL_ENOUGH:
            layers += [nn.MaxPool2d(2), InceptionBlock(channels, wide)]
            side, channels, wide = side // 2, wide, 96
        super().__init__(*layers, nn.Flatten())
