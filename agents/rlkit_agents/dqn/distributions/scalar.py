"""One expected return per action (Mnih et al. 2015)."""

from collections.abc import Mapping

import torch
from torch import Tensor

from rlkit_agents.dqn.batches import TensorBatch
from rlkit_agents.dqn.distributions.bootstrapping import Bootstrapping
from rlkit_agents.dqn.distributions.interface import Network, SampleLosses
from rlkit_agents.dqn.losses import chosen
from rlkit_agents.dqn.losses.expected import value_loss


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
