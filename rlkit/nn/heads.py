"""Dense layers, and heads: from features to K outputs per action."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from rlkit.nn.layers import Dropout, NoisyLinear

MakeDense = Callable[[int, int], nn.Module]
"""(in_features, out_features) to a dense layer: `nn.Linear` or `NoisyLinear`."""


def dense_layers(
    features: int, hidden: Sequence[int], layer_norm: bool, dropout: float = 0.0, make_dense: MakeDense = nn.Linear
) -> nn.Sequential:
    """Dense layers, each followed by layer normalization (Ba et al. 2016) if asked for, ReLU and dropout.

    Args:
        features: Size of the input.
        hidden: Widths of the layers; empty for the identity.
        layer_norm: Whether to normalize before each ReLU.
        dropout: Dropout after each ReLU; see `Dropout`.
        make_dense: Constructor of a dense layer.
    """
    layers: list[nn.Module] = []
    for width in hidden:
        layers.append(make_dense(features, width))
        if layer_norm:
            layers.append(nn.LayerNorm(width))
        layers.append(nn.ReLU())
        if dropout > 0:
            layers.append(Dropout(dropout))
        features = width
    return nn.Sequential(*layers)


def stream(
    features: int, actions: int, outputs: int, hidden: Sequence[int], layer_norm: bool, make_dense: MakeDense
) -> nn.Sequential:
    """A stream of the dueling architecture: dense layers, then K outputs per action, (..., F) -> (..., A, K)."""
    width = hidden[-1] if hidden else features
    return nn.Sequential(
        OrderedDict(
            dense=dense_layers(features, hidden, layer_norm, make_dense=make_dense),
            output=make_dense(width, actions * outputs),
            shape=nn.Unflatten(-1, (actions, outputs)),
        )
    )


class LinearHead(nn.Module):
    """K outputs per action by one dense layer: (..., F) -> (..., A, K).

    Args:
        features: F.
        num_actions: A.
        outputs: K.
        make_dense: Constructor of a dense layer.
        shared_bias: Whether all actions have the same K biases (van Hasselt et al. 2016); with `nn.Linear` only.
    """

    def __init__(
        self,
        features: int,
        num_actions: int,
        outputs: int = 1,
        make_dense: MakeDense = nn.Linear,
        shared_bias: bool = False,
    ):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(outputs)) if shared_bias else None
        make = partial(nn.Linear, bias=False) if shared_bias else make_dense
        self.values = stream(features, num_actions, outputs, (), False, make)

    def forward(self, features: Tensor) -> Tensor:
        """Features (..., F) to (..., A, K)."""
        values: Tensor = self.values(features)
        return values if self.bias is None else values + self.bias


class DuelingHead(nn.Module):
    """The dueling architecture (Wang et al. 2016), value plus centred advantages: (..., F) -> (..., A, K).

    Each of the K outputs is split separately, as Rainbow does with its atoms (Hessel et al. 2018).

    Args:
        features: F.
        num_actions: A.
        outputs: K.
        hidden: Widths of the dense layers of each of the two streams.
        layer_norm: Whether these are normalized.
        make_dense: Constructor of a dense layer.
    """

    def __init__(
        self,
        features: int,
        num_actions: int,
        outputs: int = 1,
        hidden: Sequence[int] = (),
        layer_norm: bool = False,
        make_dense: MakeDense = nn.Linear,
    ):
        super().__init__()
        self.value = stream(features, 1, outputs, hidden, layer_norm, make_dense)
        self.advantage = stream(features, num_actions, outputs, hidden, layer_norm, make_dense)

    def forward(self, features: Tensor) -> Tensor:
        """Features (..., F) to (..., A, K)."""
        advantage = self.advantage(features)
        values: Tensor = self.value(features) + advantage - advantage.mean(dim=-2, keepdim=True)
        return values


class CosineEmbedding(nn.Module):
    """Cosine embedding of quantile fractions (Dabney et al. 2018b): (B, F) and (B, K) -> (B, K, F).

    cos(π i τ) for i = 0 … n-1, then a dense layer with ReLU, then multiplied with the features.

    Args:
        features: F.
        num_cosines: n.
    """

    frequencies: Tensor

    def __init__(self, features: int, num_cosines: int = 64):
        super().__init__()
        self.dense = nn.Sequential(nn.Linear(num_cosines, features), nn.ReLU())
        self.register_buffer("frequencies", torch.pi * torch.arange(num_cosines, dtype=torch.float32), persistent=False)

    def forward(self, features: Tensor, fractions: Tensor) -> Tensor:
        """Features (B, F) and fractions (B, K) in [0, 1] to features per fraction (B, K, F)."""
        embedded: Tensor = self.dense(torch.cos(fractions.unsqueeze(-1) * self.frequencies))
        return features.unsqueeze(1) * embedded


@torch.no_grad()
def kaiming_init_(module: nn.Module, generator: torch.Generator) -> None:
    """Initialise all weights: He et al. 2015, a tenth of that in the last layer of a head.

    With a head near zero the first targets are the rewards rather than initialisation noise. Dense layers get uniform
    biases in ± 1/√in: without bias, layer normalization would discard the length of the input vector. Noisy layers are
    initialised as in their paper.
    """
    for name, layer in module.named_modules():
        if isinstance(layer, NoisyLinear):
            layer.initialise(generator)
        elif isinstance(layer, LinearHead) and layer.bias is not None:
            layer.bias.zero_()
        elif isinstance(layer, nn.LayerNorm):
            layer.reset_parameters()  # draws nothing; needed when a trained network is reset
        elif isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            bound = 0.0
            if name.endswith("output"):
                layer.weight.mul_(0.1)
            elif isinstance(layer, nn.Linear):
                bound = layer.in_features**-0.5
            if layer.bias is not None:
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
