"""Runs trained on a cluster, as many at once as there is room for; a run whose node is lost goes on elsewhere.

Everything here happens in one thread: each run (`RunOnCluster`) says what it waits for.
"""

import contextlib
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from rlkit.errors import UserError
from rlkit.experiments.executor import Job, Outcome
from rlkit.experiments.remote_run import RemoteRun
from rlkit.experiments.run_on_cluster import RunOnCluster
from rlkit.experiments.runs_table import RunsTable
from rlkit.training.cluster import Cluster, Need, Node, connected, need_of
from rlkit.training.config import RunConfig
from rlkit.training.signals import stop_request

AVOIDED = 60.0  # s in which nothing is trained on a node with which a run was lost, if there are others
TICK = 0.25  # s between looks at signals


@contextlib.contextmanager
def ray_executor(
    address: str,
    config: RunConfig,
    *,
    working_dir: Path | None = None,
    quiet: bool = False,
    say: Callable[[str], None] = print,
    console: Console | None = None,
) -> Iterator["RayExecutor"]:
    """Connect to a cluster, check its nodes, and train runs there within the block.

    Args:
        address: See `cluster.connected`.
        config: One of the runs; all need as much of a node.
        working_dir: A folder to ship to the nodes.
        quiet: Whether to print warnings only.
        say: Takes what the cluster is, and what each run takes of it.
        console: Where the table of runs is shown; None for standard output.

    Raises:
        UserError: There is no such cluster, none of its nodes has room for a run, or they differ.
    """
    need = need_of(config)
    with connected(address, working_dir) as cluster:
        nodes = cluster.check_room(need)
        env = cluster.env_for_nodes(config)
        cluster.check_nodes(nodes, env)
        executor = RayExecutor(cluster, need, RunsTable(quiet, console), env=env)
        count = f"{len(nodes)} node{'' if len(nodes) == 1 else 's'}"
        say(f"ray: {count}; each run takes {need}: {executor.room} at once")
        yield executor


class RayExecutor:
    """Trains runs on a cluster.

    Args:
        cluster: The cluster.
        need: What each run takes of a node.
        table: Shows the runs; None for one on standard output.
        env: See `Cluster.check_nodes`, which the caller has called for the nodes that there are.
        shared: Whether nodes may see the run folders on a shared file system; False sends files in any case.
    """

    concurrent = True

    def __init__(
        self,
        cluster: Cluster,
        need: Need,
        table: RunsTable | None = None,
        *,
        env: str | None = None,
        shared: bool = True,
    ):
        self.cluster = cluster
        self.stopped: str | None = None
        self.table = table or RunsTable()
        self.shared = shared
        self.need = need
        self._env = env
        self._checked = {node.key for node in cluster.nodes()}
        self._refused: set[str] = set()  # ids of nodes that have joined since, and differ
        self._lost: dict[str, float] = {}  # when a node was last lost, by its id

    @property
    def room(self) -> int:
        """How many runs the nodes that are alive can take at once; at least one, which may have to wait."""
        return max(1, sum(node.room(self.need) for node in self._usable()[0]))

    def place(self, folder: Path, probe: tuple[str, str] | None) -> Any:
        """A `RemoteRun`, as an actor on a node with room for it."""
        _, avoided = self._usable()
        # A lost node counts as alive until it has missed several of Ray's health checks.
        elsewhere = {"label_selector": {"ray.io/node-id": f"!in({','.join(avoided)})"}} if avoided else {}
        actor = self.cluster.ray.remote(RemoteRun).options(
            num_cpus=self.need.cpus,
            num_gpus=self.need.gpus,
            memory=self.need.memory,
            scheduling_strategy="SPREAD",
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=2,  # `stop` while `train` is under way
            **elsewhere,
        )
        return actor.remote(str(folder), probe)

    def avoid(self, node: str) -> None:
        """Train nothing on a node for a while, since a run was lost with it."""
        self._lost[node] = time.monotonic()

    def _usable(self) -> tuple[list[Node], list[str]]:
        """The nodes to train on, and the ids of those to avoid: lost lately, if there are others, or refused."""
        nodes = [node for node in self.cluster.nodes() if node.room(self.need)]
        for node in nodes:
            self._check(node)
        nodes = [node for node in nodes if node.key not in self._refused]
        lost = [key for key, when in self._lost.items() if time.monotonic() - when < AVOIDED]
        others = [node for node in nodes if node.key not in lost]
        return (others, [*lost, *self._refused]) if others else (nodes, [*self._refused])

    def _check(self, node: Node) -> None:
        """Check a node that has joined, once."""
        if node.key in self._checked:
            return
        self._checked.add(node.key)
        try:
            self.cluster.check_nodes([node], self._env)
        except UserError as error:
            self._refused.add(node.key)
            self.table.warn(node.name, f"nothing is trained on this node: {error}")

    def train(self, next_job: Callable[[], Job | None]) -> Generator[tuple[Job, Outcome], None, None]:
        """See `Executor.train`."""
        under_way: list[RunOnCluster] = []
        try:
            with stop_request(None) as stop, self.table:
                while True:
                    while self.stopped is None and len(under_way) < self.room and (job := next_job()) is not None:
                        under_way.append(RunOnCluster(self, job))
                    if not under_way:
                        return
                    self._wait(under_way)
                    if self.stopped is None and stop.reason is not None:
                        self.stopped = stop.reason
                        stop.finish()
                        self.table.say(
                            f"stopping by {stop.reason}: runs under way are saved; once more ends them at once"
                        )
                        for run in under_way:
                            run.stop()
                    for run in [run for run in under_way if run.ended]:
                        under_way.remove(run)
                        if run.outcome is not None:
                            yield run.job, run.outcome
        finally:
            for run in under_way:
                run.close()

    def _wait(self, under_way: "list[RunOnCluster]") -> None:
        """Wait until a run has something to take, at most `TICK`, and let all that have take it."""
        by_source = {run.source: run for run in under_way if not run.ended}
        if not by_source:
            return
        wait = self.cluster.ray.wait
        ready, others = wait(list(by_source), num_returns=1, timeout=TICK)
        if others and ready:
            ready += wait(others, num_returns=len(others), timeout=0)[0]
        for source in ready:
            by_source[source].advance()
        for source in others:
            by_source[source].check_silence()
