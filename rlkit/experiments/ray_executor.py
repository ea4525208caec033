"""Runs trained on a cluster, as many at once as there is room for; a run whose node is lost goes on elsewhere.

Each run is an actor of Ray (`RemoteRun`), whose child process trains. Its events come back through Ray in order, at
most `AHEAD` of them ahead of this process. Everything here happens in one thread: the runs are generators that say
what they wait for.
"""

import contextlib
import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from rlkit.errors import DiskError, EnvironmentFailure, UserError
from rlkit.experiments.executor import TIME_LIMIT, Job, Outcome
from rlkit.experiments.records import REWARD, read_run
from rlkit.experiments.remote_run import COPIED, RemoteRun
from rlkit.experiments.run_files import FolderReceiver, FolderSender
from rlkit.experiments.runs_table import RunsTable
from rlkit.training.checkpoint import saved_steps
from rlkit.training.cluster import Cluster, Need, Node, connected, need_of
from rlkit.training.config import RunConfig
from rlkit.training.progress import Reporter
from rlkit.training.run import Run
from rlkit.training.run_folder import RunFolder, new_path
from rlkit.training.signals import stop_request
from rlkit.utils.io import disk_errors

AHEAD = 4  # events of a run, of up to 16 MB, that wait for this process; then the run waits
LOSSES = 3  # of a run, one after the other without a new checkpoint, before it is given up
AVOIDED = 60.0  # s in which nothing is trained on a node with which a run was lost, if there are others
LOCKED = 120.0  # s that a run may still be held by the process that trained it on a lost node
SILENT = (
    45.0  # s without an event, or a sign of life, after which a run's node counts as lost: Ray takes a minute or more
)
TICK = 0.25  # s between looks at signals
PROBE = ".probe"  # file in a run folder by which nodes tell whether they see it


class Lost(Exception):  # noqa: N818 - the run goes on elsewhere
    """The process of a run has ended, or its node."""


class NodeLost(Lost):
    """Ray no longer reaches the node, or the process that supervises the run there."""


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
        under_way: list[_RunUnderWay] = []
        try:
            with stop_request(None) as stop, self.table:
                while True:
                    while self.stopped is None and len(under_way) < self.room and (job := next_job()) is not None:
                        under_way.append(_RunUnderWay(self, job))
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

    def _wait(self, under_way: "list[_RunUnderWay]") -> None:
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


