"""A replay buffer in a process of its own, a Ray actor (Ape-X, Horgan et al. 2018): actors add, the learner samples."""

import os
import zlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit.replay.buffer import ReplayBuffer
from rlkit.replay.interface import Batch, Rows, Transitions
from rlkit.spaces import Leaf, Observations
from rlkit.utils.ray import SILENT, STARTING, load_ray

BLOCK = 4  # batches in an answer: one call of another process takes as long as sampling 256 small transitions

Packed = tuple[bytes, str, tuple[int, ...]]
"""Compressed bytes, dtype and shape of an array."""


class ReplayLost(Exception):  # noqa: N818 - the training that catches it goes on
    """The process of a replay buffer has ended, or its node, or it does not answer."""


def pack(array: npt.NDArray[Any]) -> Packed:
    """Compress an array; 7 kB of an Atari frame take 0.1 ms and become about 1 kB."""
    return zlib.compress(np.ascontiguousarray(array).tobytes(), 1), array.dtype.str, array.shape


def unpack(packed: Packed) -> npt.NDArray[Any]:
    """What `pack` compressed."""
    content, dtype, shape = packed
    return np.frombuffer(zlib.decompress(content), dtype=dtype).reshape(shape)


@dataclass(frozen=True)
class Chunk:
    """T consecutive steps of n environments, as they are sent to the replay buffer.

    Args:
        envs: (n,) numbers of the environments.
        frames: Newest frames (T, n, ...) of s_t by leaf, compressed.
        last_frames: Newest frames (E, ...) of the last observations of the E episodes that ended, in order.
        actions: (T, n).
        rewards: (T, n) float32, as the buffer stores them.
        terminated: (T, n) bool.
        truncated: (T, n) bool.
        lost: (T, n) bool.
        errors: (T, n) TD errors, the first priorities; None for uniform sampling.
        cut: Whether the episodes before the first step have not ended, and never will.
    """

    envs: npt.NDArray[np.int64]
    frames: Mapping[str, Packed]
    last_frames: Mapping[str, Packed]
    actions: npt.NDArray[np.int64]
    rewards: npt.NDArray[np.float32]
    terminated: npt.NDArray[np.bool_]
    truncated: npt.NDArray[np.bool_]
    lost: npt.NDArray[np.bool_]
    errors: npt.NDArray[np.float32] | None = None
    cut: bool = False

    @classmethod
    def of(
        cls,
        steps: list[Transitions],
        envs: npt.NDArray[np.int64],
        leaves: Mapping[str, Leaf],
        errors: npt.NDArray[np.float32] | None = None,
        cut: bool = False,
    ) -> "Chunk":
        """Pack consecutive steps of the same environments."""
        none = np.zeros(len(envs), dtype=np.bool_)
        lost = [none if step.lost is None else step.lost for step in steps]
        ended = [(step.terminated | step.truncated) & ~gone for step, gone in zip(steps, lost, strict=True)]

        def newest(leaf: Leaf, observations: Observations) -> npt.NDArray[Any]:
            return observations[leaf.name][..., -leaf.frame_shape[-1] :]

        return cls(
            envs,
            {
                name: pack(np.stack([newest(leaf, step.observations) for step in steps]))
                for name, leaf in leaves.items()
            },
            {
                name: pack(
                    np.concatenate(
                        [newest(leaf, step.next_observations)[end] for step, end in zip(steps, ended, strict=True)]
                    )
                )
                for name, leaf in leaves.items()
            },
            np.stack([step.actions for step in steps]),
            np.stack([step.rewards for step in steps]),
            np.stack([step.terminated for step in steps]),
            np.stack([step.truncated for step in steps]),
            np.stack(lost),
            errors,
            cut,
        )

    def steps(self) -> list[Transitions]:
        """The steps again, with the newest frames only."""
        frames = {name: unpack(packed) for name, packed in self.frames.items()}
        last = {name: unpack(packed) for name, packed in self.last_frames.items()}
        ended = (self.terminated | self.truncated) & ~self.lost
        stops = np.cumsum(ended.sum(axis=1))
        transitions = []
        for t, (mask, stop) in enumerate(zip(ended, stops, strict=True)):
            observations = {name: leaf[t] for name, leaf in frames.items()}
            following = dict(observations)
            if mask.any():
                following = {name: leaf.copy() for name, leaf in observations.items()}
                for name, leaf in last.items():
                    following[name][mask] = leaf[stop - mask.sum() : stop]
            transitions.append(
                Transitions(
                    observations,
                    self.actions[t],
                    self.rewards[t],
                    self.terminated[t],
                    self.truncated[t],
                    following,
                    self.lost[t],
                )
            )
        return transitions


