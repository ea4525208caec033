"""From features to K numbers per action: an expected return, or the parts of a distribution of returns."""

from collections import OrderedDict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from rlkit.nn.layers import Dropout, NoisyLinear

MakeDense = Callable[[int, int], nn.Module]
"""(features in, features out) to a dense layer: `nn.Linear`, or one with noise."""


def dense_layers(
    features: int, hidden: Sequence[int], layer_norm: bool, dropout: float = 0.0, make: MakeDense = nn.Linear
) -> nn.Sequential:
    """Dense layers with ReLU, each normalised first if asked for (Ba et al. 2016).

    Args:
        features: Length of the vector that comes in.
        hidden: Widths, one per layer; none for a block that passes everything on.
        layer_norm: Whether to normalise before each ReLU.
        dropout: Share of the outputs of each layer that are dropped while learning; see `Dropout`.
        make: How a dense layer is made.
    """
    layers: list[nn.Module] = []
    for width in hidden:
        layers.append(make(features, width))
        if layer_norm:
            layers.append(nn.LayerNorm(width))
        layers.append(nn.ReLU())
        if dropout > 0:
            layers.append(Dropout(dropout))
        features = width
    return nn.Sequential(*layers)


def stream(
    features: int, actions: int, outputs: int, hidden: Sequence[int], layer_norm: bool, make: MakeDense
) -> nn.Sequential:
    """Dense layers of its own, then `outputs` numbers for each of `actions`: (..., F) -> (..., A, K)."""
    width = hidden[-1] if hidden else features
    return nn.Sequential(
        OrderedDict(
            dense=dense_layers(features, hidden, layer_norm, make=make),
            output=make(width, actions * outputs),
            shape=nn.Unflatten(-1, (actions, outputs)),
        )
    )


class LinearHead(nn.Module):
    """K numbers per action, straight from the features: (..., F) -> (..., A, K).

    Args:
        features: F.
        num_actions: A.
        outputs: K.
        make: How a dense layer is made.
    """

    def __init__(self, features: int, num_actions: int, outputs: int = 1, make: MakeDense = nn.Linear):
        super().__init__()
        self.values = stream(features, num_actions, outputs, (), False, make)

    def forward(self, features: Tensor) -> Tensor:
        """Features (..., F) to (..., A, K)."""
        values: Tensor = self.values(features)
        return values


class DuelingHead(nn.Module):
    """A state's value plus each action's advantage, centred (Wang et al. 2016): (..., F) -> (..., A, K).

    With K numbers per action each of them is split on its own, as Rainbow does with its atoms (Hessel et al. 2018).

    Args:
        features: F.
        num_actions: A.
        outputs: K.
        hidden: Widths of dense layers that value and advantages have each for themselves; the paper has one of 512.
        layer_norm: Whether these are normalised.
        make: How a dense layer is made.
    """

    def __init__(
        self,
        features: int,
        num_actions: int,
        outputs: int = 1,
        hidden: Sequence[int] = (),
        layer_norm: bool = False,
        make: MakeDense = nn.Linear,
    ):
        super().__init__()
        self.value = stream(features, 1, outputs, hidden, layer_norm, make)
        self.advantage = stream(features, num_actions, outputs, hidden, layer_norm, make)

    def forward(self, features: Tensor) -> Tensor:
        """Features (..., F) to (..., A, K)."""
        advantage = self.advantage(features)
        values: Tensor = self.value(features) + advantage - advantage.mean(dim=-2, keepdim=True)
        return values


class CosineEmbedding(nn.Module):
    """Tell features which quantile is asked for (Dabney et al. 2018b): (B, F) and (B, K) -> (B, K, F).

    A fraction t becomes cos(π i t) for i = 0 … n-1, a dense layer with ReLU, and a factor for each feature.

    Args:
        features: F.
        num_cosines: n; the paper takes 64.
    """

    steps: Tensor

    def __init__(self, features: int, num_cosines: int = 64):
        super().__init__()
        self.dense = nn.Sequential(nn.Linear(num_cosines, features), nn.ReLU())
        self.register_buffer("steps", torch.pi * torch.arange(num_cosines, dtype=torch.float32), persistent=False)

    def forward(self, features: Tensor, fractions: Tensor) -> Tensor:
        """Features (B, F) and fractions (B, K) between 0 and 1 to features per fraction (B, K, F)."""
        embedded: Tensor = self.dense(torch.cos(fractions.unsqueeze(-1) * self.steps))
        return features.unsqueeze(1) * embedded


@torch.no_grad()
def kaiming_init_(module: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights of layers that feed a ReLU as He et al. 2015 do, those of a head's last layer a tenth of that.

    A head that starts near zero lets the first targets be the rewards and not the noise of the initialisation. Dense
    layers have biases of the size of a typical input: with none, layer normalisation of a vector near zero, such as
    that of a pole that stands upright, would only leave its direction. Noisy layers start as their paper says.
    """
    for name, layer in module.named_modules():
        if isinstance(layer, NoisyLinear):
            layer.initialise(generator)
        elif isinstance(layer, nn.LayerNorm):
            layer.reset_parameters()  # draws nothing; matters where a trained network is drawn anew
        elif isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            reach = 0.0
            if name.endswith("output"):
                layer.weight.mul_(0.1)
            elif isinstance(layer, nn.Linear):
                reach = layer.in_features**-0.5
            if layer.bias is not None:
                nn.init.uniform_(layer.bias, -reach, reach, generator=generator)
