"""Probabilities of K fixed returns per action, C51 (Bellemare, Dabney and Munos 2017)."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from rlkit_agents.dqn.batches import TensorBatch
from rlkit_agents.dqn.distributions.interface import Network, SampleLosses
from rlkit_agents.dqn.losses import chosen
from rlkit_agents.dqn.losses.categorical import categorical_loss, categorical_targets, divergence


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
