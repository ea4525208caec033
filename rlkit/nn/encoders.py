"""Image encoders: from an image to a feature vector.

To add one, write a module with the constructor (channels, height, width) and add it to `ENCODERS`. It maps floats
(B, C, H, W) in [0, 1] to (B, F); `rlkit.nn.heads.kaiming_init_` initialises its weights.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlkit.spaces import Leaf

PLAIN_SIDE = 16  # PlainEncoder adds convolutions until the feature map is smaller than this
POOLED_SIDE = 8  # VGG and Inception pool until the feature map is smaller than this
MAX_CHANNELS = 64  # of VGGEncoder; the published network has up to 512


class NatureEncoder(nn.Sequential):
    """The three convolutions of DQN on Atari (Mnih et al. 2015); images of at least 36×36."""

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
    """Mnih et al. 2015's three convolutions with half the channels; images of at least 36×36.

    A gradient step on 32 transitions of 84×84×4 takes 17 ms on one core, 43 ms with all channels.
    """

    widths: ClassVar[tuple[int, int, int]] = (16, 32, 32)


class CompactEncoder(nn.Sequential):
    """Two convolutions for small images on a CPU; images of at least 16×16.

    A large stride is fast: a forward and backward pass of 256 images of 24×24 takes 2.2 ms on one core, 6.5 ms with
    4×4 kernels of stride 2.
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
    """One 3×3 convolution of 16 channels, as for MinAtar (Young and Tian 2019); images of at least 3×3.

    While the feature map has 16 pixels a side or more, convolutions have stride 2, and one of 32 channels is added.
    """

    def __init__(self, channels: int, height: int, width: int):
        layers: list[nn.Module] = []
        side, out_channels = min(height, width), 16
        while not layers or side >= PLAIN_SIDE:
            stride = 2 if side >= PLAIN_SIDE else 1
            layers += [nn.Conv2d(channels, out_channels, 3, stride=stride), nn.ReLU()]
            side, channels, out_channels = (side - 3) // stride + 1, out_channels, 32
        super().__init__(*layers, nn.Flatten())


class FlatEncoder(nn.Sequential):
    """No convolution: the pixels are the features, which makes the network an MLP."""

    def __init__(self, channels: int, height: int, width: int):
        super().__init__(nn.Flatten())


class SpectralConv2d(nn.Conv2d):
    """A convolution with spectral normalization (Miyato et al. 2018).

    Weights are divided by their largest singular value, estimated by one step of power iteration per gradient step.
    """

    vector: Tensor

    def __init__(self, channels: int, out_channels: int, size: int, padding: int = 0):
        super().__init__(channels, out_channels, size, padding=padding)
        self.register_buffer("vector", torch.full((out_channels,), out_channels**-0.5))

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) to (B, out_channels, H, W) where the padding keeps the size."""
        with torch.autocast(image.device.type, enabled=False):  # the iteration needs float32
            weight = self.weight / self._norm()
        return F.conv2d(image, weight, self.bias, self.stride, self.padding)

    def _norm(self) -> Tensor:
        matrix = self.weight.flatten(1)
        with torch.no_grad():
            right = F.normalize(matrix.T @ self.vector, dim=0)
            left = F.normalize(matrix @ right, dim=0)
        if torch.is_grad_enabled() and self.weight.requires_grad:  # not while acting
            self.vector.copy_(left)
        return left @ (matrix @ right)


class ResidualBlock(nn.Module):
    """ReLU, 3×3 convolution, ReLU, 3×3 convolution, and a shortcut around them (Espeholt et al. 2018, fig. 3).

    Args:
        channels: Input and output channels.
        spectral: Whether the convolutions are `SpectralConv2d`.
    """

    def __init__(self, channels: int, spectral: bool):
        super().__init__()
        convolution = SpectralConv2d if spectral else nn.Conv2d
        self.first = convolution(channels, channels, 3, padding=1)
        self.second = convolution(channels, channels, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, H, W)."""
        inner: Tensor = self.second(self.first(image.relu()).relu())
        return image + inner


