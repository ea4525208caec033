"""Remote actors: processes that step the environments with a copy of the agent's policy (Ape-X, Horgan et al. 2018).

The learner takes one chunk of steps, asks its actor for another one, and takes the gradient steps due before it takes
the next, so that neither runs ahead of the other: an actor has at most `AHEAD` chunks open, and its weights are older
than the learner's by no more gradient steps than fall into those of all actors, plus `PUBLISH`. Chunks go from the
actor to the replay buffer without passing through the learner.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from rlkit import plugins
from rlkit.agent import Actor, OffPolicyAgent, State
from rlkit.env.config import EnvConfig
from rlkit.env.make import make_vec_env
from rlkit.env.vector import VecEnv
from rlkit.errors import EnvironmentFailure, UserError
from rlkit.hyperparameters import from_plain
from rlkit.replay import Transitions
from rlkit.replay.remote import Chunk, RemoteReplayBuffer
from rlkit.training.collector import RECENT, Collector, checked_episode
from rlkit.training.config import RunConfig
from rlkit.utils.ray import SILENT, STARTING
from rlkit.utils.state_check import check_counts, check_state

if TYPE_CHECKING:
    from rlkit.training.cluster import Cluster

CHUNK = 32  # steps of single environments in a chunk, at least one of each
AHEAD = 2  # chunks that an actor is asked for at a time: while one is stored, the next is collected
PUBLISH = 8  # gradient steps after which weights are sent again
PATIENCE = 20.0  # times the longest chunk so far that an actor may take for one before it counts as lost
LOSSES = 3  # in a row, without a chunk between them, before training ends


@dataclass(frozen=True)
class Summary:
    """What the learner is told of a chunk.

    Args:
        rewards: (T, n) float32, not scaled.
        terminated: (T, n) bool.
        episodes: Of those that ended: reward, length and the environment's own metrics.
        numbers: Number of the running episode of each environment.
        warnings: Sentences for the user.
        seconds: That the chunk took.
        error: Kind and sentence of what the user can correct; None if all went well.
    """

    rewards: npt.NDArray[np.float32]
    terminated: npt.NDArray[np.bool_]
    episodes: Sequence[Mapping[str, Any]]
    numbers: Sequence[int]
    warnings: Sequence[str]
    seconds: float
    error: tuple[str, str, int] | None = None


@dataclass(frozen=True)
class ActorConfig:
    """What an actor's process needs to begin.

    Args:
        environment: Of the run.
        algorithm: Name of the agent.
        hyperparameters: All of them.
        envs: Numbers of its environments among all.
        num_envs: Number of all.
        seed: Of the run.
        begun: How many processes there were for these environments before.
        numbers: Number of the first episode of each environment.
    """

    environment: EnvConfig
    algorithm: str
    hyperparameters: Mapping[str, Any]
    envs: range
    num_envs: int
    seed: int
    begun: int
    numbers: Sequence[int]


class ActorServer:
    """An actor in its own process.

    Args:
        config: What it needs to begin.
    """

    def __init__(self, config: ActorConfig):
        torch.set_num_threads(1)
        self._config = config
        self._warnings: list[str] = []
        self._new = True
        self._failure: tuple[str, str, int] | None = None
        self._exception: Exception | None = None
        try:
            self._environments = make_vec_env(config.environment, len(config.envs))
            self._environments.warn = self._warnings.append
            agent_type: Any = plugins.agent_class(config.algorithm)
            hyperparameters: Any = from_plain(agent_type.Config, config.hyperparameters)
            seed = np.random.SeedSequence(config.seed, spawn_key=(config.envs.start, config.begun))
            self._actor: Actor = agent_type.make_actor(
                self._environments.spaces, hyperparameters, config.envs, config.num_envs, seed
            )
            self._episodes = Collector(self._environments, config.seed, config.envs.start, config.numbers)
        except UserError as error:
            self._failure = _described(error)
        except Exception as error:  # an error in the constructor would count as the end of the process
            self._exception = error

    def collect(
        self, weights: Mapping[str, npt.NDArray[Any]] | None, exploration: Mapping[str, float], steps: int
    ) -> tuple[Chunk | None, Summary]:
        """Take some steps in every environment.

        Args:
            weights: Newer ones; None for the same as before.
            exploration: Present values of the agent's schedules.
            steps: T.
        """
        began, finished = time.monotonic(), 0
        taken: list[Transitions] = []
        rewards, terminated = [], []
        failure = self._failure
        if self._exception is not None:
            raise self._exception
        if failure is None:
            try:
                self._actor.load(weights, exploration)
                finished = self._episodes.finished
                for _ in range(steps):
                    observations = self._episodes.observations
                    actions = self._actor.act(observations)
                    step = self._episodes.advance(actions)
                    transitions = Transitions(
                        observations,
                        actions,
                        step.rewards,
                        step.terminated,
                        step.truncated,
                        step.observations,
                        step.lost,
                    )
                    taken.append(self._actor.observe(transitions))
                    rewards.append(step.rewards)
                    terminated.append(step.terminated)
            except UserError as error:
                failure = _described(error)
        warnings, self._warnings[:] = list(self._warnings), []
        if failure is not None:
            nothing = np.zeros((0, len(self._config.envs)))
            return None, Summary(nothing.astype(np.float32), nothing.astype(np.bool_), [], [], warnings, 0.0, failure)
        envs = np.arange(self._config.envs.start, self._config.envs.stop)
        leaves = self._environments.spaces.observations
        chunk = Chunk.of(taken, envs, leaves, self._actor.td_errors(taken), cut=self._new)
        self._new = False
        ended = self._episodes.finished - finished
        return chunk, Summary(
            np.stack(rewards),
            np.stack(terminated),
            self._episodes.recent()[-ended:] if ended else [],
            self._episodes.numbers,
            warnings,
            time.monotonic() - began,
        )


def _described(error: UserError) -> tuple[str, str, int]:
    return type(error).__name__, str(error), error.exit_code


@dataclass
class _Process:
    """An actor's process as the learner sees it."""

    envs: range
    handle: Any = None
    begun: int = -1
    losses: int = 0
    open: deque[tuple[Any, Any]] | None = None  # references of chunk and summary, oldest first
    asked: float = 0.0  # when the oldest of them began, at the latest
    weights: int = -1  # version that was sent last


