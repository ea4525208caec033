"""A return as probabilities of fixed values, C51 (Bellemare, Dabney and Munos 2017)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from rlkit_agents.dqn.losses import chosen


def project(atoms: Tensor, probabilities: Tensor, support: Tensor) -> Tensor:
    """Share the probability of each atom between its two neighbours on an even support, the nearer gets more.

    Args:
        atoms: (B, K) values; those beyond the support count as its ends.
        probabilities: (B, K) of these.
        support: (S,) increasing by equal steps.

    Returns:
        (B, S) probabilities on the support.
    """
    step = (support[-1] - support[0]) / (len(support) - 1)
    distance = (atoms.clamp(support[0], support[-1]).unsqueeze(1) - support.unsqueeze(1)).abs()  # (B, S, K)
    shares = (1 - distance / step).clamp(min=0)
    return (shares * probabilities.unsqueeze(1)).sum(dim=2)


def categorical_targets(
    r_t: Tensor, discount_t: Tensor, logits_t: Tensor, selector_q_t: Tensor, support: Tensor
) -> Tensor:
    """Probabilities that the online network should give the support: (B, K).

    Args:
        r_t: (B,).
        discount_t: (B,).
        logits_t: (B, A, K) of the target network at the state reached.
        selector_q_t: (B, A) by what the action is chosen there.
        support: (K,) the values.
    """
    probabilities = F.softmax(chosen(logits_t, selector_q_t.argmax(dim=1)), dim=1)
    atoms = r_t.unsqueeze(1) + discount_t.unsqueeze(1) * support
    return project(atoms, probabilities, support)


def categorical_loss(logits_tm1: Tensor, a_tm1: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy between target and predicted probabilities: (B, A, K), (B,) and (B, K) -> (B,)."""
    return -(targets * F.log_softmax(chosen(logits_tm1, a_tm1), dim=1)).sum(dim=1)


def divergence(losses: Tensor, targets: Tensor) -> Tensor:
    """Kullback-Leibler divergence from cross entropies, (B,): what Rainbow takes as priority (Hessel et al. 2018)."""
    entropies: Tensor = torch.special.entr(targets).sum(dim=1)
    return (losses - entropies).clamp(min=0)
