"""From named observation leaves to one feature vector: one encoder per image, then concatenation."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from rlkit.nn.encoders import ENCODERS
from rlkit.nn.layers import Dropout, Standardize
from rlkit.spaces import Leaf


class ObservationEncoder(nn.Module):
    """Encode images by convolutions, and concatenate their features with the vectors.

    Images (B, H, W, C), uint8 or floats from 0 to 255, become channel-first floats in [0, 1] here and nowhere else.

    Args:
        leaves: Leaves of an observation.
        image_encoder: A name in `ENCODERS`.
        dropout: Dropout of the image features; see `Dropout`.
        normalize_observations: Whether vectors are normalized, once `fit_normalization` was called.

    Attributes:
        features: Number of features, F.

    Raises:
        ValueError: An image is too small for the encoder.
    """

    def __init__(
        self,
        leaves: Mapping[str, Leaf],
        image_encoder: str,
        dropout: float = 0.0,
        normalize_observations: bool = False,
    ):
        super().__init__()
        # A list, not a dict: the name of a leaf may contain dots, the name of a module may not.
        self.images = [leaf.name for leaf in leaves.values() if leaf.is_picture]
        self.vectors = [leaf.name for leaf in leaves.values() if not leaf.is_picture]
        self.encoders = nn.ModuleList()
        self.features = sum(leaves[name].shape[0] for name in self.vectors)
        self.normalize = Standardize(self.features) if normalize_observations and self.features else nn.Identity()
        for name in self.images:
            height, width, channels = leaves[name].shape
            encoder = ENCODERS[image_encoder](channels, height, width)
            self.features += _output_size(encoder, leaves[name], image_encoder)
            self.encoders.append(encoder.to(memory_format=torch.channels_last))  # type: ignore[call-overload]
        self.dropout = Dropout(dropout) if dropout > 0 else nn.Identity()

    def forward(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Observations with leaves (B, ...) to features (B, F) float32."""
        parts = []
        for name, encoder in zip(self.images, self.encoders, strict=True):
            # Permuting a channel-last image gives torch's channels_last layout without a copy.
            image = observations[name].permute(0, 3, 1, 2)
            copied = image.to(torch.float32, copy=True)  # of floats too: the caller's own stay as they are
            parts.append(self.dropout(encoder(copied.mul_(1 / 255))))
        if self.vectors:
            parts.append(self.normalize(self._concatenate_vectors(observations)))
        return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]

    def fit_normalization(self, observations: Mapping[str, Tensor]) -> None:
        """Compute the statistics that vectors are normalized by, from leaves (B, ...).

        No-op without normalization, and where statistics were loaded with weights, which are only valid with them.
        """
        if isinstance(self.normalize, Standardize) and not self.normalize.fitted:
            self.normalize.fit(self._concatenate_vectors(observations))

    def _concatenate_vectors(self, observations: Mapping[str, Tensor]) -> Tensor:
        return torch.cat([observations[name] for name in self.vectors], dim=1)


def _output_size(encoder: nn.Module, leaf: Leaf, name: str) -> int:
    """The number of features of an image."""
    height, width, channels = leaf.shape
    was_training = encoder.training
    try:
        with torch.no_grad():
            features: Tensor = encoder.eval()(torch.zeros(1, channels, height, width))
    except RuntimeError as error:
        raise ValueError(
            f"the image {leaf.name} of {height}×{width} is too small for the encoder {name!r}; "
            "encoder='plain' takes images from 3×3 on"
        ) from error
    encoder.train(was_training)
    return features.shape[1]
