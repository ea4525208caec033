"""What the network's head stands for: an expected return, or a distribution of returns.

Scalar (Mnih et al. 2015), categorical (C51, Bellemare, Dabney and Munos 2017), quantile (QR-DQN, Dabney et al. 2018a)
and implicit quantile (IQN, Dabney et al. 2018b). `build_distribution` makes one from hyperparameters.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from rlkit_agents.dqn.batch import TensorBatch
from rlkit_agents.dqn.config import DQNConfig
from rlkit_agents.dqn.losses import (
    bootstrap,
    categorical_loss,
    categorical_targets,
    chosen,
    divergence,
    midpoints,
    munchausen_bonus,
    quantile_huber_loss,
    soft_bootstrap,
    value_loss,
)

Network = Callable[..., Tensor]
"""Observations with leaves (B, ...), and fractions (B, K) for implicit quantiles, to (B, A, K)."""


@dataclass(frozen=True)
class SampleLosses:
    """What B transitions say about the online network.

    Args:
        losses: (B,) to be minimised, each by its weight.
        priorities: (B,) how far off the network was, for prioritised replay; without gradient.
        mean_q: () mean value of the actions taken, for the curves; without gradient.
    """

    losses: Tensor
    priorities: Tensor
    mean_q: Tensor


class Distribution(Protocol):
    """How K numbers per action become values, and how wrong they are."""

    outputs: int

    def expected(self, network: Network, observations: Mapping[str, Tensor]) -> Tensor:
        """Expected return of each action: (B, A). Draws no random number."""

    def sample_losses(self, online: Network, target: Network, batch: TensorBatch) -> SampleLosses:
        """Hold what the online network said against rewards and what the target network says of what came of it."""

    def inspect(self, network: Network, observations: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Fields of `rlkit.agent.Inspection` that this kind has: `q` and what is known of the distribution."""

    def describe(self) -> str:
        """A few words for a person."""


