"""What a state is worth to an agent that goes on from it: greedily, or by a soft policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from rlkit_agents.dqn.batches import TensorBatch
from rlkit_agents.dqn.distributions.interface import Network
from rlkit_agents.dqn.losses.expected import bootstrap
from rlkit_agents.dqn.losses.munchausen import munchausen_bonus, soft_bootstrap


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
