"""What DQN minimises, as pure functions of (online, target, transitions)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

QFunction = Callable[[Mapping[str, Tensor]], Tensor]
"""Observations with leaves (B, ...) to action values (B, A)."""


@dataclass(frozen=True)
class TensorBatch:
    """B n-step transitions on the learner's device; `rlkit.replay.Batch` says what each field is."""

    observations: Mapping[str, Tensor]
    actions: Tensor
    returns: Tensor
    discounts: Tensor
    next_observations: Mapping[str, Tensor]


@torch.no_grad()
def q_learning_targets(online: QFunction, target: QFunction, batch: TensorBatch, double: bool) -> Tensor:
    """What Q(s_t, a_t) should be: the n-step return plus the discounted value of the state it led to, (B,).

    The target network values that state (Mnih et al. 2015). With `double`, the online network chooses the action
    to be valued, so that the noise of one network is not both chosen and believed (van Hasselt et al. 2016).
    """
    next_q = target(batch.next_observations)
    if double:
        best = online(batch.next_observations).argmax(dim=1, keepdim=True)
        next_value = next_q.gather(1, best).squeeze(1)
    else:
        next_value = next_q.amax(dim=1)
    return batch.returns + batch.discounts * next_value


def dqn_loss(
    online: QFunction, target: QFunction, batch: TensorBatch, double: bool, loss: str
) -> tuple[Tensor, Tensor]:
    """Mean error between Q(s_t, a_t) and its target, and the mean of Q(s_t, a_t) for the curves.

    Args:
        online: The network that learns.
        target: Its older copy.
        batch: Transitions.
        double: Whether the online network chooses the action that the target network values.
        loss: "huber" is linear for errors beyond 1 (Mnih et al. 2015); "squared" is what Dopamine's later agents use.
    """
    targets = q_learning_targets(online, target, batch, double)
    q = online(batch.observations).gather(1, batch.actions.unsqueeze(1)).squeeze(1)
    error = F.huber_loss(q, targets) if loss == "huber" else F.mse_loss(q, targets)
    return error, q.detach().mean()