class Values(Protocol):
    """How a network of one kind is read."""

    def expected(self, network: Network, observations: Mapping[str, Tensor]) -> Tensor:
        """Expected return of each action: (B, A)."""

    def returns(self, network: Network, observations: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Samples of the return (B, A, K) to learn from, and its expectation (B, A)."""


class Bootstrapping(Protocol):
    """From transitions to samples of what the return of each should be."""

    def __call__(self, values: Values, online: Network, target: Network, batch: TensorBatch) -> Tensor:
        """Targets (B, K)."""


@dataclass(frozen=True)
class Greedy:
    """Go on with the best action (Mnih et al. 2015).

    Args:
        double: Whether the online network says which that is (van Hasselt et al. 2016).
    """

    double: bool

    def __call__(self, values: Values, online: Network, target: Network, batch: TensorBatch) -> Tensor:
        """Targets (B, K)."""
        z_t, selector_q_t = values.returns(target, batch.next_observations)
        if self.double:
            selector_q_t = values.expected(online, batch.next_observations)
        return bootstrap(batch.returns, batch.discounts, z_t, selector_q_t)


@dataclass(frozen=True)
class Munchausen:
    """Go on by a softmax of the values, and be rewarded for having been sure (Vieillard et al. 2020).

    Args:
        scale: α.
        temperature: τ.
        clip: l₀.
    """

    scale: float
    temperature: float
    clip: float

    def __call__(self, values: Values, online: Network, target: Network, batch: TensorBatch) -> Tensor:
        """Targets (B, K)."""
        z_t, q_t = values.returns(target, batch.next_observations)
        q_tm1 = values.expected(target, batch.observations)
        bonus = munchausen_bonus(q_tm1, batch.actions, self.scale, self.temperature, self.clip)
        return soft_bootstrap(batch.returns + bonus, batch.discounts, z_t, q_t, self.temperature)


class Scalar:
    """The head gives the expected return itself.

    Args:
        bootstrapping: How targets are made.
        loss: "huber" or "squared".
    """

    outputs = 1

    def __init__(self, bootstrapping: Bootstrapping, loss: str):
        self._bootstrapping = bootstrapping
        self._loss = loss

    def expected(self, network: Network, observations: Mapping[str, Tensor]) -> Tensor:
        """Expected return of each action: (B, A)."""
        return network(observations).squeeze(2)

    def returns(self, network: Network, observations: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The value as the one sample of the return, (B, A, 1), and as its expectation (B, A)."""
        values = network(observations)
        return values, values.squeeze(2)

    def sample_losses(self, online: Network, target: Network, batch: TensorBatch) -> SampleLosses:
        """Errors of the values of the actions taken; priorities are the sizes of the temporal differences."""
        with torch.no_grad():
            targets = self._bootstrapping(self, online, target, batch).squeeze(1)
        q_tm1 = chosen(self.expected(online, batch.observations), batch.actions)
        losses = value_loss(q_tm1, targets, self._loss)
        q = q_tm1.detach()
        return SampleLosses(losses, (targets - q).abs(), q.mean())

    def inspect(self, network: Network, observations: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The expected returns."""
        return {"q": self.expected(network, observations)}

    def describe(self) -> str:
        """A few words for a person."""
        return f"expected returns, {self._loss} error"


class Categorical:
    """The head gives the logits of K returns, evenly spaced.

    Args:
        double: Whether the online network chooses the action whose distribution is the target.
        num_atoms: K.
        value_min: The lowest return that is held possible.
        value_max: The highest.
        device: Where networks live.
    """

    def __init__(self, double: bool, num_atoms: int, value_min: float, value_max: float, device: str):
        self.outputs = num_atoms
        self._double = double
        self._support = torch.linspace(value_min, value_max, num_atoms, device=device)

    def expected(self, network: Network, observations: Mapping[str, Tensor]) -> Tensor:
        """Expected return of each action: (B, A)."""
        return self._mean(network(observations))

    def sample_losses(self, online: Network, target: Network, batch: TensorBatch) -> SampleLosses:
        """Cross entropies of the actions taken; priorities are divergences, as in Rainbow (Hessel et al. 2018)."""
        with torch.no_grad():
            logits_t = target(batch.next_observations)
            selector_q_t = self.expected(online, batch.next_observations) if self._double else self._mean(logits_t)
            targets = categorical_targets(batch.returns, batch.discounts, logits_t, selector_q_t, self._support)
        logits_tm1 = online(batch.observations)
        losses = categorical_loss(logits_tm1, batch.actions, targets)
        q = chosen(self._mean(logits_tm1.detach()), batch.actions)
        return SampleLosses(losses, divergence(losses.detach(), targets), q.mean())

    def inspect(self, network: Network, observations: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The expected returns, the possible returns and their probabilities."""
        probabilities = F.softmax(network(observations), dim=2)
        return {"q": probabilities @ self._support, "support": self._support, "probabilities": probabilities}

    def describe(self) -> str:
        """A few words for a person."""
        low, high = float(self._support[0]), float(self._support[-1])
        return f"probabilities of {self.outputs} returns from {low:g} to {high:g}"

    def _mean(self, logits: Tensor) -> Tensor:
        return F.softmax(logits, dim=2) @ self._support


class Quantile:
    """The head gives K quantiles, at the middles of K even slices.

    Args:
        bootstrapping: How targets are made.
        num_quantiles: K.
        kappa: Where the Huber error turns linear.
        device: Where networks live.
    """

    def __init__(self, bootstrapping: Bootstrapping, num_quantiles: int, kappa: float, device: str):
        self.outputs = num_quantiles
        self._bootstrapping = bootstrapping
        self._kappa = kappa
        self._fractions = midpoints(num_quantiles, device)

    def expected(self, network: Network, observations: Mapping[str, Tensor]) -> Tensor:
        """Expected return of each action, the mean of its quantiles: (B, A)."""
        return network(observations).mean(dim=2)

    def returns(self, network: Network, observations: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The quantiles (B, A, K) as samples of the return, and their mean (B, A)."""
        quantiles = network(observations)
        return quantiles, quantiles.mean(dim=2)

    def sample_losses(self, online: Network, target: Network, batch: TensorBatch) -> SampleLosses:
        """Quantile regression on the actions taken; priorities are the errors of the means."""
        with torch.no_grad():
            targets = self._bootstrapping(self, online, target, batch)
        z_tm1 = chosen(online(batch.observations), batch.actions)
        losses = quantile_huber_loss(z_tm1, self._fractions, targets, self._kappa)
        q = z_tm1.detach().mean(dim=1)
        return SampleLosses(losses, (targets.mean(dim=1) - q).abs(), q.mean())

    def inspect(self, network: Network, observations: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The expected returns and the quantiles."""
        quantiles = network(observations)
        return {"q": quantiles.mean(dim=2), "quantiles": quantiles}

    def describe(self) -> str:
        """A few words for a person."""
        return f"{self.outputs} quantiles of the return"


class Implicit:
    """The network gives the quantiles at the fractions that it is asked for.

    Fractions to learn at are drawn evenly by chance, as in the paper. Expectations are over the middles of K even
    slices where the paper draws K: the same mean, less noise, and acting stays free of chance.

    Args:
        bootstrapping: How targets are made.
        num_quantiles: Fractions of the online network per update (N of the paper).
        num_target_quantiles: Fractions of the target network per update (N').
        num_eval_quantiles: Fractions that an expectation is taken over (K).
        kappa: Where the Huber error turns linear.
        generator: Randomness of the fractions, on the device.
    """

    outputs = 1

    def __init__(
        self,
        bootstrapping: Bootstrapping,
        num_quantiles: int,
        num_target_quantiles: int,
        num_eval_quantiles: int,
        kappa: float,
        generator: torch.Generator,
    ):
        self._bootstrapping = bootstrapping
        self._num_quantiles = num_quantiles
        self._num_target_quantiles = num_target_quantiles
        self._kappa = kappa
        self._generator = generator
        self._middles = midpoints(num_eval_quantiles, generator.device)

    def expected(self, network: Network, observations: Mapping[str, Tensor]) -> Tensor:
        """Expected return of each action: (B, A)."""
        return self._quantiles(network, observations).mean(dim=2)

    def returns(self, network: Network, observations: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The return at N' fractions drawn by chance, (B, A, N'), and its expectation (B, A): one pass for both."""
        count = _batch_size(observations)
        drawn = self._draw(count, self._num_target_quantiles)
        quantiles = network(observations, torch.cat([drawn, self._middles.expand(count, -1)], dim=1))
        samples, for_mean = quantiles.tensor_split([self._num_target_quantiles], dim=2)
        return samples, for_mean.mean(dim=2)

    def sample_losses(self, online: Network, target: Network, batch: TensorBatch) -> SampleLosses:
        """Quantile regression on the actions taken, at N fractions; priorities are the errors of the means."""
        with torch.no_grad():
            targets = self._bootstrapping(self, online, target, batch)
        fractions = self._draw(len(batch.actions), self._num_quantiles)
        z_tm1 = chosen(online(batch.observations, fractions), batch.actions)
        losses = quantile_huber_loss(z_tm1, fractions, targets, self._kappa)
        q = z_tm1.detach().mean(dim=1)
        return SampleLosses(losses, (targets.mean(dim=1) - q).abs(), q.mean())

    def inspect(self, network: Network, observations: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The expected returns and the quantiles they are the means of."""
        quantiles = self._quantiles(network, observations)
        return {"q": quantiles.mean(dim=2), "quantiles": quantiles}

    def describe(self) -> str:
        """A few words for a person."""
        return f"implicit quantiles of the return, {self._num_quantiles} per update"

    def _quantiles(self, network: Network, observations: Mapping[str, Tensor]) -> Tensor:
        return network(observations, self._middles.expand(_batch_size(observations), -1))

    def _draw(self, count: int, fractions: int) -> Tensor:
        return torch.rand((count, fractions), generator=self._generator, device=self._generator.device)


def _batch_size(observations: Mapping[str, Tensor]) -> int:
    return len(next(iter(observations.values())))


def build_distribution(config: DQNConfig, generator: torch.Generator) -> Distribution:
    """What the head will stand for.

    Args:
        config: Hyperparameters.
        generator: Randomness of implicit quantiles, on the device where networks live.
    """
    device = str(generator.device)
    bootstrapping: Bootstrapping = Greedy(config.double)
    if config.munchausen:
        bootstrapping = Munchausen(config.munchausen_scale, config.munchausen_temperature, config.munchausen_clip)
    if config.distribution == "categorical":
        return Categorical(config.double, config.num_atoms, config.value_min, config.value_max, device)
    if config.distribution == "quantile":
        return Quantile(bootstrapping, config.num_quantiles, config.huber_kappa, device)
    if config.distribution == "implicit":
        counts = config.num_quantiles, config.num_target_quantiles, config.num_eval_quantiles
        return Implicit(bootstrapping, *counts, config.huber_kappa, generator)
    return Scalar(bootstrapping, config.loss)
