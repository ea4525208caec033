"""Any quantile of the return per action, learned at fractions drawn by chance, IQN (Dabney et al. 2018b)."""

from collections.abc import Mapping

import torch
from torch import Tensor

from rlkit_agents.dqn.batches import TensorBatch
from rlkit_agents.dqn.distributions.bootstrapping import Bootstrapping
from rlkit_agents.dqn.distributions.interface import Network, SampleLosses
from rlkit_agents.dqn.losses import chosen
from rlkit_agents.dqn.losses.quantile import midpoints, quantile_huber_loss


class Implicit:
    """The network gives the quantiles at the fractions that it is asked for.

    Fractions to learn at are drawn evenly by chance, as in the paper. Expectations are over the middles of K even
    slices where the paper draws K: the same mean, less noise, and acting stays free of chance.

    Args:
        bootstrapping: How targets are made.
        num_quantiles: Fractions of the online network per update (N of the paper).
        num_target_quantiles: Fractions of the target network per update (N').
        num_acting_quantiles: Fractions that an expectation is taken over (K).
        kappa: Where the Huber error turns linear.
        generator: Randomness of the fractions, on the device.
    """

    outputs = 1

    def __init__(
        self,
        bootstrapping: Bootstrapping,
        num_quantiles: int,
        num_target_quantiles: int,
        num_acting_quantiles: int,
        kappa: float,
        generator: torch.Generator,
    ):
        self._bootstrapping = bootstrapping
        self._num_quantiles = num_quantiles
        self._num_target_quantiles = num_target_quantiles
        self._kappa = kappa
        self._generator = generator
        self._middles = midpoints(num_acting_quantiles, generator.device)

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
