"""Dense layers whose weights carry noise, so that a network explores by itself (Fortunato et al. 2018)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class NoisyLinear(nn.Module):
    """A dense layer with a learned spread around each weight: y = (w + s ⊙ e) x + (b + t ⊙ f).

    The noise is factorised: e is the outer product of one number per output and one per input, each drawn from a normal
    distribution and turned into sign(x) √|x|, and f is the former. `renew_noise` draws it and `silence` takes it away;
    a silent layer, such as one that was just made, computes with the mean weights.

    Args:
        in_features: Length of the vector that comes in.
        out_features: Length of the vector that comes out.
        sigma: Spread at the start, over the square root of `in_features`; the paper takes 0.5.
    """

    in_noise: Tensor
    out_noise: Tensor

    def __init__(self, in_features: int, out_features: int, sigma: float = 0.5):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.sigma = sigma
        self.weight = nn.Parameter(torch.zeros(out_features, in_features))
        self.weight_spread = nn.Parameter(torch.zeros(out_features, in_features))
        self.bias = nn.Parameter(torch.zeros(out_features))
        self.bias_spread = nn.Parameter(torch.zeros(out_features))
        # Noise is drawn anew before each use, so no checkpoint needs it.
        self.register_buffer("in_noise", torch.zeros(in_features), persistent=False)
        self.register_buffer("out_noise", torch.zeros(out_features), persistent=False)
        self.noisy = False

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw the means uniformly within ± 1/√in and set every spread to sigma/√in, as the paper does."""
        reach = self.in_features**-0.5
        nn.init.uniform_(self.weight, -reach, reach, generator=generator)
        nn.init.uniform_(self.bias, -reach, reach, generator=generator)
        self.weight_spread.fill_(self.sigma * reach)
        self.bias_spread.fill_(self.sigma * reach)

    @torch.no_grad()
    def draw(self, generator: torch.Generator) -> None:
        """Draw fresh noise from a generator on the layer's device."""
        for noise in (self.in_noise, self.out_noise):
            noise.normal_(generator=generator)
            noise.copy_(noise.sign() * noise.abs().sqrt())
        self.noisy = True

    def forward(self, features: Tensor) -> Tensor:
        """Features (..., in) to (..., out)."""
        if not self.noisy:
            return F.linear(features, self.weight, self.bias)
        weight = self.weight + self.weight_spread * torch.outer(self.out_noise, self.in_noise)
        return F.linear(features, weight, self.bias + self.bias_spread * self.out_noise)


def renew_noise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw fresh noise for every noisy layer of a network; does nothing where there is none."""
    for layer in network.modules():
        if isinstance(layer, NoisyLinear):
            layer.draw(generator)


def silence(network: nn.Module) -> None:
    """Let every noisy layer compute with its mean weights until noise is drawn again."""
    for layer in network.modules():
        if isinstance(layer, NoisyLinear):
            layer.noisy = False
