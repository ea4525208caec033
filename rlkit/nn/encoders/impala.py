"""The deep residual network of IMPALA, the encoder to choose where a GPU makes it cheap."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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
