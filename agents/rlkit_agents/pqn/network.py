"""The Q-network of PQN, with normalization after every layer but the last."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from rlkit.nn.encoders import choose_encoder
from rlkit.nn.heads import LinearHead, dense_layers, kaiming_init_
from rlkit.nn.observation_encoder import ObservationEncoder
from rlkit.spaces import Spaces
from rlkit_agents.pqn.config import PQNConfig


class QNetwork(nn.Module):
    """Action values from observations: leaves (B, ...) -> (B, A) float32."""

    def __init__(self, encoder: ObservationEncoder, dense: nn.Sequential, head: nn.Module):
        super().__init__()
        self.encoder = encoder
        self.dense = dense
        self.head = head

    def forward(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Leaves (B, ...) to action values (B, A)."""
        values: Tensor = self.head(self.dense(self.encoder(observations)))
        return values.squeeze(-1)


def build_network(spaces: Spaces, config: PQNConfig, generator: torch.Generator) -> QNetwork:
    """Build the network that `config` describes and initialise its weights."""
    encoder = ObservationEncoder(spaces.observations, choose_encoder(config.encoder, spaces.observations))
    if config.layer_norm:
        normalize_convolutions(encoder, config.norm_over)
    dense = dense_layers(encoder.features, config.hidden, config.layer_norm)
    width = config.hidden[-1] if config.hidden else encoder.features
    network = QNetwork(encoder, dense, LinearHead(width, spaces.num_actions))
    kaiming_init_(network, generator)
    return network


class PixelNorm(nn.LayerNorm):
    """Layer normalization of the channels of each pixel, as flax's `LayerNorm` does: (B, C, H, W) to (B, C, H, W)."""

    def forward(self, image: Tensor) -> Tensor:
        """Normalize over C, affine per channel."""
        return super().forward(image.movedim(1, -1)).movedim(-1, 1)


def normalize_convolutions(module: nn.Module, over: str = "image") -> None:
    """Append layer normalization to every convolution, affine per channel.

    Args:
        module: Changed in place.
        over: "pixel" for the channels of each pixel, "image" for channels and positions.
    """
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d):
            norm = PixelNorm(child.out_channels) if over == "pixel" else nn.GroupNorm(1, child.out_channels)
            setattr(module, name, nn.Sequential(child, norm))
        else:
            normalize_convolutions(child, over)