class ImpalaEncoder(nn.Sequential):
    """Three stages, each a 3×3 convolution, 3×3 max pooling of stride 2 and two residual blocks (Espeholt et al. 2018).

    Args:
        channels: Of the image.
        height: In pixels.
        width: In pixels.
        factor: Multiple of the published 16, 32 and 32 channels.
        spectral: Whether residual blocks have spectral normalization.
        pooled: Side of the adaptive max pooling at the end; None for no pooling.
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
        for out_channels in (16 * factor, 32 * factor, 32 * factor):
            layers += [
                nn.Conv2d(channels, out_channels, 3, padding=1),
                nn.MaxPool2d(3, stride=2, padding=1),
                ResidualBlock(out_channels, spectral),
                ResidualBlock(out_channels, spectral),
            ]
            channels = out_channels
        layers.append(nn.ReLU())
        if pooled is not None:
            layers.append(nn.AdaptiveMaxPool2d(pooled))
        super().__init__(*layers, nn.Flatten())


class WideImpalaEncoder(ImpalaEncoder):
    """Twice the channels, spectral normalization, pooled to 6×6, as in Beyond the Rainbow (Clark et al. 2024)."""

    def __init__(self, channels: int, height: int, width: int):
        super().__init__(channels, height, width, factor=2, spectral=True, pooled=6)


class VGGEncoder(nn.Sequential):
    """Pairs of 3×3 convolutions, each pair followed by 2×2 max pooling (Simonyan and Zisserman 2015).

    Smaller than the published ones: 16 channels, doubled after each pooling up to 64, until the feature map has less
    than 8 pixels a side. Images of at least 2×2.
    """

    def __init__(self, channels: int, height: int, width: int):
        layers: list[nn.Module] = []
        side, out_channels = min(height, width), 16
        while not layers or side >= POOLED_SIDE:
            for _ in range(2):
                layers += [nn.Conv2d(channels, out_channels, 3, padding=1), nn.ReLU()]
                channels = out_channels
            layers.append(nn.MaxPool2d(2))
            side, out_channels = side // 2, min(2 * out_channels, MAX_CHANNELS)
        super().__init__(*layers, nn.Flatten())


class InceptionBlock(nn.Module):
    """Four concatenated branches: 1×1, 3×3, 5×5 convolutions and pooling (Szegedy et al. 2015, fig. 2b).

    1×1 convolutions reduce the channels before the larger kernels.

    Args:
        channels: Input channels.
        out_channels: Output channels, a quarter from each branch; a multiple of 4.
    """

    def __init__(self, channels: int, out_channels: int):
        super().__init__()
        part = out_channels // 4
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

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) to (B, out_channels, H, W)."""
        return torch.cat([branch(image) for branch in self.branches], dim=1)


class InceptionEncoder(nn.Sequential):
    """A 3×3 convolution, then 2×2 max pooling and `InceptionBlock`s until the feature map is below 8 pixels a side.

    The first convolution has stride 2 for images of 32 pixels a side or more. Images of at least 2×2.
    """

    def __init__(self, channels: int, height: int, width: int):
        side = min(height, width)
        stride = 2 if side >= 4 * POOLED_SIDE else 1
        layers: list[nn.Module] = [nn.Conv2d(channels, 32, 3, stride=stride, padding=1), nn.ReLU()]
        side, channels, out_channels = (side - 1) // stride + 1, 32, 64
        while len(layers) == 2 or side >= POOLED_SIDE:
            layers += [nn.MaxPool2d(2), InceptionBlock(channels, out_channels)]
            side, channels, out_channels = side // 2, out_channels, 96
        super().__init__(*layers, nn.Flatten())


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut around them (He et al. 2016, fig. 3).

    Without batch normalization, whose statistics differ between replayed and current observations.

    Args:
        channels: Input channels.
        out_channels: Output channels.
        stride: Of the first convolution, and of the 1×1 convolution in the shortcut.
    """

    def __init__(self, channels: int, out_channels: int, stride: int):
        super().__init__()
        self.first = nn.Conv2d(channels, out_channels, 3, stride=stride, padding=1)
        self.second = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        same = stride == 1 and channels == out_channels
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels, out_channels, 1, stride=stride)

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) to (B, out_channels, H / stride, W / stride)."""
        inner = self.second(self.first(image).relu())
        summed: Tensor = inner + self.shortcut(image)
        return summed.relu()


class ResNetEncoder(nn.Sequential):
    """A 3×3 convolution and three stages of two `BasicBlock`s, 16, 32 and 64 channels, then average pooling to 3×3.

    The stages are those of the published networks for small images (He et al. 2016, section 4.2), which pool globally;
    3×3 keeps positions. The first convolution has stride 2 for images of 64 pixels a side or more.
    """

    def __init__(self, channels: int, height: int, width: int):
        stride = 2 if min(height, width) >= 64 else 1
        layers: list[nn.Module] = [nn.Conv2d(channels, 16, 3, stride=stride, padding=1), nn.ReLU()]
        channels = 16
        for out_channels, down in ((16, 1), (32, 2), (64, 2)):
            layers += [BasicBlock(channels, out_channels, down), BasicBlock(out_channels, out_channels, 1)]
            channels = out_channels
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
    """Whether an image has less than 64 pixels a side."""
    return min(leaf.shape[:2]) < 64


def is_tiny(leaf: Leaf) -> bool:
    """Whether an image has less than 16 pixels a side, such as MinAtar's grids of 10×10 cells."""
    return min(leaf.shape[:2]) < 16


def default_encoder(leaf: Leaf) -> str:
    """The encoder for an image of this size."""
    return "plain" if is_tiny(leaf) else "compact" if is_small(leaf) else "nature"


def choose_encoder(name: str, leaves: Mapping[str, Leaf]) -> str:
    """Resolve "auto", which is the default encoder for the smallest image; other names in `ENCODERS` are unchanged."""
    images = [leaf for leaf in leaves.values() if leaf.is_picture]
    if name != "auto" or not images:
        return name
    return default_encoder(min(images, key=lambda leaf: min(leaf.shape[:2])))
