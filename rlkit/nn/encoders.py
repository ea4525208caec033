"""Encoders: from a picture to a vector of features.

To add one, write a class made from (channels, height, width) and name it in `ENCODERS`. It reads floats (B, C, H, W)
in [0, 1] and gives (B, F); its weights are drawn by whoever builds the network (He et al. 2015).
"""

from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlkit.spaces import Leaf

SMALL_GRID = 16  # cells a side: what is smaller goes to the dense layers

SMALL_ENOUGH = 8  # pixels a side: what is smaller goes to the dense layers
WIDEST = 64  # channels; the published network goes to 512, which no replayed batch on a CPU would pay for


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


class SmallNatureEncoder(NatureEncoder):
    """Mnih et al. 2015's three convolutions with half the channels; pictures of at least 36×36.

    A gradient step on 32 transitions of 84×84×4 takes 17 ms on one core, where the full width takes 43 ms.
    """

    widths: ClassVar[tuple[int, int, int]] = (16, 32, 32)


class CompactEncoder(nn.Sequential):
    """Two convolutions for small, coarse pictures, made for a CPU; pictures of at least 16×16.

    Few, large patches: on one core a forward and backward pass of 256 pictures of 24×24 takes 2.2 ms, where 4×4 patches
    with stride 2 take 6.5 ms.
    """

    def __init__(self, channels: int, height: int, width: int):
        super().__init__(
            nn.Conv2d(channels, 16, 8, stride=4),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3),
            nn.ReLU(),
            nn.Flatten(),
        )


class PlainEncoder(nn.Sequential):
    """One 3×3 convolution of 16 channels, as MinAtar's authors take (Young & Tian 2019); pictures of at least 3×3.

    Where sides are longer than 15, convolutions have a stride of 2, and further ones of 32 channels follow until they
    are not.
    """

    def __init__(self, channels: int, height: int, width: int):
        layers: list[nn.Module] = []
        side, wide = min(height, width), 16
        while not layers or side >= SMALL_GRID:
            stride = 2 if side >= SMALL_GRID else 1
            layers += [nn.Conv2d(channels, wide, 3, stride=stride), nn.ReLU()]
            side, channels, wide = (side - 3) // stride + 1, wide, 32
        super().__init__(*layers, nn.Flatten())


class FlatEncoder(nn.Sequential):
    """Every pixel goes to the dense layers, which makes the network an MLP: what a convolution has to beat."""

    def __init__(self, channels: int, height: int, width: int):
        super().__init__(nn.Flatten())


class SpectralConv2d(nn.Conv2d):
    """A convolution whose weights are divided by their largest singular value (Miyato et al. 2018).

    The value is found by power iteration: one step with each gradient, going on from the vector of the step before.
    """

    vector: Tensor

    def __init__(self, channels: int, wide: int, size: int, padding: int = 0):
        super().__init__(channels, wide, size, padding=padding)
        self.register_buffer("vector", torch.full((wide,), wide**-0.5))

    def forward(self, picture: Tensor) -> Tensor:
        """(B, channels, H, W) to (B, wide, H, W) where the padding keeps the size."""
        with torch.autocast(picture.device.type, enabled=False):  # half the digits would spoil the iteration
            weight = self.weight / self._norm()
        return F.conv2d(picture, weight, self.bias, self.stride, self.padding)

    def _norm(self) -> Tensor:
        matrix = self.weight.flatten(1)
        with torch.no_grad():
            right = F.normalize(matrix.T @ self.vector, dim=0)
            left = F.normalize(matrix @ right, dim=0)
        if torch.is_grad_enabled() and self.weight.requires_grad:  # else it only acts
            self.vector.copy_(left)
        return left @ (matrix @ right)


class ResidualBlock(nn.Module):
    """ReLU, 3×3 convolution, ReLU, 3×3 convolution, and a shortcut around them (Espeholt et al. 2018, fig. 3).

    Args:
        channels: That come in and go out.
        spectral: Whether the convolutions are `SpectralConv2d`.
    """

    def __init__(self, channels: int, spectral: bool):
        super().__init__()
        convolution = SpectralConv2d if spectral else nn.Conv2d
        self.first = convolution(channels, channels, 3, padding=1)
        self.second = convolution(channels, channels, 3, padding=1)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, H, W)."""
        inner: Tensor = self.second(self.first(picture.relu()).relu())
        return picture + inner


class ImpalaEncoder(nn.Sequential):
    """Three stages, each a 3×3 convolution, 3×3 max pooling of stride 2 and two residual blocks (Espeholt et al. 2018).

    Args:
        channels: Of the picture.
        height: In pixels.
        width: In pixels.
        factor: How many times as wide as the published 16, 32 and 32 channels.
        spectral: Whether residual blocks have spectral normalisation.
        pooled: Sides to which adaptive max pooling brings what comes out; None leaves it as it is.
    """

    def __init__(
        self,
        channels: int,
        height: int,
        width: int,
        factor: int = 1,
        spectral: bool = False,
        pooled: int | None = None,
    ):
        layers: list[nn.Module] = []
        for wide in (16 * factor, 32 * factor, 32 * factor):
            layers += [
                nn.Conv2d(channels, wide, 3, padding=1),
                nn.MaxPool2d(3, stride=2, padding=1),
                ResidualBlock(wide, spectral),
                ResidualBlock(wide, spectral),
            ]
            channels = wide
        layers.append(nn.ReLU())
        if pooled is not None:
            layers.append(nn.AdaptiveMaxPool2d(pooled))
        super().__init__(*layers, nn.Flatten())


class WideImpalaEncoder(ImpalaEncoder):
    """Twice as wide, with spectral normalisation, pooled to 6×6, as in Beyond the Rainbow (Clark et al. 2024)."""

    def __init__(self, channels: int, height: int, width: int):
        super().__init__(channels, height, width, factor=2, spectral=True, pooled=6)


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


ENCODERS: dict[str, Callable[[int, int, int], nn.Module]] = {
    "nature": NatureEncoder,
    "nature-small": SmallNatureEncoder,
    "compact": CompactEncoder,
    "plain": PlainEncoder,
    "flat": FlatEncoder,
    "impala": ImpalaEncoder,
    "impala-wide": WideImpalaEncoder,
    "vgg": VGGEncoder,
    "inception": InceptionEncoder,
    "resnet": ResNetEncoder,
}


def is_small(leaf: Leaf) -> bool:
    """Whether a picture is so small that a compact encoder suits it."""
    return min(leaf.shape[:2]) < 64


def is_tiny(leaf: Leaf) -> bool:
    """Whether a picture is a grid of a few cells, such as MinAtar's 10×10, of which each counts."""
    return min(leaf.shape[:2]) < 16


def default_encoder(leaf: Leaf) -> str:
    """The encoder that suits a picture's size."""
    return "plain" if is_tiny(leaf) else "compact" if is_small(leaf) else "nature"


def choose_encoder(name: str, leaves: Mapping[str, Leaf]) -> str:
    """The encoder that is meant by a name in `ENCODERS`, or by "auto", which goes by the smallest picture."""
    pictures = [leaf for leaf in leaves.values() if leaf.is_picture]
    if name != "auto" or not pictures:
        return name
    return default_encoder(min(pictures, key=lambda leaf: min(leaf.shape[:2])))
