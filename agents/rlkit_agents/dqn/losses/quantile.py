"""A return as quantiles: QR-DQN (Dabney et al. 2018a) and IQN (Dabney et al. 2018b)."""

import torch
from torch import Tensor


def midpoints(count: int, device: torch.device | str = "cpu") -> Tensor:
    """The fractions that stand for `count` even slices of a distribution, (K,): 1/2K, 3/2K and so on."""
    return (torch.arange(count, dtype=torch.float32, device=device) + 0.5) / count


def quantile_huber_loss(z_tm1: Tensor, fractions: Tensor, targets: Tensor, kappa: float) -> Tensor:
    """Quantile regression with Huber's error: summed over the quantiles learned, averaged over targets.

    A quantile at fraction t is pulled up with weight t by targets above it and down with weight 1 - t by those below,
    and rests where a share t of the targets lies below (equations 9 and 10 of the first paper, 3 of the second).

    Args:
        z_tm1: (B, K) quantiles of the action that was taken.
        fractions: (B, K) or (K,) which quantiles they are.
        targets: (B, J) samples of the return.
        kappa: Up to which error it is squared; 0 for none, which is plain quantile regression.

    Returns:
        (B,).
    """
    error = targets.unsqueeze(1) - z_tm1.unsqueeze(2)  # (B, K, J)
    size = error.abs()
    if kappa > 0:
        size = torch.where(size <= kappa, 0.5 * error.square(), kappa * (size - 0.5 * kappa)) / kappa
    weight = (fractions.unsqueeze(-1) - (error.detach() < 0).to(error.dtype)).abs()
    return (weight * size).mean(dim=2).sum(dim=1)
