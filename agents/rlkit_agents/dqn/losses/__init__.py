"""What the DQN family minimises: pure functions of tensors, one file per paper.

Names follow time, as in DeepMind's papers: after acting with `a_tm1` in a state of value `q_tm1` (B, A) came the reward
`r_t` (B,), and `discount_t` (B,) says what the value `q_t` (B, A) of the state reached counts: 0 after a true end. With
n-step returns `r_t` sums n rewards and `discount_t` is gamma to the n. A trailing K are the atoms or quantiles.
"""

from torch import Tensor


def chosen(values: Tensor, actions: Tensor) -> Tensor:
    """What belongs to one action of each sample: (B, A, K) and (B,) int64 -> (B, K); (B, A) -> (B,)."""
    index = actions.view(-1, 1, *[1] * (values.dim() - 2)).expand(-1, 1, *values.shape[2:])
    return values.gather(1, index).squeeze(1)
