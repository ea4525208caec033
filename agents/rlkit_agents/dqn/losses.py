"""Losses of the DQN family: pure functions of tensors, in the notation of the papers.

Names follow time, as in DeepMind's papers: after acting with `a_tm1` in a state of value `q_tm1` (B, A) came the
reward `r_t` (B,), and `discount_t` (B,) says what the value `q_t` (B, A) of the state reached counts: 0 after a true
end. With n-step returns `r_t` sums n rewards and `discount_t` is gamma to the n. A trailing K are the atoms or
quantiles.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def chosen(values: Tensor, actions: Tensor) -> Tensor:
    """What belongs to one action of each sample: (B, A, K) and (B,) int64 -> (B, K); (B, A) -> (B,)."""
    index = actions.view(-1, 1, *[1] * (values.dim() - 2)).expand(-1, 1, *values.shape[2:])
    return values.gather(1, index).squeeze(1)


def bootstrap(r_t: Tensor, discount_t: Tensor, z_t: Tensor, selector_q_t: Tensor) -> Tensor:
    """The return to be expected: the rewards, and the discounted value of what `selector_q_t` holds to be best.

    With `selector_q_t` from the target network, as `z_t` is, this is Mnih et al. 2015. From the online network it is
    double Q-learning (van Hasselt et al. 2016): the noise of one network is not both chosen and believed.

    Args:
        r_t: (B,).
        discount_t: (B,).
        z_t: (B, A, K) what the target network thinks of the state reached: a value, or K samples of the return.
        selector_q_t: (B, A) by what the action is chosen there.

    Returns:
        (B, K).
    """
    return r_t.unsqueeze(1) + discount_t.unsqueeze(1) * chosen(z_t, selector_q_t.argmax(dim=1))


def value_loss(q_tm1: Tensor, targets: Tensor, kind: str) -> Tensor:
    """Error of each value, (B,) and (B,) -> (B,).

    Args:
        q_tm1: (B,) value of the action that was taken.
        targets: (B,) what it should be.
        kind: "huber" is half the square up to 1 and linear beyond (Mnih et al. 2015); "squared" is the square, as
            Dopamine's later agents have it (Obando-Ceron and Castro 2021).
    """
    if kind == "huber":
        return F.huber_loss(q_tm1, targets, reduction="none")
    return F.mse_loss(q_tm1, targets, reduction="none")


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


def munchausen_bonus(q_tm1: Tensor, a_tm1: Tensor, scale: float, temperature: float, clip: float) -> Tensor:
    """What is added to the reward: the scaled log-probability of the action taken, within [clip, 0]: (B,).

    Args:
        q_tm1: (B, A) of the target network at the state where it acted.
        a_tm1: (B,) the action.
        scale: α of the paper.
        temperature: τ of the softmax policy.
        clip: The lowest value of τ ln π (l₀).
    """
    log_policy = F.log_softmax(q_tm1 / temperature, dim=1)
    return scale * (temperature * chosen(log_policy, a_tm1)).clamp(min=clip, max=0)


def soft_bootstrap(r_t: Tensor, discount_t: Tensor, z_t: Tensor, q_t: Tensor, temperature: float) -> Tensor:
    """The return when a softmax policy goes on and is rewarded for its entropy: (B, K).

    Args:
        r_t: (B,) rewards, the bonus included. With n-step returns the bonus is that of the first action only.
        discount_t: (B,).
        z_t: (B, A, K) values or samples of the return at the state reached, of the target network.
        q_t: (B, A) their expectations, which make the policy.
        temperature: τ.
    """
    log_policy = F.log_softmax(q_t / temperature, dim=1).unsqueeze(2)
    soft_value = (log_policy.exp() * (z_t - temperature * log_policy)).sum(dim=1)
    return r_t.unsqueeze(1) + discount_t.unsqueeze(1) * soft_value
