"""Layers: noisy linear layers (Fortunato et al. 2018), dropout with a given generator, standardisation of vectors."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LARGEST = 10.0  # standard deviations; what lies further out is as good as there
SMALLEST = 1e-3  # of the largest spread; entries that hardly move at first are not blown up beyond reason


class NoisyLinear(nn.Module):
    """A dense layer with a learned spread around each weight: y = (w + s ⊙ e) x + (b + t ⊙ f).

    The noise is factorised: e is the outer product of one number per output and one per input, each drawn from a normal
    distribution and turned into sign(x) √|x|, and f is the former. `reset_noise` draws it and `disable_noise` takes it
    away; a silent layer, such as one that was just made, computes with the mean weights.

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


def reset_noise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw fresh noise for every noisy layer of a network; does nothing where there is none."""
    for layer in network.modules():
        if isinstance(layer, NoisyLinear):
            layer.draw(generator)


def disable_noise(network: nn.Module) -> None:
    """Let every noisy layer compute with its mean weights until noise is drawn again."""
    for layer in network.modules():
        if isinstance(layer, NoisyLinear):
            layer.noisy = False


class Dropout(nn.Module):
    """Set a share of the features to 0 and scale the others up, so that no feature relies on others (Srivastava 2014).

    `nn.Dropout` draws from torch's global generator, which no checkpoint of ours holds. This one does nothing until it
    is handed a generator by `set_dropout_generator`, and nothing again once that is taken away: copies that act or give
    targets never drop.

    Args:
        share: Of the features, from 0 to below 1.
    """

    def __init__(self, share: float):
        super().__init__()
        self.share = share
        self.generator: torch.Generator | None = None

    def forward(self, features: Tensor) -> Tensor:
        """Features of any shape to the same shape."""
        if self.generator is None:
            return features
        kept = torch.empty_like(features).bernoulli_(1 - self.share, generator=self.generator)
        return features * kept.div_(1 - self.share)


def set_dropout_generator(network: nn.Module, generator: torch.Generator | None) -> None:
    """Let every `Dropout` of a network draw from a generator on its device; None lets them pass everything on."""
    for layer in network.modules():
        if isinstance(layer, Dropout):
            layer.generator = generator


class Standardize(nn.Module):
    """Subtract the mean and divide by the standard deviation, both of which are measured once and then fixed.

    Fixed, so that what was learned of a state stays right; measured, because environments seldom say how large their
    numbers are: MountainCar's speed of ±0.07 beside a position of ±1 is as good as nothing to a network. Flags are left
    as they are: one that is seldom up would otherwise outshout all others when it is.

    Args:
        width: Number of entries, D.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("spread", torch.ones(width))

    @torch.no_grad()
    def measure(self, vectors: Tensor) -> None:
        """Take mean and spread from (B, D) examples.

        An entry that is only ever 0 or 1, such as those of a number told by its place, stays as it is; another that is
        the same in all of them is only shifted.
        """
        flags = ((vectors == 0.0) | (vectors == 1.0)).all(dim=0)
        spread = vectors.std(dim=0)
        self.mean.copy_(torch.where(flags, 0.0, vectors.mean(dim=0)))
        self.spread.copy_(torch.where(flags | (spread == 0.0), 1.0, spread.clamp_min(SMALLEST * spread.max())))

    def forward(self, vectors: Tensor) -> Tensor:
        """(B, D) to (B, D), of mean 0 and spread 1 where they are like the examples."""
        return ((vectors - self.mean) / self.spread).clamp(-LARGEST, LARGEST)
