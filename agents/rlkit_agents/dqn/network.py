"""The Q-network: encoders, dense layers and a head; and its precision."""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from rlkit.nn.encoders import choose_encoder, is_small
from rlkit.nn.heads import CosineEmbedding, DuelingHead, LinearHead, MakeDense, dense_layers, kaiming_init_
from rlkit.nn.layers import NoisyLinear
from rlkit.nn.observation_encoder import ObservationEncoder
from rlkit.nn.utils import computing_in, precision_for
from rlkit.spaces import Spaces
from rlkit_agents.dqn.config import DQNConfig


class QNetwork(nn.Module):
    """K outputs for each action: leaves (B, ...) -> (B, A, K) float32.

    Only the encoder computes in `precision`. Dense layers and head compute in float32: bfloat16 has steps of 0.25 at
    50, so that actions whose values differ by less would be chosen by rounding.

    Args:
        encoder: Observations to features.
        dense: Features to features.
        head: Features (..., F) to (..., A, K).
        precision: Data type that the encoder computes in.
    """

    def __init__(
        self, encoder: ObservationEncoder, dense: nn.Sequential, head: nn.Module, precision: torch.dtype = torch.float32
    ):
        super().__init__()
        self.encoder = encoder
        self.dense = dense
        self.head = head
        self.precision = precision

    def forward(self, observations: Mapping[str, Tensor], fractions: Tensor | None = None) -> Tensor:
        """Leaves (B, ...) to (B, A, K); `fractions` are for implicit quantiles only."""
        values: Tensor = self.head(self.dense(self.encoded(observations)))
        return values

    def encoded(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Leaves (B, ...) to features (B, F) float32."""
        with computing_in(self.precision, _device_of(observations)):
            features: Tensor = self.encoder(observations)
        return features.float()


class ImplicitQNetwork(QNetwork):
    """Quantiles at given fractions: leaves (B, ...) and fractions (B, K) -> (B, A, K) (Dabney et al. 2018b).

    The paper multiplies the features of the convolutions by the embedded fraction. Vectors have too few features for
    that: without an image, the dense layers come before the embedding.

    Args:
        encoder: Observations to features.
        dense: Features to features.
        head: Features (..., F) to (..., A, 1).
        embedding: Features (B, F) and fractions (B, K) to (B, K, F).
        dense_first: Whether the dense layers come before the embedding.
        precision: Data type that the encoder computes in.
    """

    def __init__(
        self,
        encoder: ObservationEncoder,
        dense: nn.Sequential,
        head: nn.Module,
        embedding: CosineEmbedding,
        dense_first: bool,
        precision: torch.dtype = torch.float32,
    ):
        super().__init__(encoder, dense, head, precision)
        self.embedding = embedding
        self.dense_first = dense_first

    def forward(self, observations: Mapping[str, Tensor], fractions: Tensor | None = None) -> Tensor:
        """Leaves (B, ...) and fractions (B, K) to quantiles (B, A, K); without fractions the median."""
        if fractions is None:
            fractions = self.embedding.frequencies.new_full((len(next(iter(observations.values()))), 1), 0.5)
        features = self.encoded(observations)
        if self.dense_first:
            embedded = self.embedding(self.dense(features), fractions)
        else:
            embedded = self.dense(self.embedding(features, fractions))
        values: Tensor = self.head(embedded).squeeze(-1)  # (B, K, A)
        return values.transpose(1, 2)


def build_network(
    spaces: Spaces, config: DQNConfig, outputs: int, generator: torch.Generator, device: str = "cpu"
) -> QNetwork:
    """Build the network that `config` describes and initialise its weights.

    Args:
        spaces: Observations and actions.
        config: Hyperparameters.
        outputs: K, outputs per action.
        generator: Randomness of the weights, on the CPU.
        device: "cpu" or "cuda".
    """
    precision = choose_precision(config.precision, spaces, device)
    make_dense: MakeDense = partial(NoisyLinear, sigma=config.noisy_sigma) if config.noisy else nn.Linear
    encoder = ObservationEncoder(
        spaces.observations,
        choose_encoder(config.encoder, spaces.observations),
        config.dropout,
        config.normalize_observations,
    )
    dense = dense_layers(encoder.features, config.hidden, config.layer_norm, config.dropout, make_dense)
    width = config.hidden[-1] if config.hidden else encoder.features
    head: nn.Module
    if config.dueling:
        head = DuelingHead(width, spaces.num_actions, outputs, config.dueling_hidden, config.layer_norm, make_dense)
    else:
        head = LinearHead(width, spaces.num_actions, outputs, make_dense, config.shared_bias)
    network = QNetwork(encoder, dense, head, precision)
    if config.distribution == "implicit":
        dense_first = not any(leaf.is_picture for leaf in spaces.observations.values())
        embedding = CosineEmbedding(width if dense_first else encoder.features, config.num_cosines)
        network = ImplicitQNetwork(encoder, dense, head, embedding, dense_first, precision)
    kaiming_init_(network, generator)
    return network.to(device)


def _device_of(observations: Mapping[str, Tensor]) -> str:
    return next(iter(observations.values())).device.type


def choose_precision(asked: str, spaces: Spaces, device: str) -> torch.dtype:
    """Resolve "auto": bfloat16 for large images on devices with instructions for it, else float32.

    Small networks lose more to conversions than they gain.

    Args:
        asked: "float32", "bfloat16" or "auto".
        spaces: Observations.
        device: "cpu" or "cuda".
    """
    large = any(leaf.is_picture and not is_small(leaf) for leaf in spaces.observations.values())
    return torch.float32 if asked == "auto" and not large else precision_for(asked, device)
