"""K fixed quantiles of the return per action, QR-DQN (Dabney et al. 2018a)."""

from collections.abc import Mapping

import torch
from torch import Tensor

from rlkit_agents.dqn.batches import TensorBatch
from rlkit_agents.dqn.distributions.bootstrapping import Bootstrapping
from rlkit_agents.dqn.distributions.interface import Network, SampleLosses
from rlkit_agents.dqn.losses import chosen
from rlkit_agents.dqn.losses.quantile import midpoints, quantile_huber_loss


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
