"""The training loop of agents and segmentation networks: take a step; at intervals log, evaluate and save."""

import contextlib
import json
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar, Generic

from rlkit.agent import State
from rlkit.errors import UserError
from rlkit.nn.distributed import ALONE, LearnerGroup
from rlkit.training.checkpoint import STATE_ERRORS, Checkpoint, Trainable
from rlkit.training.logger import Logger, NoLogger, evaluated_at
from rlkit.training.progress import Reporter
from rlkit.training.run_folder import C, RunFolder
from rlkit.training.signals import GRACE, Interrupted, Stopped, StopRequest, stop_request
from rlkit.utils.io import RESUMABLE, disk_errors
from rlkit.utils.state_check import check_counts, check_state

REFRESH = 0.2  # s between updates of the progress display
LOGS = 200  # records of metrics in a run
AGREED = 0.2  # s between questions of several learners whether to stop


class Trainer(ABC, Generic[C]):
    """A run under way. Subclasses say what a step and an evaluation are, and what else a checkpoint has to hold.

    Args:
        run: Its folder.
        learner: What is trained: its weights and state go into every checkpoint.
        reporter: Shows progress.
        eval_freq: Steps between evaluations; 0 for none.
        stride: Steps of the budget that one call of `step` takes, of all learners together.
        group: The learners that train together; all but the first neither evaluate nor log.

    Attributes:
        steps: Steps taken, over all sessions.
        best: Score of the best evaluation; minus infinity before the first.
    """

    command: ClassVar[str]
    """What continues a run, up to the name of its folder."""
    saves_first: ClassVar[bool] = False
    """Whether step 0 is saved, for weights that do not follow from the configuration."""

    def __init__(
        self,
        run: RunFolder[C],
        learner: Trainable,
        reporter: Reporter,
        *,
        eval_freq: int,
        stride: int = 1,
        group: LearnerGroup = ALONE,
    ):
        self.run = run
        self.config = run.config
        self.learner = learner
        self.reporter = reporter
        self.group = group
        self.steps = 0
        self.best = -math.inf
        self._eval_freq = eval_freq
        self._stride = stride
        self._seconds_before = 0.0  # spent in earlier sessions
        self._began = time.monotonic()
        self._refreshed = 0.0
        self.stop = StopRequest(None)
        self._pending = False  # whether the evaluation after the latest step was cut short by a stop
        self._agree_at = 0  # step before which several learners agree next on whether to stop

    @abstractmethod
    def step(self) -> None:
        """Train by one step, and raise `steps` by `stride`."""

    @abstractmethod
    def evaluate(self, log: Logger, *, final: bool) -> None:
        """Evaluate, log the scores, and keep the weights if they are the best so far.

        Args:
            log: Takes the scores.
            final: Whether a time limit has brought it about, between two regular evaluations: an uninterrupted run
                lacks it, so that it must not choose the best weights, and is logged by `Logger.write_extra`.

        Raises:
            Stopped: By `self.stop`, which it asks between two steps.
        """

    @abstractmethod
    def scalars(self) -> dict[str, float]:
        """What is logged at regular intervals, by tag."""

    @abstractmethod
    def figures(self) -> dict[str, str]:
        """What the progress display shows, by name."""

    @abstractmethod
    def state(self) -> State:
        """What a checkpoint holds of the loop, beside steps, time and best score."""

    @abstractmethod
    def load_state(self, state: State) -> None:
        """Read what `state` returned; what does not fit may raise any of `STATE_ERRORS`."""

    def prepared(self) -> AbstractContextManager[object]:
        """A context in which all steps are taken."""
        return nullcontext()

    @property
    def complete(self) -> bool:
        """Whether training has come to its end."""
        return self.steps >= self.config.steps and not self._pending

    @property
    def seconds(self) -> float:
        """Time spent training, evaluating and saving, over all sessions."""
        return self._seconds_before + time.monotonic() - self._began

    def fit(self, time_limit: float | None = None) -> str | None:
        """Train to the end, or stop earlier; either way everything is saved.

        Args:
            time_limit: Seconds after which to stop; nothing that happens before depends on it.

        Returns:
            None when training is complete, else why it stopped.

        Raises:
            UserError: Training diverged, or something cannot be written.
            Interrupted: A signal was received in a step that hangs, or twice; nothing is saved then.
        """
        self._began = time.monotonic()
        first = self.steps

        def mean_step() -> float:
            return (time.monotonic() - self._began) * self._stride / max(self._stride, self.steps - first)

        is_first = self.group.is_first
        requested = stop_request(time_limit, mean_step, self.group.check) if is_first else nullcontext(StopRequest())
        with (
            requested as stop,
            Logger(self.run.path, resume_at=self.steps) if is_first else NoLogger() as log,
            self.prepared(),
        ):
            if self.steps == 0:
                log.write_text("configuration", json.dumps(self.config.to_json(), indent=2))
                if self.saves_first:
                    self._save(log)
            self.stop = stop
            with self._stopping(stop):
                if self._pending:
                    self._evaluate(log)
                while not self.complete and not self._stops(mean_step):
                    self.step()
                    self._show_progress()
                    if self._due(max(1, self.config.steps // LOGS)):
                        log.write(self.steps, self.seconds, self.scalars())
                    if self._evaluation_due:
                        self._evaluate(log)
                    if self._due(self.config.save_freq):
                        self._save(log)
            stop.finish()
            reason = None if self.complete else stop.reason
            self._save(log)
            if reason == "time limit" and self._eval_freq and not self._evaluation_due:
                try:
                    self.evaluate(log, final=True)
                except Stopped:
                    self.reporter.say(f"the evaluation at the time limit was cut short after {GRACE:g} s")
        return reason

    @contextlib.contextmanager
    def _stopping(self, stop: StopRequest) -> Iterator[None]:
        """A block that a stop ends, between two steps or in an evaluation: everything can be saved after it."""
        try:
            with contextlib.suppress(Stopped):
                yield
        except Interrupted:
            if not (stop.overdue and self._pending):
                raise

    @property
    def _evaluation_due(self) -> bool:
        """Whether an evaluation follows the latest step."""
        at_end = self._eval_freq > 0 and self.steps >= self.config.steps
        return self.steps > 0 and (self._due(self._eval_freq) or at_end)

    def _evaluate(self, log: Logger) -> None:
        """Evaluate; where a stop cuts it short, that is done when the run goes on.

        Of several learners the first evaluates while the others wait.
        """
        self._pending = True
        try:
            if self.group.is_first:
                self.evaluate(log, final=False)
        except (Stopped, Interrupted):
            self.group.of_first(True)
            raise
        (cut_short,) = self.group.of_first(False)
        if cut_short:
            raise Stopped
        self._pending = False

    def _stops(self, mean_step: Callable[[], float]) -> bool:
        """Whether to stop before the next step. Several learners decide alike: the first tells, every `AGREED` s."""
        if self.group.count == 1:
            return self.stop.reason is not None
        if self.steps < self._agree_at:
            return False
        stops, ahead = self.group.of_first(self.stop.reason is not None, max(1, int(AGREED / max(mean_step(), 1e-6))))
        self._agree_at = self.steps + ahead * self._stride
        return bool(stops)

    def resume(self, unsaved: int = 0) -> bool:
        """Continue from the newest intact checkpoint, or at step 0 where none was written yet.

        Args:
            unsaved: Steps that may have been logged before the first checkpoint is written.

        Returns:
            Whether there was a checkpoint.

        Raises:
            UserError: No checkpoint is intact, or the newest does not fit.
        """
        checkpoint = self._common_checkpoint()
        if checkpoint is None:
            self.run.check_restart(unsaved)
            return False
        state = self.run.checkpoints.restore(checkpoint, self.learner)
        try:
            check_state({"best": state["best"], "seconds": state["seconds"]}, {"best": None, "seconds": 0.0})
            check_counts(state, "steps")
            if state["steps"] != checkpoint.steps:
                raise ValueError(f"steps is {state['steps']}, expected {checkpoint.steps}")
            self.steps = state["steps"]
            self.best = -math.inf if state["best"] is None else float(state["best"])
            self._seconds_before = max(0.0, float(state["seconds"]))
            self.load_state(state)
        except STATE_ERRORS as error:
            raise UserError(f"the newest checkpoint of {self.run.path} is damaged: {error!r}", exit_code=1) from error
        (pending,) = self.group.of_first(self._evaluation_due and not evaluated_at(self.run.path, self.steps))
        self._pending = bool(pending)
        return True

    def _common_checkpoint(self) -> Checkpoint | None:
        """The newest intact checkpoint, of several learners the newest that all of them have.

        Raises:
            UserError: A checkpoint of some learner is missing.
        """
        while True:
            checkpoint = self.run.checkpoints.to_resume(self.reporter.warn)
            own = -1 if checkpoint is None else checkpoint.steps
            least, most = int(self.group.minimum(own)), -int(self.group.minimum(-own))
            if least == most:
                return checkpoint
            if own > least:
                if self.group.is_first:
                    self._check_resumable(own, least)
                self.run.checkpoints.discard_after(least)

    def _check_resumable(self, own: int, least: int) -> None:
        """Refuse to begin anew where another learner lacks its checkpoint; warn where all have an earlier one."""
        if least < 0:
            raise UserError(
                f"{self.run.path} cannot be resumed: one of its {self.group.count} learners has no intact checkpoint "
                f"in {self.run.path / 'learners'}. Start again with another --run-dir.",
                exit_code=1,
            )
        self.reporter.warn(
            f"the checkpoint after {own:,} steps lacks the part of another learner: training goes on after {least:,}"
        )

    def _due(self, interval: int) -> bool:
        """Whether the latest step reached a multiple of `interval`; never for 0."""
        return interval > 0 and self.steps // interval > (self.steps - self._stride) // interval

    def _save(self, log: Logger) -> None:
        state = self.state()
        state |= {
            "steps": self.steps,
            "best": None if self.best == -math.inf else self.best,
            "seconds": self.seconds,
        }
        self.run.check_present()
        if self.group.is_first:  # it saves last: its checkpoint says that those of all others are complete
            self.group.wait_for_all()
        with disk_errors(str(self.run.path), RESUMABLE):
            self.run.checkpoints.save(self.steps, self.learner, state)
        if not self.group.is_first:
            self.group.wait_for_all()

    def _show_progress(self) -> None:
        if time.monotonic() - self._refreshed >= REFRESH:
            self._refreshed = time.monotonic()
            self.reporter.progress(self.steps, self.figures())