class _RunUnderWay:
    """One run on the cluster, until it has ended.

    Attributes:
        source: What it waits for, as `ray.wait` takes it.
        outcome: How it ended; None also where it was stopped before it began.
        ended: Whether it has.
    """

    def __init__(self, executor: RayExecutor, job: Job):
        self.job = job
        self.source: Any = None
        self.outcome: Outcome | None = None
        self.ended = False
        self._executor, self._ray, self._table = executor, executor.cluster.ray, executor.table
        self._path = job.folder or new_path(job.config.folder_name)
        self._actor: Any = None
        self._began: float | None = None
        self._heard: float | None = None  # when the last event came, of a run that is on a node
        self._limit: float | None = None
        self._pruned: Exception | None = None
        self._new = False
        self._evaluated = 0.0  # steps of the evaluation that is shown
        self._table.begin(job.name, job.config.steps)
        self._steps = self._follow()
        self.advance()

    def advance(self) -> None:
        """Take what it waited for."""
        if self._heard is not None:
            self._heard = time.monotonic()
        self._go_on(lambda: next(self._steps))

    def check_silence(self) -> None:
        """Give the node up where nothing was heard of it for long."""
        if self._heard is not None and time.monotonic() - self._heard > SILENT:
            self._go_on(lambda: self._steps.throw(NodeLost(f"its node was silent for {SILENT:g} s")))

    def _go_on(self, step: Callable[[], Any]) -> None:
        try:
            self.source = step()
        except StopIteration as end:
            self._end(end.value)
        except Exception as error:
            self._end(error)

    def stop(self) -> None:
        """Have it saved, and end; at once where it does not train yet."""
        if self._began is None:
            self.close()
            self._end(None)
        else:
            self._actor.stop.remote(signal.SIGTERM)

    def close(self) -> None:
        """End it without saving."""
        self._steps.close()

    def _end(self, outcome: Outcome | None) -> None:
        self.outcome, self.ended = outcome, True
        if self._new and not (self._path / "spaces.json").exists():  # it never began
            shutil.rmtree(self._path, ignore_errors=True)
        if isinstance(outcome, Run):
            self._table.progress(self.job.name, outcome.steps, {})
            state = "complete" if outcome.stopped is None else outcome.stopped
            self._table.state(self.job.name, state if state in ("complete", TIME_LIMIT) else "stopped")
        elif outcome is not None:
            self._table.state(self.job.name, "pruned" if outcome is self._pruned else "failed")

    # ----------------------------------------------------------------------------------- what happens, in its order

    def _follow(self) -> Generator[Any, None, Outcome]:
        """Train the run, elsewhere again where its node is lost; yields what it waits for."""
        job, path = self.job, self._path
        if not (path / "config.json").exists():
            RunFolder.create(path, job.config)
            self._new = True
            if job.started is not None:
                job.started(path)
        losses, saved = 0, saved_steps(path)
        reporter = None if job.reporter is None else job.reporter(job.config.steps)
        with contextlib.ExitStack() as stack:
            if reporter is not None:
                stack.enter_context(reporter)
            stack.callback((path / PROBE).unlink, missing_ok=True)
            while True:
                try:
                    return (yield from self._attempt(reporter, LOCKED if losses else 0.0))
                except Lost as lost:
                    if self._pruned is not None:
                        return self._pruned
                    now = saved_steps(path)
                    if self._executor.stopped is not None:
                        return Run(path, now, self._executor.stopped)
                    losses, saved = 1 if now > saved else losses + 1, now
                    if losses >= LOSSES:
                        sentence = f"{job.name} was lost {losses} times without a new checkpoint, the last time: {lost}"
                        return UserError(sentence, exit_code=1)
                    self._table.state(job.name, "lost", detail=f" ({lost}); it goes on after {now:,} steps")

    def _attempt(self, reporter: Reporter | None, patience: float) -> Generator[Any, None, Outcome]:
        """Train the run on one node.

        Raises:
            Lost: The node, or the process, has ended.
        """
        token = secrets.token_hex(16)
        with disk_errors(str(self._path)):
            (self._path / PROBE).write_text(token)
        probe = (str((self._path / PROBE).absolute()), token) if self._executor.shared else None
        self._table.state(self.job.name, "waiting", node="")
        actor = self._actor = self._executor.place(self._path.absolute(), probe)
        key = ""
        try:
            place = actor.place.remote()
            yield place
            key, shared = self._get(place)
            self._heard = time.monotonic()
            node = next((node.name for node in self._executor.cluster.nodes() if node.key == key), key[:6])
            with contextlib.nullcontext() if shared else RunFolder(self._path, self.job.config).locked():
                if not shared:
                    for piece in FolderSender(self._path).everything():
                        received = actor.receive.remote(piece)
                        yield received
                        self._get(received)
                request = self._request(patience)
                self._table.state(self.job.name, "training", node=node)
                stream = {"num_returns": "streaming", "_generator_backpressure_num_objects": AHEAD}
                events = actor.train.options(**stream).remote(request)
                while True:
                    yield events
                    event = self._get(next(events, None))
                    if (outcome := self._take(event, reporter)) is not None:
                        return outcome
        except NodeLost:
            if key:
                self._executor.avoid(key)
            raise
        finally:
            self._began_again()
            self._ray.kill(actor)

    def _began_again(self) -> None:
        """Between two attempts nothing is to be saved."""
        self._heard = None
        self._began, elapsed = None, 0.0 if self._began is None else time.monotonic() - self._began
        if self._limit is not None:
            self._limit = max(1e-3, self._limit - elapsed)

    def _get(self, reference: Any) -> Any:
        """What Ray refers to.

        Raises:
            Lost: It went with its node.
        """
        errors = self._ray.exceptions
        if reference is None:
            raise Lost("its process ended")
        try:
            return self._ray.get(reference)
        except errors.RayTaskError as error:
            if isinstance(error.cause, OSError):
                raise DiskError(f"{self.job.name}: a node cannot write the run: {error.cause}") from error
            raise
        except errors.RuntimeEnvSetupError as error:
            raise UserError(f"--ray-working-dir cannot be shipped: {error}", exit_code=1) from error
        except errors.RayError as error:
            raise NodeLost(f"its node is not reached any more: {type(error).__name__}") from error

    def _request(self, patience: float) -> dict[str, Any]:
        """What `RemoteRun.train` takes; the time begins now."""
        if self._limit is None:
            self._limit = self.job.seconds_left()
        self._began = time.monotonic()
        config, cluster = self.job.config, self._executor.cluster
        perception = config.environment.perception
        settings: dict[str, str | None] = {name: os.environ.get(name) for name in COPIED}
        settings["OMP_NUM_THREADS"] = str(torch.get_num_threads())
        if not self._executor.need.gpus:
            settings["CUDA_VISIBLE_DEVICES"] = ""  # those of the node are other runs'
        return {
            "env": cluster.env_for_nodes(config),
            "env_kwargs": dict(config.environment.kwargs),
            "network": None if perception is None else perception.network or None,
            "time_limit": self._limit,
            "patience": patience,
            "environment": settings,
            "cwd": None if cluster.working_dir is not None else str(Path.cwd()),
        }

    def _take(self, event: dict[str, Any], reporter: Reporter | None) -> Outcome | None:
        """Take an event; return how the run ended, with the last one.

        Raises:
            Lost: Its process crashed, or was stopped by something else than this process.
        """
        if "piece" in event:
            with disk_errors(str(self._path)):
                FolderReceiver(self._path).take(event["piece"])
        elif "ended" in event or "failed" in event or "crashed" in event:
            return self._ending(event)
        elif event and self._pruned is None:
            try:
                self._report(event, reporter)
            except Exception as error:  # such as the end of a trial that has fallen behind
                self._pruned = error
                self._actor.stop.remote(signal.SIGKILL)
        return None

    def _report(self, event: dict[str, Any], reporter: Reporter | None) -> None:
        name = self.job.name
        if "say" in event:
            if reporter is not None:
                reporter.say(event["say"])
            self._show_evaluation()
        elif "warn" in event:
            self._table.warn(name, event["warn"])
        else:
            self._table.progress(name, event["progress"], event["figures"])
            if reporter is not None:
                reporter.progress(event["progress"], event["figures"])

    def _show_evaluation(self) -> None:
        curve = read_run(self._path).curve(REWARD)
        if len(curve.values) and curve.steps[-1] > self._evaluated:
            self._evaluated = float(curve.steps[-1])
            self._table.evaluated(self.job.name, int(curve.steps[-1]), float(curve.values[-1]))

    def _ending(self, event: dict[str, Any]) -> Outcome:
        stopped = self._executor.stopped
        if self._pruned is not None:
            return self._pruned
        if "failed" in event:
            kinds = {"environment": EnvironmentFailure(event["failed"]), "bug": RuntimeError(event["failed"])}
            return kinds.get(event["kind"], UserError(event["failed"], event["exit_code"]))
        if "ended" in event and event["stopped"] in (None, TIME_LIMIT):
            return Run(self._path, event["ended"], event["stopped"])
        if stopped is not None:
            return Run(self._path, saved_steps(self._path), stopped)
        raise Lost(event.get("crashed") or f"stopped by {event['stopped']}")
