"""What the K outputs per action of the Q-network stand for: the expected return, or a distribution of the return.

DQN learns the mean (Mnih et al. 2015), C51 the probabilities of K returns (Bellemare et al. 2017), QR-DQN K quantiles
(Dabney et al. 2018a), IQN any quantile (Dabney et al. 2018b). Each subclass overrides what its paper changes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from rlkit.nn.utils import gather_actions
from rlkit_agents.dqn.config import DQNConfig
from rlkit_agents.dqn.losses import cross_entropy, kl_divergence, midpoints, project, quantile_huber_loss, value_loss

Network = Callable[..., Tensor]
"""Observations with leaves (B, ...), and fractions (B, K) for implicit quantiles, to (B, A, K)."""


@dataclass(frozen=True)
class SampleLosses:
    """The loss of each of B transitions.

    Args:
        losses: (B,) to be minimised.
        priorities: (B,) TD errors or divergences for prioritized replay; without gradient.
        mean_q: () mean value of the actions taken; without gradient.
    """

    losses: Tensor
    priorities: Tensor
    mean_q: Tensor


class Distribution:
    """The expected return itself, one output per action (Mnih et al. 2015).

    Args:
        config: Hyperparameters.
        generator: Randomness of implicit quantiles, on the networks' device.

    Attributes:
        outputs: K.
    """

    outputs = 1

    def __init__(self, config: DQNConfig, generator: torch.Generator):
        self.config = config
        self.generator = generator

    def evaluate(self, network: Network, observations: Mapping[str, Tensor]) -> Tensor:
        """The distribution of each action's return, (B, A, K); draws no random number."""
        return network(observations)

    def mean(self, z: Tensor) -> Tensor:
        """The expectation of distributions: (..., K) -> (...)."""
        return z.mean(dim=-1)

    def expected(self, network: Network, observations: Mapping[str, Tensor]) -> Tensor:
        """The expected return of each action, (B, A)."""
        return self.mean(self.evaluate(network, observations))

    def evaluate_target(self, network: Network, observations: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The distributions to bootstrap from, (B, A, K), and their expectations, (B, A)."""
        z = self.evaluate(network, observations)
        return z, self.mean(z)

    def backup(self, rewards: Tensor, discounts: Tensor, z: Tensor) -> Tensor:
        """The distribution of r + discount · Z: (B,), (B,) and (B, K) -> (B, K)."""
        return rewards.unsqueeze(1) + discounts.unsqueeze(1) * z

    def losses(
        self, network: Network, observations: Mapping[str, Tensor], actions: Tensor, targets: Tensor
    ) -> SampleLosses:
        """The losses of the actions (B,) taken, given the distributions (B, K) that their returns should have."""
        q_tm1 = gather_actions(network(observations), actions).squeeze(1)
        targets = targets.squeeze(1)
        losses = value_loss(q_tm1, targets, self.config.loss)
        return SampleLosses(losses, (targets - q_tm1.detach()).abs(), q_tm1.detach().mean())

    def inspect(self, network: Network, observations: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Fields of `rlkit.agent.Inspection` by name."""
        return {"q": self.expected(network, observations)}

    def describe(self) -> str:
        """A few words for the summary printed before training."""
        return f"expected returns, {self.config.loss} loss"


class Categorical(Distribution):
    """The logits of K evenly spaced returns (C51).

    Attributes:
        clamped: () the most by which clamping to the support has moved the expectation of a target.
    """

    def __init__(self, config: DQNConfig, generator: torch.Generator):
        super().__init__(config, generator)
        self.outputs = config.num_atoms
        self._support = torch.linspace(config.value_min, config.value_max, config.num_atoms, device=generator.device)
        self.clamped = torch.zeros((), device=generator.device)

    def evaluate(self, network: Network, observations: Mapping[str, Tensor]) -> Tensor:
        """Probabilities of the support, (B, A, K)."""
        return F.softmax(network(observations), dim=2)

    def mean(self, z: Tensor) -> Tensor:
        """Expectations of probabilities: (..., K) -> (...)."""
        return z @ self._support

    def backup(self, rewards: Tensor, discounts: Tensor, z: Tensor) -> Tensor:
        """Shift and scale the support, then project it back onto itself."""
        atoms = rewards.unsqueeze(1) + discounts.unsqueeze(1) * self._support
        projected = project(atoms, z, self._support)
        moved = (self.mean(projected) - (atoms * z).sum(dim=1)).abs().amax()
        self.clamped = torch.maximum(self.clamped, moved.detach())
        return projected

    @property
    def atom_distance(self) -> float:
        """The distance of two neighbouring atoms."""
        return (self.config.value_max - self.config.value_min) / (self.outputs - 1)

    def losses(
        self, network: Network, observations: Mapping[str, Tensor], actions: Tensor, targets: Tensor
    ) -> SampleLosses:
        """Cross entropies; priorities are Kullback-Leibler divergences, as in Rainbow (Hessel et al. 2018)."""
        logits_tm1 = gather_actions(network(observations), actions)
        losses = cross_entropy(logits_tm1, targets)
        q_tm1 = self.mean(F.softmax(logits_tm1.detach(), dim=1))
        return SampleLosses(losses, kl_divergence(losses.detach(), targets), q_tm1.mean())

    def inspect(self, network: Network, observations: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The expected returns, the support and its probabilities."""
        probabilities = self.evaluate(network, observations)
        return {"q": self.mean(probabilities), "support": self._support, "probabilities": probabilities}

    def describe(self) -> str:
        """A few words for the summary printed before training."""
        return (
            f"probabilities of {self.outputs} returns from {self.config.value_min:g} to {self.config.value_max:g} (C51)"
        )


class Quantile(Distribution):
    """K quantiles at the middles of K equal intervals (QR-DQN)."""

    def __init__(self, config: DQNConfig, generator: torch.Generator):
        super().__init__(config, generator)
        self.outputs = config.num_quantiles
        self._fractions = midpoints(config.num_quantiles, generator.device)

    def losses(
        self, network: Network, observations: Mapping[str, Tensor], actions: Tensor, targets: Tensor
    ) -> SampleLosses:
        """Quantile regression; for priorities see `quantile_losses`."""
        z_tm1 = gather_actions(network(observations), actions)
        return quantile_losses(z_tm1, self._fractions, targets, self.config)

    def inspect(self, network: Network, observations: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The expected returns and the quantiles."""
        quantiles = self.evaluate(network, observations)
        return {"q": self.mean(quantiles), "quantiles": quantiles}

    def describe(self) -> str:
        """A few words for the summary printed before training."""
        return f"{self.outputs} quantiles of the return (QR-DQN)"


class Implicit(Distribution):
    """The quantiles at fractions that are an input of the network (IQN).

    Fractions to learn at are drawn uniformly. Expectations are over fixed, evenly spaced fractions where the paper
    draws them: the same mean with less variance, and acting draws no random number.
    """

    def __init__(self, config: DQNConfig, generator: torch.Generator):
        super().__init__(config, generator)
        self._midpoints = midpoints(config.num_eval_quantiles, generator.device)

    def evaluate(self, network: Network, observations: Mapping[str, Tensor]) -> Tensor:
        """Quantiles at K evenly spaced fractions, (B, A, K)."""
        return network(observations, self._midpoints.expand(_batch_size(observations), -1))

    def evaluate_target(self, network: Network, observations: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Quantiles at N' random fractions, (B, A, N'), and expectations, (B, A): one forward pass for both."""
        count = _batch_size(observations)
        fractions = self._draw_fractions(count, self.config.num_target_quantiles)
        quantiles = network(observations, torch.cat([fractions, self._midpoints.expand(count, -1)], dim=1))
        z, at_midpoints = quantiles.tensor_split([self.config.num_target_quantiles], dim=2)
        return z, self.mean(at_midpoints)

    def losses(
        self, network: Network, observations: Mapping[str, Tensor], actions: Tensor, targets: Tensor
    ) -> SampleLosses:
        """Quantile regression at N random fractions; for priorities see `quantile_losses`."""
        fractions = self._draw_fractions(len(actions), self.config.num_quantiles)
        z_tm1 = gather_actions(network(observations, fractions), actions)
        return quantile_losses(z_tm1, fractions, targets, self.config)

    def inspect(self, network: Network, observations: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The expected returns and the quantiles that they are the means of."""
        quantiles = self.evaluate(network, observations)
        return {"q": self.mean(quantiles), "quantiles": quantiles}

    def describe(self) -> str:
        """A few words for the summary printed before training."""
        return f"implicit quantiles of the return, {self.config.num_quantiles} per update (IQN)"

    def _draw_fractions(self, batch_size: int, count: int) -> Tensor:
        return torch.rand((batch_size, count), generator=self.generator, device=self.generator.device)


def quantile_losses(z_tm1: Tensor, fractions: Tensor, targets: Tensor, config: DQNConfig) -> SampleLosses:
    """Quantile regression of (B, K) quantiles at `fractions` to (B, J) targets.

    Priorities are errors of the means, or with `per_error="quantiles"` the absolute errors of all pairs, summed over
    the predictions and averaged over the targets (Clark et al. 2024).
    """
    losses = quantile_huber_loss(z_tm1, fractions, targets, config.huber_kappa)
    predicted = z_tm1.detach()
    q_tm1 = predicted.mean(dim=1)
    if config.per_error == "quantiles":
        priorities = (targets.unsqueeze(1) - predicted.unsqueeze(2)).abs().sum(dim=1).mean(dim=1)
    else:
        priorities = (targets.mean(dim=1) - q_tm1).abs()
    return SampleLosses(losses, priorities, q_tm1.mean())


def _batch_size(observations: Mapping[str, Tensor]) -> int:
    return len(next(iter(observations.values())))


DISTRIBUTIONS: Mapping[str, type[Distribution]] = {
    "none": Distribution,
    "categorical": Categorical,
    "quantile": Quantile,
    "implicit": Implicit,
}
"""By the hyperparameter `distribution`."""
