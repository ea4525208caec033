"""Where runs are trained: one after the other in this process, or as `ray_executor` does, on a cluster."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rlkit.training import run as training_run
from rlkit.training.config import RunConfig
from rlkit.training.progress import make_reporter
from rlkit.training.run import MakeReporter, Run

TIME_LIMIT = "time limit"  # in `Run.stopped`


@dataclass(frozen=True, eq=False)
class Job:
    """One run to train, or to resume where its folder exists.

    Args:
        name: Short, for messages and tables: s3, or trial-0004/s0.
        config: Everything needed to repeat it.
        folder: Its folder; None makes one under `runs/`.
        env: The environment's id as typed, see `training.run.resume`.
        seconds_left: Returns the seconds that it may take, asked when it begins; None for no limit.
        reporter: Makes what shows its progress; None for the executor's own. An exception that it raises ends the run
            without saving.
        started: Called with the folder of a new run once it exists.
    """

    name: str
    config: RunConfig
    folder: Path | None = None
    env: str | None = None
    seconds_left: Callable[[], float | None] = lambda: None
    reporter: MakeReporter | None = None
    started: Callable[[Path], None] | None = None


Outcome = Run | Exception
"""The run, complete or stopped, or what ended it: errors of the run, and exceptions of the reporter."""


class Executor(Protocol):
    """Trains runs.

    Attributes:
        concurrent: Whether several are trained at once.
        stopped: The signal, or the closed output, that has ended `train`; None while there was none.
    """

    concurrent: bool
    stopped: str | None

    def train(self, next_job: Callable[[], Job | None]) -> Generator[tuple[Job, Outcome], None, None]:
        """Train runs until there are no more, or a signal stops them; what is under way then is saved.

        Args:
            next_job: Returns what to train next, called where there is room for it; None for nothing now. It is asked
                again after each run that has ended.

        Yields:
            Each run that has ended.

        Raises:
            KeyboardInterrupt: A signal was received outside of a training, or for a second time.
        """
        ...


class LocalExecutor:
    """Trains one run after the other, in this process."""

    concurrent = False

    def __init__(self) -> None:
        self.stopped: str | None = None

    def train(self, next_job: Callable[[], Job | None]) -> Generator[tuple[Job, Outcome], None, None]:
        """See `Executor.train`."""
        while self.stopped is None and (job := next_job()) is not None:
            outcome: Outcome
            try:
                outcome = _train(job)
                self.stopped = None if outcome.stopped == TIME_LIMIT else outcome.stopped
            except Exception as error:
                outcome = error
            yield job, outcome


def _train(job: Job) -> Run:
    limit, reporter = job.seconds_left(), job.reporter or make_reporter
    if job.folder is not None and (job.folder / "config.json").exists():
        # The caller has compared the arguments with those that were typed.
        typed = job.config.environment.kwargs
        return training_run.resume(job.folder, env=job.env, env_kwargs=typed, time_limit=limit, reporter=reporter)
    return training_run.start(job.config, run_dir=job.folder, time_limit=limit, reporter=reporter, started=job.started)
