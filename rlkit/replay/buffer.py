"""A replay buffer that stores every frame once and cuts n-step returns and frame stacks right at episode ends.

All environments write into one ring of rows. A row holds one frame of each leaf, the action taken on it and what
followed. Rows of one episode are linked by how many rows back the previous one lies, because the rows of other
environments lie in between. An episode's real last observation takes a row of its own, with no action.

Rows never change once written, so a checkpoint only has to save those that came since the one before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit.spaces import Leaf, Observations

Rows = npt.NDArray[np.int64]
NO_ACTION = -1


@dataclass(frozen=True)
class Batch:
    """B sampled n-step transitions, named by time as in the papers.

    Args:
        observations: s_t, every leaf (B, ...).
        actions: (B,) int64, a_t.
        returns: (B,) float32, r_t+1 + gamma r_t+2 + ... over the steps until s_t+k.
        discounts: (B,) float32, gamma^k, or 0 where s_t+k is a true end: what the value of s_t+k is worth at t.
        next_observations: s_t+k; k is n, or less where the episode (or the memory) ends before.
        rows: (B,) where the transitions stand in the buffer.
    """

    observations: Observations
    actions: npt.NDArray[np.int64]
    returns: npt.NDArray[np.float32]
    discounts: npt.NDArray[np.float32]
    next_observations: Observations
    rows: Rows


class ReplayBuffer:
    """The last `capacity` steps of N environments, sampled uniformly.

    Args:
        leaves: What an observation consists of; pictures may be stacks, of which only the newest frame is stored.
        capacity: How many rows to keep: one a step, and one for the end of each episode.
        num_envs: How many environments write.
        n_step: Over how many steps rewards are summed before bootstrapping (Sutton 1988).
        gamma: Discount per step.
        generator: Where the randomness of sampling comes from.
    """

    def __init__(
        self,
        leaves: Mapping[str, Leaf],
        capacity: int,
        num_envs: int,
        *,
        n_step: int,
        gamma: float,
        generator: np.random.Generator,
    ):
        if capacity < 2 * num_envs:
            raise ValueError(f"a buffer of {capacity} rows is too small for {num_envs} environments")
        self.leaves = dict(leaves)
        self.capacity = capacity
        self.n_step = n_step
        self.gamma = np.float32(gamma)
        self.generator = generator
        self.written = 0  # rows ever written; row r of these stands at r % capacity

        # Zeroed pages cost no memory until they are written; `memory_estimate` says beforehand what they will cost.
        self._frames = {
            leaf.name: np.zeros((capacity, *leaf.frame_shape), dtype=leaf.dtype) for leaf in self.leaves.values()
        }
        self._actions = np.zeros(capacity, dtype=np.int32)
        self._rewards = np.zeros(capacity, dtype=np.float32)
        self._discounts = np.zeros(capacity, dtype=np.float32)  # 0 where the episode truly ended, else 1
        self._back = np.zeros(capacity, dtype=np.int32)  # rows back to the previous one of the episode; 0 at its start
        self._ahead = np.zeros(capacity, dtype=np.int32)  # rows on to the next one; 0 while there is none
        self._last = np.full(num_envs, -1, dtype=np.int64)  # newest row of each running episode; -1 for none

    @staticmethod
    def memory_estimate(leaves: Mapping[str, Leaf], capacity: int) -> int:
        """Bytes that a full buffer takes."""
        return capacity * (sum(leaf.frame_bytes for leaf in leaves.values()) + 5 * 4)

    @property
    def oldest(self) -> int:
        """The first row that has not been overwritten."""
        return max(0, self.written - self.capacity)

    def __len__(self) -> int:
        return self.written - self.oldest

    # ------------------------------------------------------------------------------------------------------- writing

    def add(
        self,
        observations: Observations,
        actions: npt.NDArray[np.int64],
        rewards: npt.NDArray[np.float32],
        terminated: npt.NDArray[np.bool_],
        truncated: npt.NDArray[np.bool_],
        next_observations: Observations,
    ) -> None:
        """Store one step of every environment; it can be sampled once its successor is stored, a step later."""
        everyone = np.arange(len(actions))
        self._append(everyone, observations, actions, rewards, np.where(terminated, 0, 1))
        ended = np.flatnonzero(terminated | truncated)
        if len(ended):
            last = {name: leaf[ended] for name, leaf in next_observations.items()}
            self._append(ended, last, np.full(len(ended), NO_ACTION), np.zeros(len(ended)), np.zeros(len(ended)))
            self._last[ended] = -1

    def _append(
        self,
        envs: npt.NDArray[np.int64],
        observations: Observations,
        actions: npt.NDArray[np.int64],
        rewards: npt.NDArray[np.floating],
        discounts: npt.NDArray[np.number],
    ) -> None:
        rows = self.written + np.arange(len(envs))
        places = rows % self.capacity
        for leaf in self.leaves.values():
            newest = observations[leaf.name][..., -leaf.frame_shape[-1] :]
            self._frames[leaf.name][places] = newest
        self._actions[places] = actions
        self._rewards[places] = rewards
        self._discounts[places] = discounts
        previous = self._last[envs]
        self._link(rows, np.where(previous >= 0, rows - previous, 0))
        self._last[envs] = rows
        self.written += len(envs)

    def _link(self, rows: Rows, back: npt.NDArray[np.integer]) -> None:
        """Tie rows that were just written to their predecessors, as far as those were not overwritten by them."""
        places = rows % self.capacity
        self._back[places] = back
        self._ahead[places] = 0
        stored = (back > 0) & (rows - back > rows[-1] - self.capacity)
        self._ahead[(rows - back)[stored] % self.capacity] = back[stored]

    def cut(self) -> None:
        """Let running episodes end here, unfinished: what is written next belongs to new ones."""
        self._last[:] = -1

    # ------------------------------------------------------------------------------------------------------ sampling

    def sample(self, batch_size: int) -> Batch:
        """Draw transitions uniformly, with replacement.

        Costs about 0.15 ms for 256 transitions of 24×24 pixels: one gather per leaf and n rounds over (B,) arrays.

        Raises:
            ValueError: If nothing can be sampled yet.
        """
        rows = self._draw(batch_size)
        returns, discounts, next_rows = self._look_ahead(rows)
        return Batch(
            observations=self._gather(rows),
            actions=self._actions[rows % self.capacity].astype(np.int64),
            returns=returns,
            discounts=discounts,
            next_observations=self._gather(next_rows),
            rows=rows,
        )

    def _draw(self, batch_size: int) -> Rows:
        rows = np.empty(0, dtype=np.int64)
        for _ in range(1000):  # a handful of rounds: most rows can be sampled
            candidates = self.generator.integers(self.oldest, max(self.written, 1), size=batch_size)
            rows = np.concatenate([rows, candidates[self._can_be_sampled(candidates)]])
            if len(rows) >= batch_size:
                return rows[:batch_size]
        raise ValueError("the replay buffer holds no complete transition yet")

    def _can_be_sampled(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Whether each row has an action, a successor, and all the frames of its stack."""
        places = rows % self.capacity
        possible: npt.NDArray[np.bool_] = (self._actions[places] != NO_ACTION) & (self._ahead[places] > 0)
        deepest = max(leaf.stack for leaf in self.leaves.values())
        if deepest > 1 and self.oldest > 0:
            possible &= self._stack_rows(rows, deepest)[:, 0] >= self.oldest
        return possible

    def _look_ahead(self, rows: Rows) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], Rows]:
        """Sum up to n rewards from each row on; return the sums, what the state reached is worth, and its row."""
        returns = np.zeros(len(rows), dtype=np.float32)
        discounts = np.ones(len(rows), dtype=np.float32)
        rows = rows.copy()
        going = np.ones(len(rows), dtype=np.bool_)
        for _ in range(self.n_step):
            places = rows % self.capacity
            returns += np.where(going, discounts * self._rewards[places], 0)
            discounts *= np.where(going, self.gamma * self._discounts[places], 1)
            rows += np.where(going, self._ahead[places], 0)
            places = rows % self.capacity
            going &= (discounts > 0) & (self._actions[places] != NO_ACTION) & (self._ahead[places] > 0)
        return returns, discounts, rows

    def _gather(self, rows: Rows) -> Observations:
        return {leaf.name: self._gather_leaf(leaf, rows) for leaf in self.leaves.values()}

    def _gather_leaf(self, leaf: Leaf, rows: Rows) -> npt.NDArray[np.generic]:
        frames = self._frames[leaf.name]
        if leaf.stack == 1:
            return np.take(frames, rows % self.capacity, axis=0)
        stacked = np.take(frames, self._stack_rows(rows, leaf.stack) % self.capacity, axis=0)  # (B, S, ..., C)
        return np.moveaxis(stacked, 1, -2).reshape(len(rows), *leaf.shape)

    def _stack_rows(self, rows: Rows, stack: int) -> npt.NDArray[np.int64]:
        """(B, S) rows of each stack, oldest first; an episode's first frame stands for those before it."""
        columns = [rows]
        for _ in range(stack - 1):
            rows = rows - np.where(rows >= self.oldest, self._back[rows % self.capacity], 0)
            columns.append(rows)
        return np.stack(columns[::-1], axis=1)

    # -------------------------------------------------------------------------------------------------------- saving

    @property
    def row_dtype(self) -> np.dtype[np.void]:
        """The type of a saved row: what cannot be worked out from other rows."""
        frames = [(leaf.name, leaf.dtype, leaf.frame_shape) for leaf in self.leaves.values()]
        return np.dtype([*frames, ("action", "<i4"), ("reward", "<f4"), ("discount", "<f4"), ("back", "<i4")])

    def rows(self, start: int, stop: int) -> npt.NDArray[np.void]:
        """Copy the rows [start, stop), which must still be stored, for saving."""
        places = np.arange(start, stop) % self.capacity
        saved = np.empty(len(places), dtype=self.row_dtype)
        for name, frames in self._frames.items():
            saved[name] = frames[places]
        saved["action"] = self._actions[places]
        saved["reward"] = self._rewards[places]
        saved["discount"] = self._discounts[places]
        saved["back"] = self._back[places]
        return saved

    def restore_rows(self, start: int, saved: npt.NDArray[np.void]) -> None:
        """Write rows that `rows` gave back to where they stood; call it in the order of the rows."""
        rows = start + np.arange(len(saved))
        places = rows % self.capacity
        for name, frames in self._frames.items():
            frames[places] = saved[name]
        self._actions[places] = saved["action"]
        self._rewards[places] = saved["reward"]
        self._discounts[places] = saved["discount"]
        self._link(rows, saved["back"])
        self.written = start + len(saved)

    def state(self) -> dict[str, Any]:
        """What is needed beside the rows to continue exactly."""
        return {
            "written": self.written,
            "last": self._last.tolist(),
            "generator": self.generator.bit_generator.state,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` gave, after the rows were restored."""
        if state["written"] != self.written:
            raise ValueError(f"{self.written} rows of the replay buffer were restored, {state['written']} were saved")
        self._last[:] = state["last"]
        self.generator.bit_generator.state = state["generator"]
