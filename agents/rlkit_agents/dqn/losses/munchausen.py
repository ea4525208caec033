"""Rewards for what the policy was sure of, Munchausen reinforcement learning (Vieillard, Pietquin and Geist 2020)."""

import torch.nn.functional as F
from torch import Tensor

from rlkit_agents.dqn.losses import chosen


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