class ActorPool:
    """The actors of a run: asks them for chunks, hands these to the replay buffer, and replaces processes that end.

    Args:
        cluster: Where they run; one that is not this machine alone counts a CPU for each.
        config: Of the run.
        environments: Like those of the actors.
        agent: The learner's side.
        replay: Takes the chunks.
        warn: Called with a sentence on what happened.
    """

    def __init__(
        self,
        cluster: "Cluster",
        config: RunConfig,
        environments: VecEnv,
        agent: OffPolicyAgent,
        replay: RemoteReplayBuffer,
        warn: Callable[[str], None],
    ):
        self._ray = cluster.ray
        self._config = config
        self._environment = environments.config
        self._metrics = environments.metrics
        self._agent = agent
        self._replay = replay
        self._warn = warn
        self._counts_cpus = not cluster.is_local
        each = config.num_envs // config.actors
        self.steps_each = max(1, CHUNK // each)
        self.stride = self.steps_each * each
        self._processes = [_Process(range(first, first + each)) for first in range(0, config.num_envs, each)]
        self.numbers = [0] * config.num_envs  # of the episodes that run, or begin next
        self.finished = 0
        self._recent: deque[dict[str, Any]] = deque(maxlen=RECENT)
        self._stored: deque[Any] = deque()
        self._version, self._published = 0, 0
        self._weights: Any = None  # reference of what was sent last
        self._longest = 0.0
        self._turn = 0
        self._told: set[str] = set()
        self._server = cluster.ray.remote(ActorServer)

    # ------------------------------------------------------------------------------------------------------- chunks

    def start(self, updates: int) -> None:
        """Start all processes, and ask for their first chunks.

        Args:
            updates: Gradient steps so far.
        """
        for process in self._processes:
            self._begin(process, updates)

    def next(self, updates: int) -> Summary:
        """The next chunk, which the replay buffer stores; its actor is asked for another one.

        Args:
            updates: Gradient steps so far.

        Raises:
            UserError: An environment failed.
            EnvironmentFailure: Processes of an actor ended again and again.
        """
        while True:
            process = self._wait()
            assert process.open is not None
            chunk, summary = process.open[0]
            errors = self._ray.exceptions
            try:
                told: Summary = self._ray.get(summary, timeout=SILENT)
            except (errors.RayActorError, errors.ObjectLostError, errors.GetTimeoutError) as error:
                self._replace(process, updates, str(error).splitlines()[0])
                continue
            break
        if told.error is not None:
            kind, sentence, exit_code = told.error
            raise (EnvironmentFailure(sentence) if kind == "EnvironmentFailure" else UserError(sentence, exit_code))
        process.open.popleft()
        process.losses = 0
        self._longest = max(self._longest, told.seconds)
        self._store(chunk)
        self._ask(process, updates)
        process.asked = time.monotonic()
        for sentence in told.warnings:
            if sentence not in self._told:
                self._told.add(sentence)
                self._warn(sentence)
        self.numbers[process.envs.start : process.envs.stop] = told.numbers
        self.finished += len(told.episodes)
        self._recent.extend(dict(episode) for episode in told.episodes)
        return told

    def _wait(self) -> _Process:
        """An actor whose oldest chunk is ready, or that counts as lost; in turn with `deterministic`."""
        waiting = self._processes
        if self._config.deterministic:
            waiting = [self._processes[self._turn]]
            self._turn = (self._turn + 1) % len(self._processes)
        # Of several that are ready, the one that was asked first, so that none is left behind.
        waiting = sorted(waiting, key=lambda process: process.asked)
        references = {process.open[0][1]: process for process in waiting if process.open}
        while True:
            ready, _ = self._ray.wait(list(references), num_returns=1, timeout=1.0)
            if ready:
                return references[ready[0]]
            limit = STARTING if self._longest == 0 else max(SILENT, PATIENCE * self._longest)
            for process in references.values():
                if time.monotonic() - process.asked > limit:
                    self._ray.kill(process.handle)
                    return process

    def _store(self, chunk: Any) -> None:
        """Hand a chunk to the replay buffer, and wait where too many are not stored yet."""
        self._stored.append(self._replay.add_chunk(chunk))
        while len(self._stored) > AHEAD * len(self._processes):
            self._replay.wait(self._stored.popleft())

    def _ask(self, process: _Process, updates: int) -> None:
        """Ask an actor for a chunk, with newer weights where there are any."""
        if self._weights is None or updates - self._published >= PUBLISH:
            self._weights = self._ray.put(self._agent.exploring_weights())
            self._published = updates
            self._version += 1
        weights = None if process.weights == self._version else self._weights
        process.weights = self._version
        assert process.open is not None
        process.open.append(
            process.handle.collect.options(num_returns=2).remote(weights, self._agent.exploration(), self.steps_each)
        )

    def recent(self) -> list[dict[str, Any]]:
        """The latest finished episodes: reward, length, and the environment's own metrics."""
        return list(self._recent)

    def state(self) -> State:
        """Which episodes run; new ones begin in their place when training is resumed."""
        return {"numbers": list(self.numbers), "recent": list(self._recent), "finished": self.finished}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Read what `state` returned.

        Raises:
            KeyError, TypeError, ValueError: It is not of that form.
        """
        like = {"numbers": self.numbers, "finished": self.finished}
        check_state({key: state[key] for key in like}, like, "episodes")
        check_counts(state, "finished")
        for number in state["numbers"]:
            check_counts({"numbers": number}, "numbers")
        self.numbers = [number + 1 for number in state["numbers"]]
        self.finished = state["finished"]
        self._recent.extend(checked_episode(episode, self._metrics) for episode in state["recent"])

    def replay(self) -> bool:
        """Nothing: the first chunk of each process ends the episodes that the replay buffer holds open."""
        return True

    # ---------------------------------------------------------------------------------------------------- processes

    def _begin(self, process: _Process, updates: int) -> None:
        process.begun += 1
        process.weights = -1
        config = self._config
        # Alone on a machine, environments that wait may outnumber the CPUs; and one that takes another's place may
        # find no CPU free.
        cpus = 1 if self._counts_cpus and process.begun == 0 else 0
        process.handle = self._server.options(num_cpus=cpus, max_restarts=0, scheduling_strategy="SPREAD").remote(
            ActorConfig(
                self._environment,
                config.algorithm,
                dict(config.hyperparameters),
                process.envs,
                config.num_envs,
                config.seed,
                process.begun,
                self.numbers[process.envs.start : process.envs.stop],
            )
        )
        process.open = deque()
        process.asked = time.monotonic()
        for _ in range(AHEAD):
            self._ask(process, updates)

    def _replace(self, process: _Process, updates: int, why: str) -> None:
        """Begin a process again; its running episodes end where they are."""
        process.losses += 1
        index = process.envs.start // len(process.envs)
        if process.losses >= LOSSES:
            raise EnvironmentFailure(
                f"actor {index} ended {LOSSES} times in a row before it had collected anything, the last time: {why}"
            )
        self._warn(f"actor {index} is replaced, and its running episodes end where they are: {why}")
        for env in process.envs:
            self.numbers[env] += 1
        self._begin(process, updates)

    def close(self) -> None:
        """End all processes."""
        for process in self._processes:
            if process.handle is not None:
                self._ray.kill(process.handle)
