"""From features to action values."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def dense_layers(features: int, hidden: Sequence[int], layer_norm: bool) -> nn.Sequential:
    """Dense layers with ReLU, each normalised first if asked for (Ba et al. 2016)."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers.append(nn.Linear(features, width))
        if layer_norm:
            layers.append(nn.LayerNorm(width))
        layers.append(nn.ReLU())
        features = width
    return nn.Sequential(*layers)


class LinearHead(nn.Module):
    """One value per action, straight from the features (B, F) -> (B, A)."""

    def __init__(self, features: int, num_actions: int):
        super().__init__()
        self.values = nn.Linear(features, num_actions)

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, F) to action values (B, A)."""
        values: Tensor = self.values(features)
        return values


class DuelingHead(nn.Module):
    """A state's value plus each action's advantage, centred (Wang et al. 2016): (B, F) -> (B, A)."""

    def __init__(self, features: int, num_actions: int):
        super().__init__()
        self.value = nn.Linear(features, 1)
        self.advantage = nn.Linear(features, num_actions)

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, F) to action values (B, A)."""
        advantage = self.advantage(features)
        values: Tensor = self.value(features) + advantage - advantage.mean(dim=1, keepdim=True)
        return values


@torch.no_grad()
def he_initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights of layers that feed a ReLU as He et al. 2015 do, those of a head a tenth of that.

    A head that starts near zero lets the first targets be the rewards and not the noise of the initialisation. Dense
    layers have biases of the size of a typical input: with none, layer normalisation of a vector near zero, such as
    that of a pole that stands upright, would only leave its direction.
    """
    for name, layer in module.named_modules():
        if not isinstance(layer, nn.Conv2d | nn.Linear):
            continue
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        reach = 0.0
        if name.startswith("head"):
            layer.weight.mul_(0.1)
        elif isinstance(layer, nn.Linear):
            reach = layer.in_features**-0.5
        if layer.bias is not None:
            nn.init.uniform_(layer.bias, -reach, reach, generator=generator)
