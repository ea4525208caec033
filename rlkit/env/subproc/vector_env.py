"""`SubprocVectorEnv`: N single environments in W processes, without automatic resets.

Its results equal those of Gymnasium's `SyncVectorEnv`. A process that ends or hangs is replaced: the episodes of its
environments are truncated with their last known observation, and `infos` has the key `worker_lost`.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array, iterate

from rlkit.env.subproc.worker import Blueprint, Jobs, Response, Worker, start_workers, unpack
from rlkit.env.timeout import advice
from rlkit.errors import DescribedError

LOST = "worker_lost"  # info key of an episode that was truncated because its process ended; the value is the reason
MAX_LOSSES = 5  # with fewer than GOOD_STEPS between, then an error is raised
GOOD_STEPS = 1_000  # of single environments, after which earlier losses do not count
CLOSE_TIMEOUT = 5.0  # s for all workers to close their environments

Arguments = Mapping[int, tuple[Any, ...]]


@dataclass(frozen=True)
class Loss:
    """Why a process was lost.

    Args:
        index: Of the environment that was being called.
        what: Predicate of a sentence: `ended its process by SIGSEGV (my_env.py:12)`.
        hung: Whether it exceeded the time limit.
    """

    index: int
    what: str
    hung: bool


class SubprocVectorEnv(VectorEnv[Any, Any, Any]):
    """Steps single environments in worker processes.

    Args:
        blueprint: Description of the environments.
        num_envs: N.
        workers: Number of processes, at most N.
        step_timeout: Seconds that one call of one environment may take; 0 for no limit.

    Attributes:
        on_loss: Called when a process is replaced, with the index of the environment that was being called, the call
            (`step`, `reset`) and how the process ended.

    Raises:
        UserError: The environment does not accept the arguments, or lacks a package.
        DescribedError: It cannot be made, or its process ends or hangs over it.
    """

    def __init__(self, blueprint: Blueprint, num_envs: int, workers: int, step_timeout: float = 0.0):
        self.num_envs = num_envs
        self.on_loss: Callable[[int, str, str], None] = lambda index, doing, what: None
        self._seconds = step_timeout or math.inf
        self._losses = self._good_steps = 0
        self._workers = start_workers(blueprint, num_envs, min(workers, num_envs))
        self._worker_of = {index: worker for worker in self._workers for index in worker.indices}
        try:
            made = self._call("make", dict.fromkeys(range(num_envs), ()))
            self._read_spaces(made)
        except BaseException:
            self.close()
            raise
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._current: list[Any] = [None] * num_envs
        self._observations: Any = create_empty_array(self.single_observation_space, n=num_envs, fn=np.zeros)
        self._cut: dict[int, str] = {}  # environments of lost processes, truncated in the next step

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environments in `options["reset_mask"]`, or all, each from its own seed."""
        options = None if options is None else dict(options)
        everybody = np.ones(self.num_envs, dtype=np.bool_)
        mask = everybody if options is None else options.pop("reset_mask", everybody)
        if seed is None or isinstance(seed, int):
            seeds: Sequence[int | None] = [None if seed is None else seed + index for index in range(self.num_envs)]
        else:
            seeds = seed
        beginning = {index: (seeds[index], options) for index in np.flatnonzero(mask).tolist()}
        left = beginning
        begun: dict[int, tuple[Any, dict[str, Any]]] = {}
        while left:
            responses, losses = self._request("reset", left)
            values = unpack(responses)
            self._replace(losses, "reset")
            # All environments of a lost process lose their episode.
            self._cut |= {index: loss.what for worker, loss in losses.items() for index in worker.indices}
            left = {index: left[index] for index in left if self._worker_of[index] in losses}
            begun |= {index: value for index, value in values.items() if index not in left}
        infos: dict[str, Any] = {}
        for index in beginning:
            self._current[index], info = begun[index]
            self._cut.pop(index, None)
            infos = self._add_info(infos, info, index)
        return self._concatenated(), infos

    def step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[Any, npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_], dict[str, Any]]:
        """Step each environment; none is reset."""
        rewards = np.zeros(self.num_envs)
        terminated = np.zeros(self.num_envs, dtype=np.bool_)
        truncated = np.zeros(self.num_envs, dtype=np.bool_)
        todo = {index: (action,) for index, action in enumerate(iterate(self.action_space, actions))}
        responses, losses = self._request("step", {index: todo[index] for index in todo if index not in self._cut})
        values = unpack(responses)
        self._good_steps += len(values)
        self._replace(losses, "step")
        cut = self._cut | {index: loss.what for worker, loss in losses.items() for index in worker.indices}
        self._cut = {}
        infos: dict[str, Any] = {}
        for index in range(self.num_envs):
            info: dict[str, Any] = {}
            if index in values:
                self._current[index], rewards[index], terminated[index], truncated[index], info = values[index]
            if index in cut and not (terminated[index] or truncated[index]):
                truncated[index], info = True, {**info, LOST: cut[index]}
            infos = self._add_info(infos, info, index)
        return self._concatenated(), rewards, terminated, truncated, infos

    def offers(self, name: str) -> bool:
        """Whether the environments have a method or attribute of this name."""
        return bool(self._call("offers", {0: (name,)})[0])

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Call a method of each environment, or read an attribute; AttributeError where there is none."""
        return self._call_all("call", name, args, kwargs)

    def render(self) -> tuple[Any, ...]:
        """Render each environment."""
        return self._call_all("render")

    def close_extras(self, **kwargs: Any) -> None:
        """End the processes, also hanging ones."""
        deadline = time.monotonic() + CLOSE_TIMEOUT
        for worker in self._workers:
            worker.request_close()
        for worker in self._workers:
            worker.join(max(0.0, deadline - time.monotonic()))

    def _read_spaces(self, made: Mapping[int, tuple[Any, Any, dict[str, Any], str | None]]) -> None:
        self.single_observation_space, self.single_action_space, metadata, self.render_mode = made[0]
        self.metadata = {**metadata, "autoreset_mode": AutoresetMode.DISABLED}
        for index, (observation, action, _, _) in made.items():
            if observation != self.single_observation_space or action != self.single_action_space:
                raise DescribedError(
                    f"environment {index} has other spaces than environment 0: {observation}, {action}"
                )

    def _concatenated(self) -> Any:
        self._observations = concatenate(self.single_observation_space, self._current, self._observations)
        return self._observations

    def _call_all(self, request: str, *arguments: Any) -> tuple[Any, ...]:
        values = self._call(request, dict.fromkeys(range(self.num_envs), arguments))
        return tuple(values[index] for index in range(self.num_envs))

    def _call(self, request: str, arguments: Arguments) -> dict[int, Any]:
        """Send a request whose loss is an error.

        Raises:
            DescribedError: A process ended or hangs.
        """
        responses, losses = self._request(request, arguments)
        for loss in losses.values():
            raise self._failure(loss)
        return unpack(responses)

    def _request(self, request: str, arguments: Arguments) -> tuple[dict[int, Response], dict[Worker, Loss]]:
        """Send a request to environments in parallel; return the responses, and the processes that were lost."""
        jobs: dict[Worker, Jobs] = {}
        for index, given in arguments.items():
            jobs.setdefault(self._worker_of[index], []).append((index, given))
        try:
            for worker, share in jobs.items():
                worker.ask(request, share)
            return self._gather(jobs)
        except BaseException:  # Ctrl-C: unread responses would be confused with later ones
            self.close()
            raise

    def _gather(self, workers: Iterable[Worker]) -> tuple[dict[int, Response], dict[Worker, Loss]]:
        responses: dict[int, Response] = {}
        losses: dict[Worker, Loss] = {}
        waiting = {worker.connection: worker for worker in workers}
        while waiting:
            left = min(worker.since for worker in waiting.values()) + self._seconds - time.monotonic()
            ready = wait(list(waiting), None if left == math.inf else max(0.0, left))
            for connection, worker in list(waiting.items()):
                if connection in ready:
                    try:
                        index, response = worker.receive()
                        responses[index] = response
                    except (EOFError, OSError):
                        losses[worker] = Loss(worker.pending[0], worker.ending(), hung=False)
                elif time.monotonic() - worker.since >= self._seconds:
                    losses[worker] = Loss(worker.pending[0], worker.hanging(self._seconds), hung=True)
                if worker in losses or not worker.pending:
                    del waiting[connection]
        return responses, losses

    def _replace(self, losses: Mapping[Worker, Loss], doing: str) -> None:
        """Replace lost processes; raise an error after too many."""
        if not losses:
            return
        self._losses = 1 if self._good_steps >= GOOD_STEPS else self._losses + 1
        self._good_steps = 0
        if self._losses >= MAX_LOSSES:
            raise self._failure(
                next(iter(losses.values())),
                f", for the {MAX_LOSSES}th time with fewer than {GOOD_STEPS:,} steps between",
            )
        for worker, loss in losses.items():
            self.on_loss(loss.index, doing, loss.what)
            worker.restart()
        for worker in losses:
            worker.wait_for_start()
        self._call("make", {index: () for worker in losses for index in worker.indices})

    def _failure(self, loss: Loss, often: str = "") -> DescribedError:
        return DescribedError(loss.what + often + (f"; {advice(self._seconds)}" if loss.hung else ""), loss.index)
