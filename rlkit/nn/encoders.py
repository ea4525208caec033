"""From named observation leaves to one vector of features: one encoder per leaf, then concatenation.

To add an encoder for pictures, write a function (channels, height, width) -> nn.Sequential and name it in `ENCODERS`.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from rlkit.spaces import Leaf


def nature_encoder(channels: int, height: int, width: int) -> nn.Sequential:
    """The three convolutions of DQN on Atari (Mnih et al. 2015); pictures of at least 36×36."""
    return nn.Sequential(
        nn.Conv2d(channels, 32, 8, stride=4),
        nn.ReLU(),
        nn.Conv2d(32, 64, 4, stride=2),
        nn.ReLU(),
        nn.Conv2d(64, 64, 3, stride=1),
        nn.ReLU(),
        nn.Flatten(),
    )


def compact_encoder(channels: int, height: int, width: int) -> nn.Sequential:
    """Two convolutions for small, coarse pictures, made for a CPU; pictures of at least 16×16.

    Few, large patches: on one core a forward and backward pass of 256 pictures of 24×24 takes 2.2 ms, where 4×4 patches
    with stride 2 take 6.5 ms.
    """
    return nn.Sequential(
        nn.Conv2d(channels, 16, 8, stride=4),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3),
        nn.ReLU(),
        nn.Flatten(),
    )


def flat_encoder(channels: int, height: int, width: int) -> nn.Sequential:
    """No convolution: every pixel goes to the dense layers; the yardstick that a convolution has to beat."""
    return nn.Sequential(nn.Flatten())


ENCODERS: dict[str, Callable[[int, int, int], nn.Sequential]] = {
    "nature": nature_encoder,
    "compact": compact_encoder,
    "flat": flat_encoder,
}


def is_small(leaf: Leaf) -> bool:
    """Whether a picture is so small that a compact encoder suits it."""
    return min(leaf.shape[:2]) < 64


def default_encoder(leaf: Leaf) -> str:
    """The encoder that suits a picture's size."""
    return "compact" if is_small(leaf) else "nature"


class ObservationEncoder(nn.Module):
    """Read every leaf of an observation: pictures by convolutions, vectors as they are.

    This is the one place where pictures (B, H, W, C) uint8 become channel-first floats in [0, 1].

    Args:
        leaves: What an observation consists of.
        picture_encoder: A name in `ENCODERS`.

    Attributes:
        features: Length of the vector that comes out.
    """

    def __init__(self, leaves: Mapping[str, Leaf], picture_encoder: str):
        super().__init__()
        # A leaf's name may hold dots, which torch does not allow in a module's name: pictures go by their position.
        self.pictures = [leaf.name for leaf in leaves.values() if leaf.is_picture]
        self.vectors = [leaf.name for leaf in leaves.values() if not leaf.is_picture]
        self.encoders = nn.ModuleList()
        self.features = sum(leaves[name].shape[0] for name in self.vectors)
        for name in self.pictures:
            height, width, channels = leaves[name].shape
            encoder = ENCODERS[picture_encoder](channels, height, width)
            self.features += _output_size(encoder, leaves[name], picture_encoder)
            self.encoders.append(encoder.to(memory_format=torch.channels_last))  # type: ignore[call-overload]

    def forward(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Observations with leaves (B, ...) to features (B, F) float32."""
        parts = []
        for name, encoder in zip(self.pictures, self.encoders, strict=True):
            # Permuting a channel-last picture gives torch's channels_last layout without a copy.
            picture = observations[name].permute(0, 3, 1, 2).to(torch.float32)
            parts.append(encoder(picture.mul_(1 / 255)))
        parts.extend(observations[name] for name in self.vectors)
        return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]


def _output_size(encoder: nn.Sequential, leaf: Leaf, name: str) -> int:
    height, width, channels = leaf.shape
    try:
        with torch.no_grad():
            return int(encoder(torch.zeros(1, channels, height, width)).shape[1])
    except RuntimeError as error:
        raise ValueError(
            f"the picture {leaf.name} of {height}×{width} is too small for the encoder {name!r}"
        ) from error
