"""A replay buffer that stores every frame once, and respects episode ends in n-step returns and frame stacks.

All environments write into one ring buffer of rows. A row holds one frame of each leaf, the action, the reward and the
discount. Rows of one episode are linked by offsets, since rows of other environments lie between them. The last
observation of an episode takes a row of its own, without an action.

Rows never change once written: a checkpoint saves only the rows written since the one before.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit.replay.interface import Batch, Rows, Transitions
from rlkit.replay.prioritized import Priorities, SumTree
from rlkit.replay.storage import frames_bytes, frames_in_memory, frames_on_disk, gather, stack_rows
from rlkit.spaces import Leaf, Observations
from rlkit.utils.jit import kernel
from rlkit.utils.state_check import check_state

NO_ACTION = -1
EMPTY = "the replay buffer holds no complete transition yet"


class ReplayBuffer:
    """The last `capacity` steps of N environments, sampled uniformly or by priority.

    Args:
        leaves: Leaves of an observation; of stacked images only the newest frame is stored.
        capacity: Number of rows: one per step, and one per end of an episode.
        num_envs: N.
        n_step: Number of rewards summed before bootstrapping (Sutton 1988).
        gamma: Discount per step.
        generator: Randomness of sampling.
        num_actions: Number of actions, against which restored rows are checked; None for no check.
        per_alpha: Exponent alpha of prioritized replay (Schaul et al. 2016); 0 samples uniformly.
        on_disk: Whether frames are stored in a temporary file instead of in memory.

    Attributes:
        n_step: May be changed at any time; applies to the next samples.
        arguments: All but the generator, to make another one like it.

    Raises:
        UserError: The disk is too small for the frames.
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
        num_actions: int | None = None,
        per_alpha: float = 0.0,
        on_disk: bool = False,
    ):
        self.arguments: dict[str, Any] = {
            "leaves": dict(leaves),
            "capacity": capacity,
            "num_envs": num_envs,
            "n_step": n_step,
            "gamma": gamma,
            "num_actions": num_actions,
            "per_alpha": per_alpha,
            "on_disk": on_disk,
        }
        if capacity < 2 * num_envs:
            raise ValueError(f"capacity = {capacity} is too small for {num_envs} environments: at least two rows each")
        self.leaves = dict(leaves)
        self.capacity = capacity
        self.n_step = n_step
        self.gamma = np.float32(gamma)
        self.generator = generator
        self.num_actions = num_actions
        self.written = 0  # rows ever written; row r is stored at index r % capacity

        self._frames = (frames_on_disk if on_disk else frames_in_memory)(self.leaves, capacity)
        self._actions = np.zeros(capacity, dtype=np.int32)
        self._rewards = np.zeros(capacity, dtype=np.float32)
        self._discounts = np.zeros(capacity, dtype=np.float32)  # 0 at a termination, else 1
        self._back = np.zeros(capacity, dtype=np.int32)  # offset to the previous row of the episode; 0 at its start
        self._ahead = np.zeros(capacity, dtype=np.int32)  # offset to the next row of the episode; 0 while there is none
        self._last = np.full(num_envs, -1, dtype=np.int64)  # newest row of each running episode; -1 for none
        self._priorities = Priorities(capacity, per_alpha) if per_alpha > 0 else None
        self._max_stack = max(leaf.stack for leaf in self.leaves.values())

    @staticmethod
    def memory_estimate(
        leaves: Mapping[str, Leaf], capacity: int, *, per_alpha: float = 0.0, on_disk: bool = False
    ) -> int:
        """Bytes of memory of a full buffer; frames on disk count as none, since their pages can be reclaimed."""
        frames = 0 if on_disk else frames_bytes(leaves, capacity)
        priorities = SumTree.memory_estimate(capacity) if per_alpha > 0 else 0
        return frames + priorities + capacity * 5 * 4

    @property
    def oldest(self) -> int:
        """The first row that has not been overwritten."""
        return max(0, self.written - self.capacity)

    def __len__(self) -> int:
        return self.written - self.oldest

    def can_sample(self) -> bool:
        """Whether any complete transition is stored; reads every row."""
        if self._priorities is not None:
            return self._priorities.any()
        return bool(self._can_be_sampled(np.arange(self.oldest, self.written)).any())

    # ------------------------------------------------------------------------------------------------------- writing

    def add(self, transitions: Transitions, envs: npt.NDArray[np.int64] | None = None) -> Rows:
        """Store one step of some environments; it can be sampled once the next step is stored too.

        Of a lost step only the observation is stored, as the last one of its episode.

        Args:
            transitions: Of images, only the newest frame of a stack is read.
            envs: (n,) their numbers, from 0 to N - 1; None for all.

        Returns:
            (n,) the rows of the steps.
        """
        envs = np.arange(len(transitions.actions)) if envs is None else envs
        discounts = np.where(transitions.terminated, 0, 1)
        lost = np.zeros(len(envs), dtype=np.bool_) if transitions.lost is None else transitions.lost
        actions = np.where(lost, NO_ACTION, transitions.actions)
        rows = self.written + np.arange(len(envs))
        self._append(envs, transitions.observations, actions, transitions.rewards, discounts)
        self._last[envs[lost]] = -1
        ended = np.flatnonzero((transitions.terminated | transitions.truncated) & ~lost)
        if len(ended):
            last = {name: leaf[ended] for name, leaf in transitions.next_observations.items()}
            zeros = np.zeros(len(ended))
            self._append(envs[ended], last, np.full(len(ended), NO_ACTION), zeros, zeros)
            self._last[envs[ended]] = -1
        return rows

    def _append(
        self,
        envs: npt.NDArray[np.int64],
        observations: Observations,
        actions: npt.NDArray[np.int64],
        rewards: npt.NDArray[np.floating],
        discounts: npt.NDArray[np.number],
    ) -> None:
        rows = self.written + np.arange(len(envs))
        indices = rows % self.capacity
        overwritten = rows - self.capacity
        incomplete = self._followers(overwritten[overwritten >= 0]) if self._priorities is not None else rows[:0]
        for leaf in self.leaves.values():
            newest = observations[leaf.name][..., -leaf.frame_shape[-1] :]
            self._frames[leaf.name][indices] = newest
        self._actions[indices] = actions
        self._rewards[indices] = rewards
        self._discounts[indices] = discounts
        previous = self._last[envs]
        complete = self._link(rows, np.where(previous >= 0, rows - previous, 0))
        self._last[envs] = rows
        self.written += len(envs)
        if self._priorities is not None:
            self._priorities.clear(np.concatenate([rows, incomplete]) % self.capacity)
            self._priorities.insert(complete[self._can_be_sampled(complete)] % self.capacity)

    def _followers(self, rows: Rows) -> Rows:
        """The rows whose frame stacks contain a frame of `rows`."""
        found = [rows[:0]]
        for _ in range(self._max_stack - 1):
            ahead = self._ahead[rows % self.capacity]
            rows = (rows + ahead)[ahead > 0]
            found.append(rows)
        return np.concatenate(found)

    def _link(self, rows: Rows, back: npt.NDArray[np.integer]) -> Rows:
        """Link new rows to their predecessors, unless they have overwritten them.

        Returns:
            The predecessors, which have successors now.
        """
        indices = rows % self.capacity
        self._back[indices] = back
        self._ahead[indices] = 0
        stored = (back > 0) & (rows - back > rows[-1] - self.capacity)
        complete: Rows = (rows - back)[stored]
        self._ahead[complete % self.capacity] = back[stored]
        return complete

    def cut(self, envs: npt.NDArray[np.int64] | None = None) -> None:
        """End the running episodes of some environments, or of all, unfinished: the next steps are of new episodes."""
        self._last[slice(None) if envs is None else envs] = -1

    # ------------------------------------------------------------------------------------------------------ sampling

    def sample(self, batch_size: int, per_beta: float = 0.0) -> Batch[npt.NDArray[Any]]:
        """Sample transitions with replacement; 0.17 ms for 256 transitions of 24×24 pixels.

        Args:
            batch_size: B.
            per_beta: Exponent beta of the importance weights (Schaul et al. 2016).

        Raises:
            ValueError: No transition is complete yet.
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
        """Set the priorities of sampled transitions from their new TD errors; no-op for uniform sampling.

        Args:
            rows: (B,), of a `Batch`; rows that have been overwritten since are ignored.
            errors: (B,) TD errors, of either sign.

        Raises:
            ValueError: An error is not finite.
        """
        if self._priorities is None:
            return
        if not np.isfinite(errors).all():
            raise ValueError("a TD error is not finite")
        stored = rows >= self.oldest
        self._priorities.update(rows[stored] % self.capacity, errors[stored])

    def probability(self, rows: Rows) -> float:
        """Probability of the least likely of some sampled rows; prioritized sampling only."""
        assert self._priorities is not None
        return self._priorities.probability(rows % self.capacity)

    def _draw(self, batch_size: int, per_beta: float) -> tuple[Rows, npt.NDArray[np.float32]]:
        """Rows to sample, and their importance weights."""
        if self._priorities is None:
            return self._draw_uniformly(batch_size), np.ones(batch_size, dtype=np.float32)
        if not self._priorities.any():
            raise ValueError(EMPTY)
        indices = self._priorities.draw(batch_size, self.generator)
        newest = self.written - 1
        return newest - (newest - indices) % self.capacity, self._priorities.weights(indices, per_beta)

    def _draw_uniformly(self, batch_size: int) -> Rows:
        """Rejection sampling: nearly all rows can be sampled, so that few rounds suffice."""
        rows = np.empty(0, dtype=np.int64)
        for _ in range(1000):
            candidates = self.generator.integers(self.oldest, max(self.written, 1), size=batch_size)
            rows = np.concatenate([rows, candidates[self._can_be_sampled(candidates)]])
            if len(rows) >= batch_size:
                return rows[:batch_size]
        raise ValueError(EMPTY)

    def _can_be_sampled(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Whether each row has an action, a successor, and all frames of its stack."""
        indices = rows % self.capacity
        possible: npt.NDArray[np.bool_] = (self._actions[indices] != NO_ACTION) & (self._ahead[indices] > 0)
        if self._max_stack > 1 and self.oldest > 0:
            possible &= stack_rows(rows, self._max_stack, self.oldest, self._back)[:, 0] >= self.oldest
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
        """The dtype of a saved row: what cannot be derived from other rows."""
        frames = [(leaf.name, leaf.dtype, leaf.frame_shape) for leaf in self.leaves.values()]
        return np.dtype([*frames, ("action", "<i4"), ("reward", "<f4"), ("discount", "<f4"), ("back", "<i4")])

    def rows(self, start: int, stop: int) -> npt.NDArray[np.void]:
        """A copy of the rows [start, stop), which must still be stored, for saving."""
        indices = np.arange(start, stop) % self.capacity
        saved = np.empty(len(indices), dtype=self.row_dtype)
        for name, frames in self._frames.items():
            saved[name] = frames[indices]
        saved["action"] = self._actions[indices]
        saved["reward"] = self._rewards[indices]
        saved["discount"] = self._discounts[indices]
        saved["back"] = self._back[indices]
        return saved

    def restore_rows(self, start: int, saved: npt.NDArray[np.void]) -> None:
        """Write rows that `rows` returned back to their place; call it in the order of the rows.

        Raises:
            ValueError: They hold values that no buffer writes.
        """
        rows = start + np.arange(len(saved))
        self._check_rows(rows, saved)
        indices = rows % self.capacity
        for name, frames in self._frames.items():
            frames[indices] = saved[name]
        self._actions[indices] = saved["action"]
        self._rewards[indices] = saved["reward"]
        self._discounts[indices] = saved["discount"]
        self._link(rows, saved["back"])
        self.written = start + len(saved)

    def _check_rows(self, rows: Rows, saved: npt.NDArray[np.void]) -> None:
        actions, back, discounts = saved["action"], saved["back"], saved["discount"]
        if (actions < NO_ACTION).any() or (self.num_actions is not None and (actions >= self.num_actions).any()):
            raise ValueError("the replay buffer holds an action that does not exist")
        if (back < 0).any() or (back > rows).any():
            raise ValueError("the replay buffer holds an offset that leads out of it")
        floats = [name for name, frames in self._frames.items() if frames.dtype.kind == "f"]
        if not all(np.isfinite(saved[name]).all() for name in floats):
            raise ValueError("the replay buffer holds an observation that is not finite")
        if not np.isfinite(saved["reward"]).all() or not np.isin(discounts, (0.0, 1.0)).all():
            raise ValueError("the replay buffer holds a reward that is not finite, or a discount other than 0 and 1")

    def state(self) -> dict[str, Any]:
        """Everything except the rows that exact resumption needs."""
        state = {
            "written": self.written,
            "last": self._last.tolist(),
            "generator": self.generator.bit_generator.state,
        }
        return state if self._priorities is None else state | {"priorities": self._priorities.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`, after the rows were restored.

        Raises:
            ValueError: It is not of such a buffer.
        """
        check_state(state, self.state() | ({} if self._priorities is None else {"priorities": {}}), "replay")
        if state["written"] != self.written:
            raise ValueError(f"{self.written} rows of the replay buffer were restored, {state['written']} were saved")
        last = np.array(state["last"], dtype=np.int64)
        if ((last < -1) | (last >= max(self.written, 1))).any():
            raise ValueError("the replay buffer's newest rows lie outside of it")
        self._last[:] = last
        self.generator.bit_generator.state = state["generator"]
        if self._priorities is not None:
            self._priorities.load_state(state["priorities"])
            rows = self.written - 1 - (self.written - 1 - self._priorities.positive()) % self.capacity
            if (rows < self.oldest).any() or not self._can_be_sampled(rows).all():
                raise ValueError("the replay buffer gives a priority to a row that cannot be sampled")


@kernel
def n_step_returns(
    rows: Rows,
    n_step: int,
    gamma: np.float32,
    actions: npt.NDArray[np.int32],
    rewards: npt.NDArray[np.float32],
    discounts: npt.NDArray[np.float32],
    ahead: npt.NDArray[np.int32],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], Rows]:
    """Sum up to n discounted rewards from each row on, until the episode or the stored rows end.

    Args:
        rows: (B,), each with an action and a successor.
        n_step: n, at least 1.
        gamma: Discount per step.
        actions: (capacity,), `NO_ACTION` in the row of an episode's last observation.
        rewards: (capacity,).
        discounts: (capacity,), 0 at a termination, else 1.
        ahead: (capacity,), offset to the next row of the episode; 0 while there is none.

    Returns:
        (B,) returns, (B,) discounts of the value of the state reached, (B,) row of that state.
    """
    capacity = len(actions)
    returns = np.zeros(len(rows), dtype=np.float32)
    discount = np.ones(len(rows), dtype=np.float32)
    reached = rows.copy()
    for b in range(len(rows)):
        index = reached[b] % capacity
        for _ in range(n_step):
            returns[b] += discount[b] * rewards[index]
            discount[b] *= gamma * discounts[index]
            reached[b] += ahead[index]
            index = reached[b] % capacity
            if discount[b] == 0 or actions[index] == NO_ACTION or ahead[index] == 0:
                break
    return returns, discount, reached
