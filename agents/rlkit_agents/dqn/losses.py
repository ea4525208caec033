"""Losses of the DQN family: pure functions of tensors, in the notation of the papers.

B transitions, A actions, K outputs per action (atoms or quantiles). Index tm1 is the state acted in, t the state
reached.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def value_loss(q_tm1: Tensor, targets: Tensor, kind: str) -> Tensor:
    """Error of each value, (B,) and (B,) -> (B,).

    Args:
        q_tm1: (B,) values of the actions taken.
        targets: (B,) target values.
        kind: "huber" is half the square up to 1 and linear beyond (Mnih et al. 2015); "squared" is the square
            (Obando-Ceron and Castro 2021).
    """
    if kind == "huber":
        return F.huber_loss(q_tm1, targets, reduction="none")
    return F.mse_loss(q_tm1, targets, reduction="none")


def project(atoms: Tensor, probabilities: Tensor, support: Tensor) -> Tensor:
    """Project a distribution onto an evenly spaced support (Bellemare et al. 2017, algorithm 1).

    Args:
        atoms: (B, K) values, clipped to the range of the support.
        probabilities: (B, K) of the atoms; each is split linearly between the two neighbours on the support.
        support: (S,) increasing by equal steps.

    Returns:
        (B, S) probabilities on the support.
    """
    step = (support[-1] - support[0]) / (len(support) - 1)
    distance = (atoms.clamp(support[0], support[-1]).unsqueeze(1) - support.unsqueeze(1)).abs()  # (B, S, K)
    shares = (1 - distance / step).clamp(min=0)
    return (shares * probabilities.unsqueeze(1)).sum(dim=2)


def cross_entropy(logits_tm1: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy between target and predicted probabilities: (B, K) logits and (B, K) -> (B,)."""
    return -(targets * F.log_softmax(logits_tm1, dim=1)).sum(dim=1)


def kl_divergence(losses: Tensor, targets: Tensor) -> Tensor:
    """Kullback-Leibler divergence from cross entropies: (B,) losses and (B, K) targets -> (B,)."""
    entropies: Tensor = torch.special.entr(targets).sum(dim=1)
    return (losses - entropies).clamp(min=0)


def midpoints(count: int, device: torch.device | str = "cpu") -> Tensor:
    """The quantile fractions in the middle of K equal intervals of [0, 1], (K,): 1/2K, 3/2K and so on."""
    return (torch.arange(count, dtype=torch.float32, device=device) + 0.5) / count


def quantile_huber_loss(z_tm1: Tensor, fractions: Tensor, targets: Tensor, kappa: float) -> Tensor:
    """Quantile regression with the Huber loss (Dabney et al. 2018a, equations 9 and 10; 2018b, equation 3).

    Summed over the predicted quantiles, averaged over the targets.

    Args:
        z_tm1: (B, K) predicted quantiles of the actions taken.
        fractions: (B, K) or (K,) quantile fractions of these.
        targets: (B, J) samples or quantiles of the target distribution.
        kappa: Error up to which the loss is quadratic; 0 for plain quantile regression.

    Returns:
        (B,).
    """
    error = targets.unsqueeze(1) - z_tm1.unsqueeze(2)  # (B, K, J)
    size = error.abs()
    if kappa > 0:
        size = torch.where(size <= kappa, 0.5 * error.square(), kappa * (size - 0.5 * kappa)) / kappa
    weight = (fractions.unsqueeze(-1) - (error.detach() < 0).to(error.dtype)).abs()
    return (weight * size).mean(dim=2).sum(dim=1)
