"""Following the links from row to row of an episode, forwards for n-step returns and backwards for frame stacks.

Compiled: in numpy each step along the links is a dozen calls on arrays of a batch's length, which takes a tenth of the
time of a small network's gradient step.
"""

import numpy as np
import numpy.typing as npt

from rlkit.utils.jit import kernel

NO_ACTION = -1


@kernel
def n_step_returns(
    rows: npt.NDArray[np.int64],
    n_step: int,
    gamma: np.float32,
    actions: npt.NDArray[np.int32],
    rewards: npt.NDArray[np.float32],
    discounts: npt.NDArray[np.float32],
    ahead: npt.NDArray[np.int32],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Sum up to n rewards from each of B rows on, until the episode or the memory ends.

    Args:
        rows: (B,), each with an action and a successor.
        n_step: n, at least 1.
        gamma: Discount per step.
        actions: (capacity,), `NO_ACTION` in the row of an episode's last observation.
        rewards: (capacity,).
        discounts: (capacity,), 0 where the episode truly ended, else 1.
        ahead: (capacity,), rows on to the next one of the episode; 0 while there is none.

    Returns:
        (B,) sums of rewards, (B,) what the value of the state reached is worth, (B,) the row of that state.
    """
    capacity = len(actions)
    returns = np.zeros(len(rows), dtype=np.float32)
    worth = np.ones(len(rows), dtype=np.float32)
    reached = rows.copy()
    for index in range(len(rows)):
        place = reached[index] % capacity
        for _ in range(n_step):
            returns[index] += worth[index] * rewards[place]
            worth[index] *= gamma * discounts[place]
            reached[index] += ahead[place]
            place = reached[index] % capacity
            if worth[index] == 0 or actions[place] == NO_ACTION or ahead[place] == 0:
                break
    return returns, worth, reached


@kernel
def stack_rows(
    rows: npt.NDArray[np.int64], stack: int, oldest: int, back: npt.NDArray[np.int32]
) -> npt.NDArray[np.int64]:
    """The rows of the frames that lie behind each of B rows; an episode's first frame stands for those before it.

    Args:
        rows: (B,).
        stack: S, how many frames an observation shows.
        oldest: The first row that is still stored; a row before it is given where a stack reaches beyond.
        back: (capacity,), rows back to the previous one of the episode; 0 at its start.

    Returns:
        (B, S) rows, oldest first.
    """
    capacity = len(back)
    stacked = np.empty((len(rows), stack), dtype=np.int64)
    for index in range(len(rows)):
        row = rows[index]
        for column in range(stack - 1, -1, -1):
            stacked[index, column] = row
            if row >= oldest:
                row -= back[row % capacity]
    return stacked
