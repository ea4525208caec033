"""What the agent asks of a kind of distribution."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from rlkit_agents.dqn.batches import TensorBatch

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
