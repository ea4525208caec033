"""Layers: noisy linear layers (Fortunato et al. 2018), dropout with a given generator, normalization of vectors."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MAX_NORMALIZED = 10.0  # standard deviations; larger values are clipped
MIN_STD = 1e-3  # of the largest standard deviation; bounds the scale of nearly constant entries


class NoisyLinear(nn.Module):
    """A dense layer with Gaussian noise of learned scale on its weights: y = (w + σ_w ⊙ ε_w) x + (b + σ_b ⊙ ε_b).

    The noise is factorised: ε_w is the outer product of ε_b and one number per input, all f(x) = sign(x) √|x| of
    standard normal x. `reset_noise` draws it, `disable_noise` removes it; a new layer has none.

    Args:
        in_features: Size of the input.
        out_features: Size of the output.
        sigma: Initial σ, divided by the square root of `in_features`.
    """

    in_noise: Tensor
    out_noise: Tensor

    def __init__(self, in_features: int, out_features: int, sigma: float = 0.5):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.sigma = sigma
        self.weight = nn.Parameter(torch.zeros(out_features, in_features))
        self.weight_sigma = nn.Parameter(torch.zeros(out_features, in_features))
        self.bias = nn.Parameter(torch.zeros(out_features))
        self.bias_sigma = nn.Parameter(torch.zeros(out_features))
        # Noise is drawn before each use: not part of checkpoints.
        self.register_buffer("in_noise", torch.zeros(in_features), persistent=False)
        self.register_buffer("out_noise", torch.zeros(out_features), persistent=False)
        self.noisy = False

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw the means uniformly from ± 1/√in and set every σ to sigma/√in, as the paper does."""
        bound = self.in_features**-0.5
        nn.init.uniform_(self.weight, -bound, bound, generator=generator)
        nn.init.uniform_(self.bias, -bound, bound, generator=generator)
        self.weight_sigma.fill_(self.sigma * bound)
        self.bias_sigma.fill_(self.sigma * bound)

    @torch.no_grad()
    def reset_noise(self, generator: torch.Generator) -> None:
        """Draw new noise from a generator on the layer's device."""
        for noise in (self.in_noise, self.out_noise):
            noise.normal_(generator=generator)
            noise.copy_(noise.sign() * noise.abs().sqrt())
        self.noisy = True

    def forward(self, features: Tensor) -> Tensor:
        """Features (..., in) to (..., out)."""
        if not self.noisy:
            return F.linear(features, self.weight, self.bias)
        weight = self.weight + self.weight_sigma * torch.outer(self.out_noise, self.in_noise)
        return F.linear(features, weight, self.bias + self.bias_sigma * self.out_noise)


def reset_noise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw new noise for every noisy layer of a network."""
    for layer in network.modules():
        if isinstance(layer, NoisyLinear):
            layer.reset_noise(generator)


def disable_noise(network: nn.Module) -> None:
    """Make every noisy layer use its mean weights until `reset_noise`."""
    for layer in network.modules():
        if isinstance(layer, NoisyLinear):
            layer.noisy = False


class Dropout(nn.Module):
    """Dropout (Srivastava et al. 2014) with a generator of its own.

    `nn.Dropout` draws from torch's global generator, which checkpoints do not save. This layer is the identity unless
    `set_dropout_generator` has set one; networks that act or compute targets have none.

    Args:
        p: Share of the features that is set to 0, from 0 to below 1.
    """

    def __init__(self, p: float):
        super().__init__()
        self.p = p
        self.generator: torch.Generator | None = None

    def forward(self, features: Tensor) -> Tensor:
        """Features of any shape to the same shape."""
        if self.generator is None:
            return features
        kept = torch.empty_like(features).bernoulli_(1 - self.p, generator=self.generator)
        return features * kept.div_(1 - self.p)


def set_dropout_generator(network: nn.Module, generator: torch.Generator | None) -> None:
    """Enable every `Dropout` of a network with a generator on its device; None disables them."""
    for layer in network.modules():
        if isinstance(layer, Dropout):
            layer.generator = generator


class Standardize(nn.Module):
    """Normalize vectors to mean 0 and standard deviation 1, with statistics that are fixed after `fit`.

    They are fixed so that the values learned stay valid. Entries that are only ever 0 or 1 are not normalized: a rare
    flag would get a very large value.

    Args:
        width: Number of entries, D.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("std", torch.ones(width))

    @property
    def fitted(self) -> bool:
        """Whether statistics were computed or loaded."""
        return bool((self.mean != 0.0).any() or (self.std != 1.0).any())

    @torch.no_grad()
    def fit(self, vectors: Tensor) -> None:
        """Compute mean and standard deviation of (B, D) samples; constant entries are only shifted."""
        flags = ((vectors == 0.0) | (vectors == 1.0)).all(dim=0)
        std = vectors.std(dim=0)
        self.mean.copy_(torch.where(flags, 0.0, vectors.mean(dim=0)))
        self.std.copy_(torch.where(flags | (std == 0.0), 1.0, std.clamp_min(MIN_STD * std.max())))

    def forward(self, vectors: Tensor) -> Tensor:
        """(B, D) to (B, D), clipped to ± `MAX_NORMALIZED`."""
        return ((vectors - self.mean) / self.std).clamp(-MAX_NORMALIZED, MAX_NORMALIZED)
