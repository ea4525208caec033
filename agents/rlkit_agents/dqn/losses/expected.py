"""Expected returns: the error of Q-learning (Watkins 1989) as deep Q-networks minimise it (Mnih et al. 2015)."""

import torch.nn.functional as F
from torch import Tensor

from rlkit_agents.dqn.losses import chosen


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
