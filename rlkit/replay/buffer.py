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

from rlkit.replay.n_step import NO_ACTION, n_step_returns, stack_rows
from rlkit.replay.prioritized import Priorities, SumTree
from rlkit.replay.storage import frames_bytes, frames_in_memory, frames_on_disk, gather
from rlkit.spaces import Leaf, Observations

Rows = npt.NDArray[np.int64]
NOTHING_YET = "the replay buffer holds no complete transition yet"


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
        weights: (B,) float32, how much each counts, at most 1: less for what is drawn more often than others
            (importance weights, Schaul et al. 2016); ones where all are drawn alike.
    """

    observations: Observations
    actions: npt.NDArray[np.int64]
    returns: npt.NDArray[np.float32]
    discounts: npt.NDArray[np.float32]
    next_observations: Observations
    rows: Rows
    weights: npt.NDArray[np.float32]


class ReplayBuffer:
    """The last `capacity` steps of N environments, sampled uniformly or by priority.

    Args:
        leaves: What an observation consists of; pictures may be stacks, of which only the newest frame is stored.
        capacity: How many rows to keep: one a step, and one for the end of each episode.
        num_envs: How many environments write.
        n_step: Over how many steps rewards are summed before bootstrapping (Sutton 1988).
        gamma: Discount per step.
        generator: Where the randomness of sampling comes from.
        per_alpha: How much more often transitions of large TD error are drawn: alpha of Schaul et al. 2016;
            0 draws all alike.
        on_disk: Whether frames lie in a temporary file instead of in memory.

    Attributes:
        n_step: May be changed at any time; it counts for the samples that follow.

    Raises:
        UserError: If they are to lie on a disk that is too small.
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
        per_alpha: float = 0.0,
        on_disk: bool = False,
    ):
        if capacity < 2 * num_envs:
            raise ValueError(f"a buffer of {capacity} rows is too small for {num_envs} environments")
        self.leaves = dict(leaves)
        self.capacity = capacity
        self.n_step = n_step
        self.gamma = np.float32(gamma)
        self.generator = generator
        self.written = 0  # rows ever written; row r of these stands at r % capacity

        self._frames = (frames_on_disk if on_disk else frames_in_memory)(self.leaves, capacity)
        self._actions = np.zeros(capacity, dtype=np.int32)
        self._rewards = np.zeros(capacity, dtype=np.float32)
        self._discounts = np.zeros(capacity, dtype=np.float32)  # 0 where the episode truly ended, else 1
        self._back = np.zeros(capacity, dtype=np.int32)  # rows back to the previous one of the episode; 0 at its start
        self._ahead = np.zeros(capacity, dtype=np.int32)  # rows on to the next one; 0 while there is none
        self._last = np.full(num_envs, -1, dtype=np.int64)  # newest row of each running episode; -1 for none
        self._priorities = Priorities(capacity, per_alpha) if per_alpha > 0 else None
        self._deepest = max(leaf.stack for leaf in self.leaves.values())

    @staticmethod
    def memory_estimate(
        leaves: Mapping[str, Leaf], capacity: int, *, per_alpha: float = 0.0, on_disk: bool = False
    ) -> int:
        """Bytes of memory that a full buffer takes; what lies on disk takes none that is not given back when needed."""
        frames = 0 if on_disk else frames_bytes(leaves, capacity)
        priorities = SumTree.memory_estimate(capacity) if per_alpha > 0 else 0
        return frames + priorities + capacity * 5 * 4

    @staticmethod
    def disk_estimate(leaves: Mapping[str, Leaf], capacity: int) -> int:
        """Bytes of disk that the frames take where they lie there."""
        return frames_bytes(leaves, capacity)

    @property
    def oldest(self) -> int:
        """The first row that has not been overwritten."""
        return max(0, self.written - self.capacity)

    def __len__(self) -> int:
        return self.written - self.oldest

    def can_sample(self) -> bool:
        """Whether there is a complete transition yet; looks at every row."""
        if self._priorities is not None:
            return bool(self._priorities.any())
        return bool(self._can_be_sampled(np.arange(self.oldest, self.written)).any())

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
        overwritten = rows - self.capacity
        incomplete = self._followers(overwritten[overwritten >= 0]) if self._priorities is not None else rows[:0]
        for leaf in self.leaves.values():
            newest = observations[leaf.name][..., -leaf.frame_shape[-1] :]
            self._frames[leaf.name][places] = newest
        self._actions[places] = actions
        self._rewards[places] = rewards
        self._discounts[places] = discounts
        previous = self._last[envs]
        complete = self._link(rows, np.where(previous >= 0, rows - previous, 0))
        self._last[envs] = rows
        self.written += len(envs)
        if self._priorities is not None:
            self._priorities.clear(np.concatenate([rows, incomplete]) % self.capacity)
            self._priorities.welcome(complete[self._can_be_sampled(complete)] % self.capacity)

    def _followers(self, rows: Rows) -> Rows:
        """The rows whose stacks show the frame of one of these."""
        found = [rows[:0]]
        for _ in range(self._deepest - 1):
            ahead = self._ahead[rows % self.capacity]
            rows = (rows + ahead)[ahead > 0]
            found.append(rows)
        return np.concatenate(found)

    def _link(self, rows: Rows, back: npt.NDArray[np.integer]) -> Rows:
        """Tie rows that were just written to their predecessors, as far as those were not overwritten by them.

        Returns:
            The predecessors: they have successors now.
        """
        places = rows % self.capacity
        self._back[places] = back
        self._ahead[places] = 0
        stored = (back > 0) & (rows - back > rows[-1] - self.capacity)
        complete: Rows = (rows - back)[stored]
        self._ahead[complete % self.capacity] = back[stored]
        return complete

    def cut(self) -> None:
        """Let running episodes end here, unfinished: what is written next belongs to new ones."""
        self._last[:] = -1

    # ------------------------------------------------------------------------------------------------------ sampling

    def sample(self, batch_size: int, per_beta: float = 0.0) -> Batch:
        """Draw transitions, with replacement.

        Costs about 0.17 ms for 256 transitions of 24×24 pixels: nearly all of it is the copying of pictures.

        Args:
            batch_size: B.
            per_beta: How far weights make up for drawing by priority: beta of Schaul et al. 2016.

        Raises:
            ValueError: If nothing can be sampled yet.
        """
        rows, weights = self._draw(batch_size, per_beta)
        returns, discounts, next_rows = n_step_returns(
            rows, self.n_step, self.gamma, self._actions, self._rewards, self._discounts, self._ahead
        )
        return Batch(
            observations=self._gather(rows),
            actions=self._actions[rows % self.capacity].astype(np.int64),
            returns=returns,
            discounts=discounts,
            next_observations=self._gather(next_rows),
            rows=rows,
            weights=weights,
        )

    def update_priorities(self, rows: Rows, errors: npt.NDArray[np.floating]) -> None:
        """Draw sampled transitions by their new TD errors from now on; does nothing where all are drawn alike.

        Args:
            rows: (B,), from a `Batch`; those that have been overwritten since are passed over.
            errors: (B,) TD errors, of either sign.

        Raises:
            ValueError: If an error is not finite: it would be drawn for ever, or never.
        """
        if self._priorities is None:
            return
        if not np.isfinite(errors).all():
            raise ValueError("a TD error is not finite")
        stored = rows >= self.oldest
        self._priorities.update(rows[stored] % self.capacity, errors[stored])

    def _draw(self, batch_size: int, per_beta: float) -> tuple[Rows, npt.NDArray[np.float32]]:
        """Rows to sample, and their weights."""
        if self._priorities is None:
            return self._draw_uniformly(batch_size), np.ones(batch_size, dtype=np.float32)
        if not self._priorities.any():
            raise ValueError(NOTHING_YET)
        places = self._priorities.draw(batch_size, self.generator)
        newest = self.written - 1
        return newest - (newest - places) % self.capacity, self._priorities.weights(places, per_beta)

    def _draw_uniformly(self, batch_size: int) -> Rows:
        rows = np.empty(0, dtype=np.int64)
        for _ in range(1000):  # a handful of rounds: most rows can be sampled
            candidates = self.generator.integers(self.oldest, max(self.written, 1), size=batch_size)
            rows = np.concatenate([rows, candidates[self._can_be_sampled(candidates)]])
            if len(rows) >= batch_size:
                return rows[:batch_size]
        raise ValueError(NOTHING_YET)

    def _can_be_sampled(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Whether each row has an action, a successor, and all the frames of its stack."""
        places = rows % self.capacity
        possible: npt.NDArray[np.bool_] = (self._actions[places] != NO_ACTION) & (self._ahead[places] > 0)
        if self._deepest > 1 and self.oldest > 0:
            possible &= stack_rows(rows, self._deepest, self.oldest, self._back)[:, 0] >= self.oldest
        return possible

    def _gather(self, rows: Rows) -> Observations:
        leaves: Observations = {}
        for leaf in self.leaves.values():
            shown = rows[:, None] if leaf.stack == 1 else stack_rows(rows, leaf.stack, self.oldest, self._back)
            leaves[leaf.name] = gather(self._frames[leaf.name], shown % self.capacity)
        return leaves

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
        state = {
            "written": self.written,
            "last": self._last.tolist(),
            "generator": self.generator.bit_generator.state,
        }
        return state if self._priorities is None else state | {"priorities": self._priorities.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` gave, after the rows were restored."""
        if state["written"] != self.written:
            raise ValueError(f"{self.written} rows of the replay buffer were restored, {state['written']} were saved")
        self._last[:] = state["last"]
        self.generator.bit_generator.state = state["generator"]
        if self._priorities is not None:
            self._priorities.load_state(state["priorities"])
