"""One run on a cluster, as the process that asked for it sees it: placed, followed, moved where its node is lost.

The run is an actor of Ray (`RemoteRun`), whose child process trains. Its events come back through Ray in order, at most
`AHEAD` of them ahead of this process. What happens is a generator, which yields what it waits for.
"""

import contextlib
import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from rlkit.errors import DiskError, EnvironmentFailure, UserError
from rlkit.experiments.executor import TIME_LIMIT, Job, Outcome
from rlkit.experiments.records import REWARD, read_run
from rlkit.experiments.remote_run import COPIED
from rlkit.experiments.run_files import FolderReceiver, FolderSender
from rlkit.training.checkpoint import saved_steps
from rlkit.training.progress import Reporter
from rlkit.training.run import Run
from rlkit.training.run_folder import RunFolder, new_path
from rlkit.utils.io import disk_errors

if TYPE_CHECKING:
    from rlkit.experiments.ray_executor import RayExecutor

AHEAD = 4  # events of a run, of up to 256 KiB, that wait for this process; then the run waits
LOSSES = 3  # of a run, one after the other without a new checkpoint, before it is given up
LOCKED = 120.0  # s that a run may still be held by the process that trained it on a lost node
SILENT = 45.0  # s without a sign of life, after which the node of a run counts as lost: Ray takes a minute
PROBE = ".probe"  # file in a run folder by which nodes tell whether they see it


class Lost(Exception):  # noqa: N818 - the run goes on elsewhere
    """The process of a run has ended, or its node."""


class NodeLost(Lost):
    """Ray no longer reaches the node, or the process that supervises the run there."""


class RunOnCluster:
    """One run on the cluster, until it has ended.

    Attributes:
        source: What it waits for, as `ray.wait` takes it.
        outcome: How it ended; None also where it was stopped before it began.
        ended: Whether it has.
    """

    def __init__(self, executor: "RayExecutor", job: Job):
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
                    arriving = next(events, None)
                    if arriving is None:
                        raise Lost("its process ended")
                    yield arriving  # a slow link may take some seconds for it
                    event = self._get(arriving)
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
