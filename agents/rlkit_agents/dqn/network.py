"""The Q-network: an encoder for each part of the observation, dense layers, a head."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from rlkit.nn.encoders import ObservationEncoder, default_encoder
from rlkit.nn.heads import DuelingHead, LinearHead, dense_layers, he_initialise
from rlkit.spaces import Spaces
from rlkit_agents.dqn.config import DQNConfig


class QNetwork(nn.Module):
    """Action values from observations: leaves (B, ...) -> (B, A) float32."""

    def __init__(self, encoder: ObservationEncoder, dense: nn.Sequential, head: nn.Module):
        super().__init__()
        self.encoder = encoder
        self.dense = dense
        self.head = head

    def forward(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Observations with leaves (B, ...) to action values (B, A)."""
        values: Tensor = self.head(self.dense(self.encoder(observations)))
        return values


def build_network(spaces: Spaces, config: DQNConfig, generator: torch.Generator) -> QNetwork:
    """Compose the network that `config` describes and draw its weights."""
    encoder = ObservationEncoder(spaces.observations, picture_encoder(spaces, config))
    dense = dense_layers(encoder.features, config.hidden, config.layer_norm)
    width = config.hidden[-1] if config.hidden else encoder.features
    head = (DuelingHead if config.dueling else LinearHead)(width, spaces.num_actions)
    network = QNetwork(encoder, dense, head)
    he_initialise(network, generator)
    return network


def picture_encoder(spaces: Spaces, config: DQNConfig) -> str:
    """The name of the encoder for pictures; "auto" goes by their size."""
    pictures = [leaf for leaf in spaces.observations.values() if leaf.is_picture]
    if config.encoder != "auto" or not pictures:
        return config.encoder
    return default_encoder(min(pictures, key=lambda leaf: min(leaf.shape[:2])))
