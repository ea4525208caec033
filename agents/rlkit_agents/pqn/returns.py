"""What the values of a rollout should have been."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


def lambda_returns(
    rewards: Floats, next_values: Floats, terminated: Flags, truncated: Flags, gamma: float, trace: float
) -> Floats:
    """Q(lambda) targets (Peng and Williams 1994; Daley and Amato 2019), worked out backwards from the end of a rollout.

    R_t = r_t+1 + gamma ((1 - lambda) max_a Q(s_t+1, a) + lambda R_t+1), where R_T is max_a Q(s_T, a). After a true end
    nothing follows; at a limit the episode's last state is valued and the trace is cut.

    Args:
        rewards: (T, N) r_t+1.
        next_values: (T, N) max_a Q(s_t+1, a), of the real last observation where an episode ended.
        terminated: (T, N) whether s_t+1 is a true end.
        truncated: (T, N) whether a limit cut the episode at s_t+1.
        gamma: Discount.
        trace: lambda.

    Returns:
        (T, N) R_t.
    """
    returns = np.empty_like(rewards)
    following = next_values[-1]
    for t in reversed(range(len(rewards))):
        mixed = (1 - trace) * next_values[t] + trace * following
        value = np.where(truncated[t], next_values[t], mixed)
        returns[t] = rewards[t] + gamma * np.where(terminated[t], 0.0, value)
        following = returns[t]
    return returns
