"""Convolutions with shortcuts around them."""

from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut around them (He et al. 2016, fig. 3).

    Without batch normalisation, whose statistics would mix what is replayed with what is played.

    Args:
        channels: That come in.
        wide: Channels that come out.
        stride: Of the first convolution; the shortcut is then a 1×1 convolution of that stride.
    """

    def __init__(self, channels: int, wide: int, stride: int):
        super().__init__()
        self.first = nn.Conv2d(channels, wide, 3, stride=stride, padding=1)
        self.second = nn.Conv2d(wide, wide, 3, padding=1)
        same = stride == 1 and channels == wide
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels, wide, 1, stride=stride)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, channels, H, W) to (B, wide, H / stride, W / stride)."""
        inner = self.second(self.first(picture).relu())
        summed: Tensor = inner + self.shortcut(picture)
        return summed.relu()


class ResNetEncoder(nn.Sequential):
    """A 3×3 convolution and three stages of two `BasicBlock`s, 16, 32 and 64 wide, then average pooling to 3×3.

    The stages are those of the published networks for small pictures (He et al. 2016, section 4.2). Pooling the whole
    picture to a single number per channel, as they do, would forget where things are. Large pictures are halved at
    once, by the first convolution's stride.
    """

    def __init__(self, channels: int, height: int, width: int):
        stride = 2 if min(height, width) >= 64 else 1
        layers: list[nn.Module] = [nn.Conv2d(channels, 16, 3, stride=stride, padding=1), nn.ReLU()]
        channels = 16
        for wide, down in ((16, 1), (32, 2), (64, 2)):
            layers += [BasicBlock(channels, wide, down), BasicBlock(wide, wide, 1)]
            channels = wide
        super().__init__(*layers, nn.AdaptiveAvgPool2d(3), nn.Flatten())
