"""Training an agent on what remote actors collect."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rlkit.agent import OffPolicyAgent
from rlkit.env.vector import VecEnv
from rlkit.errors import EnvironmentFailure, UserError
from rlkit.replay.remote import RemoteReplayBuffer, ReplayLost
from rlkit.training.actors import LOSSES, ActorPool
from rlkit.training.agent_trainer import AgentTrainer
from rlkit.training.cluster import Cluster, connected
from rlkit.training.config import RunConfig
from rlkit.training.progress import Reporter
from rlkit.training.run import Run, go_on
from rlkit.training.run_folder import RunFolder


class ActorTrainer(AgentTrainer):
    """The training of an agent whose transitions remote actors collect.

    Step 0 is saved too, so that there is a checkpoint to go on from whenever the replay buffer's process ends.

    Args:
        cluster: Where the actors run; alone on a machine they are not counted against its CPUs.
        run: Its folder.
        agent: What learns. Its replay buffer is replaced by an empty one in another process.
        environments: One like those of the actors.
        evaluation: Where it is evaluated.
        reporter: Shows progress.
    """

    saves_first = True

    def __init__(
        self,
        cluster: Cluster,
        run: RunFolder[RunConfig],
        agent: OffPolicyAgent,
        environments: VecEnv,
        evaluation: VecEnv,
        reporter: Reporter,
    ):
        like: Any = agent.replay
        self._replay = RemoteReplayBuffer(like)
        agent.use_replay(self._replay)
        self._learner = agent
        self._pool = ActorPool(cluster, run.config, environments, agent, self._replay, reporter.warn)
        super().__init__(run, agent, environments, evaluation, reporter, episodes=self._pool, stride=self._pool.stride)

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Start the actors; end them and the replay buffer's process."""
        try:
            self._pool.start(self._learner.updates)
            yield
        finally:
            self._pool.close()

    def step(self) -> None:
        """Take a chunk of an actor, and the gradient steps due after it."""
        told = self._pool.next(self._learner.updates)
        for rewards, terminated in zip(told.rewards, told.terminated, strict=True):
            self._learner.count_steps(rewards, terminated)
            self._count(rewards)
        self._update()

    def close(self) -> None:
        """End the replay buffer's process, after the last checkpoint."""
        self._replay.close()


@contextmanager
def actor_cluster(address: str, config: RunConfig) -> Iterator[Cluster]:
    """Connect to the cluster of a run's actors within the block.

    Args:
        address: As of `connected`.
        config: Of the run.

    Raises:
        UserError: There is no such cluster, or its nodes cannot take the actors.
    """
    with connected(address) as cluster:
        if not cluster.is_local:
            nodes = cluster.nodes()
            cpus = int(sum(node.cpus for node in nodes))
            if config.actors > cpus:
                raise UserError(f"--actors {config.actors}: the cluster {address} has {cpus} CPUs, one for each actor")
            cluster.check_nodes(nodes, cluster.env_for_nodes(config))
        yield cluster


def train_with_actors(
    cluster: Cluster,
    run: RunFolder[RunConfig],
    agent: OffPolicyAgent,
    environments: VecEnv,
    evaluation: VecEnv,
    reporter: Reporter,
    time_limit: float | None,
    resume: bool,
    notes: Sequence[str],
) -> Run:
    """Train on what remote actors collect; where the replay buffer's process ends, go on from the newest checkpoint.

    Args:
        cluster: Where they run.
        run: The run's folder.
        agent: What learns.
        environments: One like those of the actors.
        evaluation: Where it is evaluated.
        reporter: Shows progress.
        time_limit: Seconds after which to stop.
        resume: Whether the run exists already.
        notes: Of a budget that has changed.

    Raises:
        UserError: An environment failed, or training diverged.
        EnvironmentFailure: Processes ended again and again.
    """
    began, losses, newest = time.monotonic(), 0, -1
    while True:
        trainer = ActorTrainer(cluster, run, agent, environments, evaluation, reporter)
        left = None if time_limit is None else max(1.0, time_limit - (time.monotonic() - began))
        try:
            return go_on(trainer, environments, left, resume, notes)
        except ReplayLost as error:
            stopped, why = trainer.stop.reason, str(error)
        finally:
            trainer.close()
        saved = run.checkpoints.newest(reporter.warn, replay=False)
        steps = 0 if saved is None else saved.steps
        if stopped is not None:
            reporter.warn(f"the replay buffer's process ended while training stopped: {why}")
            return Run(run.path, steps, stopped)
        losses, newest = (losses + 1 if steps == newest else 1), steps
        if losses >= LOSSES:
            raise EnvironmentFailure(f"the replay buffer's process ended {LOSSES} times in a row: {why}")
        reporter.warn(f"the replay buffer's process ended: training goes on from {steps:,} steps ({why})")
        resume, notes = True, ()