class ReplayServer:
    """The buffer in its own process.

    Args:
        arguments: Of the `ReplayBuffer`.
        state: Of its generator.
    """

    def __init__(self, arguments: Mapping[str, Any], generator: Mapping[str, Any]):
        self._buffer = ReplayBuffer(**arguments, generator=np.random.default_rng())
        self._buffer.generator.bit_generator.state = generator

    def add(self, chunk: Chunk) -> None:
        """Store a chunk; the newest step of each environment gets the largest priority once it is complete."""
        if chunk.cut:
            self._buffer.cut(chunk.envs)
        rows = np.stack([self._buffer.add(step, chunk.envs) for step in chunk.steps()])
        if chunk.errors is not None:
            self._buffer.update_priorities(rows.ravel(), chunk.errors.ravel())

    def sample(self, count: int, batch_size: int, per_beta: float, n_step: int) -> list[Batch[npt.NDArray[Any]]]:
        """Sample batches of transitions of n steps."""
        self._buffer.n_step = n_step
        return [self._buffer.sample(batch_size, per_beta) for _ in range(count)]

    def pid(self) -> int:
        """Id of this process."""
        return os.getpid()

    def get(self, name: str) -> Any:
        """An attribute of the buffer."""
        return getattr(self._buffer, name)

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a method of the buffer."""
        return getattr(self._buffer, name)(*arguments)


class RemoteReplayBuffer:
    """A `Replay` whose rows are in another process.

    Args:
        like: One like the one to be made there, which begins empty.

    Attributes:
        n_step: As of `ReplayBuffer`.
        arguments: As of `ReplayBuffer`.
        first_generator: State of its generator at first.

    Raises:
        ReplayLost: In all methods that wait for the process, if it has ended.
    """

    def __init__(self, like: "ReplayBuffer | RemoteReplayBuffer"):
        self._ray = load_ray()
        self.arguments: Mapping[str, Any] = like.arguments
        self.first_generator: Mapping[str, Any] = (
            like.first_generator if isinstance(like, RemoteReplayBuffer) else like.generator.bit_generator.state
        )
        self.n_step: int = like.n_step
        self.row_dtype: np.dtype[np.void] = like.row_dtype
        node = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            self._ray.get_runtime_context().get_node_id(), soft=False
        )
        # Beside the learner, which reads much more than actors send.
        server = self._ray.remote(ReplayServer).options(num_cpus=0, scheduling_strategy=node)
        self._server = server.remote(self.arguments, self.first_generator)
        self._ray.get(self._server.pid.remote(), timeout=STARTING)  # a loaded machine takes long to start it
        self._batches: deque[Batch[npt.NDArray[Any]]] = deque()  # that have come, and are not used yet
        self._coming: Any = None  # reference of the next ones
        self._batch_size = 0  # of these

    @property
    def pid(self) -> int:
        """Id of its process."""
        return int(self._answer(self._server.pid.remote()))

    @property
    def oldest(self) -> int:
        """The first row that has not been overwritten."""
        return int(self._answer(self._server.get.remote("oldest")))

    @property
    def written(self) -> int:
        """Rows ever written."""
        return int(self._answer(self._server.get.remote("written")))

    def add(self, transitions: Transitions) -> None:
        """Actors add by `add_chunk`."""
        raise NotImplementedError("actors add their chunks")

    def add_chunk(self, chunk: Any) -> Any:
        """Store a chunk, given as a reference, which is not waited for.

        Returns:
            A reference that is ready once it is stored.
        """
        return self._server.add.remote(chunk)

    def wait(self, stored: Any) -> None:
        """Wait until what `add_chunk` returned is ready."""
        self._answer(stored)

    def cut(self) -> None:
        """End all running episodes unfinished."""
        self._answer(self._server.call.remote("cut"))

    def can_sample(self) -> bool:
        """Whether any complete transition is stored."""
        return bool(self._answer(self._server.call.remote("can_sample")))

    def sample(self, batch_size: int, per_beta: float = 0.0) -> Batch[npt.NDArray[Any]]:
        """Sample transitions with replacement.

        While a block of batches is used, the next one is drawn: batches are up to twice `BLOCK` gradient steps older
        than those of a `ReplayBuffer`.
        """
        if batch_size != self._batch_size:
            self._batches.clear()
            self._coming, self._batch_size = self._ask(BLOCK, batch_size, per_beta), batch_size
        if not self._batches:
            self._batches.extend(self._answer(self._coming))
            self._coming = self._ask(BLOCK, batch_size, per_beta)
        # Ray's arrays are read-only.
        batch = self._batches.popleft()
        return replace(batch.map(np.array), rows=np.array(batch.rows))

    def _ask(self, count: int, batch_size: int, per_beta: float) -> Any:
        return self._server.sample.remote(count, batch_size, per_beta, self.n_step)

    def update_priorities(self, rows: Rows, errors: npt.NDArray[np.floating]) -> None:
        """Set priorities, without waiting."""
        self._server.call.remote("update_priorities", rows, errors)

    def probability(self, rows: Rows) -> float:
        """Probability of the least likely of some sampled rows; prioritized sampling only."""
        return float(self._answer(self._server.call.remote("probability", rows)))

    def rows(self, start: int, stop: int) -> npt.NDArray[np.void]:
        """A copy of the rows [start, stop), for saving."""
        saved: npt.NDArray[np.void] = self._answer(self._server.call.remote("rows", start, stop))
        return saved

    def restore_rows(self, start: int, saved: npt.NDArray[np.void]) -> None:
        """Write rows that `rows` returned back to their place."""
        self._answer(self._server.call.remote("restore_rows", start, saved))

    def state(self) -> dict[str, Any]:
        """Everything except the rows that resumption needs."""
        state: dict[str, Any] = self._answer(self._server.call.remote("state"))
        if "priorities" in state:
            state["priorities"]["values"] = np.array(state["priorities"]["values"])  # Ray's arrays are read-only
        return state

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`, after the rows were restored."""
        self._answer(self._server.call.remote("load_state", dict(state)))

    def close(self) -> None:
        """End the process."""
        self._ray.kill(self._server)

    def _answer(self, reference: Any) -> Any:
        """Wait for an answer.

        Raises:
            ReplayLost: The process has ended or does not answer.
        """
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference, timeout=SILENT)
        except errors.RayTaskError as error:  # an exception of the buffer itself
            raise (error.cause if isinstance(error.cause, Exception) else error) from None
        except (errors.RayActorError, errors.ObjectLostError, errors.GetTimeoutError) as error:
            raise ReplayLost(str(error).splitlines()[0]) from error
