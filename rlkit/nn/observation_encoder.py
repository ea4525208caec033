"""From named observation leaves to one feature vector: one encoder per picture, then concatenation."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from rlkit.nn.encoders import ENCODERS
from rlkit.nn.layers import Dropout, Standardize
from rlkit.spaces import Leaf


class ObservationEncoder(nn.Module):
    """Read every leaf of an observation: pictures by convolutions, vectors as they are.

    This is the one place where pictures (B, H, W, C) uint8 become channel-first floats in [0, 1].

    Args:
        leaves: What an observation consists of.
        picture_encoder: A name in `ENCODERS`.
        dropout: Share of the features of pictures that are dropped while learning; see `Dropout`.
        normalize_observations: Whether vectors are brought to a common scale, once `measure` has seen some.

    Attributes:
        features: Length of the vector that comes out.

    Raises:
        ValueError: If a picture is too small for the encoder.
    """

    def __init__(
        self,
        leaves: Mapping[str, Leaf],
        picture_encoder: str,
        dropout: float = 0.0,
        normalize_observations: bool = False,
    ):
        super().__init__()
        # A leaf's name may hold dots, which torch does not allow in a module's name: pictures go by their position.
        self.pictures = [leaf.name for leaf in leaves.values() if leaf.is_picture]
        self.vectors = [leaf.name for leaf in leaves.values() if not leaf.is_picture]
        self.encoders = nn.ModuleList()
        self.features = sum(leaves[name].shape[0] for name in self.vectors)
        self.normalize = Standardize(self.features) if normalize_observations and self.features else nn.Identity()
        for name in self.pictures:
            height, width, channels = leaves[name].shape
            encoder = ENCODERS[picture_encoder](channels, height, width)
            self.features += _output_size(encoder, leaves[name], picture_encoder)
            self.encoders.append(encoder.to(memory_format=torch.channels_last))  # type: ignore[call-overload]
        self.dropout = Dropout(dropout) if dropout > 0 else nn.Identity()

    def forward(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Observations with leaves (B, ...) to features (B, F) float32."""
        parts = []
        for name, encoder in zip(self.pictures, self.encoders, strict=True):
            # Permuting a channel-last picture gives torch's channels_last layout without a copy.
            picture = observations[name].permute(0, 3, 1, 2).to(torch.float32)
            parts.append(self.dropout(encoder(picture.mul_(1 / 255))))
        if self.vectors:
            parts.append(self.normalize(self._joined_vectors(observations)))
        return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]

    def measure(self, observations: Mapping[str, Tensor]) -> None:
        """Let vectors be brought to the scale of these observations, leaves (B, ...), if they are standardised."""
        if isinstance(self.normalize, Standardize):
            self.normalize.measure(self._joined_vectors(observations))

    def _joined_vectors(self, observations: Mapping[str, Tensor]) -> Tensor:
        return torch.cat([observations[name] for name in self.vectors], dim=1)


def _output_size(encoder: nn.Module, leaf: Leaf, name: str) -> int:
    """How many features come of a picture."""
    height, width, channels = leaf.shape
    was_training = encoder.training
    try:
        with torch.no_grad():
            features: Tensor = encoder.eval()(torch.zeros(1, channels, height, width))
    except RuntimeError as error:
        raise ValueError(
            f"the picture {leaf.name} of {height}×{width} is too small for the encoder {name!r}; "
            "'plain' reads pictures from 3×3 on"
        ) from error
    encoder.train(was_training)
    return features.shape[1]
