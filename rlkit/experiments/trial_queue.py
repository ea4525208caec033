"""The trials of a search that are under way: asked of the study, trained as runs, and told to the study."""

import dataclasses
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rlkit.errors import DiskError, UserError
from rlkit.experiments.executor import Job, Outcome
from rlkit.experiments.records import check_tag, read_run
from rlkit.experiments.search_space import Space, suggest
from rlkit.experiments.study_errors import study_errors
from rlkit.experiments.trial import PRUNED, Report, Trial, TrialResult
from rlkit.utils.paths import path_inside

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import Trial as OptunaTrial

    from rlkit.experiments.tuning import Search

FAILURES = 3  # consecutive trials that fail before the search ends


def trial_folder(file: Path, name: object) -> Path:
    """Folder of a trial's runs, by the name that the study records.

    Raises:
        UserError: It is no name that `rlkit tune` gives, or leads through a link.
    """
    if not isinstance(name, str) or not re.fullmatch(r"trial-[0-9]{4,9}", name):
        raise UserError(f"--study {file} is damaged: {name!r} is no name of a trial's folder", exit_code=1)
    return path_inside(file.parent, f"{file.stem}-trials/{name}")


@dataclass(frozen=True, eq=False)
class _UnderWay:
    """A trial that has begun: as the study knows it, its runs, and its hyperparameters in words."""

    trial: "OptunaTrial"
    runs: Trial
    described: str


class TrialQueue:
    """Gives out the runs of trials, and takes how they ended. One process asks and tells; it alone writes the study.

    Args:
        optuna: The module.
        study: The study.
        search: What is searched.
        space: The search space.
        config: The preset's hyperparameters.
        file: Of the study.
        trials: Number of trials, after which nothing more is given out.
        deadline: When the time is up, by `time.monotonic`; None for no limit.
        say: Takes one line per event.

    Attributes:
        stopped: The signal or time limit that has stopped a trial; None while there was none.
        interrupted: Names of the trials that were stopped, which the next call resumes.
    """

    def __init__(
        self,
        optuna: Any,
        study: "Study",
        search: "Search",
        space: Space,
        config: Any,
        file: Path,
        trials: int,
        deadline: float | None,
        say: Callable[[str], None],
    ):
        self._states = optuna.trial.TrialState
        self._study, self._search, self._space, self._config = study, search, space, config
        self._file, self._trials, self._deadline, self._say = file, trials, deadline, say
        self._running: dict[Job, _UnderWay] = {}
        self._between_runs: list[_UnderWay] = []
        self._failures = 0
        self._late = False
        self.stopped: str | None = None
        self.interrupted: list[str] = []

    def next_job(self) -> Job | None:
        """The next run of a trial under way, or the first one of a new trial; None for nothing now.

        Raises:
            UserError: Several trials in a row failed, or the study cannot be written.
        """
        while self.stopped is None and (under_way := self._continued() or self._asked()) is not None:
            try:
                job = under_way.runs.next_job()
            except DiskError:  # no fault of the trial, which the next call resumes
                raise
            except UserError as error:
                self._fail(under_way, error)
                continue
            if job is not None:
                self._running[job] = under_way
                return job
            self._end(under_way, under_way.runs.result())  # all its runs had ended in an earlier call
        return None

    def take(self, job: Job, outcome: Outcome) -> None:
        """Take how a run ended, and tell the study where its trial has.

        Raises:
            UserError: Several trials in a row failed, or the disk cannot be written.
        """
        under_way = self._running.pop(job)
        try:
            result = under_way.runs.take(outcome)
        except DiskError:
            raise
        except UserError as error:  # such as a loss of NaN
            self._fail(under_way, error)
            return
        if result is None:
            self._between_runs.append(under_way)
        else:
            self._end(under_way, result)

    def _continued(self) -> _UnderWay | None:
        return self._between_runs.pop(0) if self._between_runs else None

    def _asked(self) -> _UnderWay | None:
        """A new trial, if there are too few and there is time."""
        states = self._states
        while True:
            with study_errors(self._file):
                ended = len(self._study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED)))
            if ended + len(self._running) >= self._trials:
                return None
            if self._deadline is not None and time.monotonic() >= self._deadline:
                if not self._late and not self._running:
                    self._late = True
                    self._say("the time limit is reached; the same command continues the search")
                return None
            with study_errors(self._file):
                trial = self._study.ask()
                settings = suggest(trial, self._space, self._config)
                folder = trial.user_attrs.get("folder") or f"trial-{trial.number:04d}"
                trial.set_user_attr("folder", folder)
                trial.set_user_attr("settings", settings)
            described = ", ".join(f"{name}={text}" for name, text in settings.items())
            root = trial_folder(self._file, folder)
            try:
                first = self._search.plan(settings)
            except UserError as error:  # values that exclude each other
                self._say(f"{folder}: refused: {described}: {error}")
                self._tell(trial, None, states.PRUNED)
                continue
            seeds = range(self._search.seed, self._search.seed + self._search.seeds)
            configs = {path_inside(root, f"s{seed}"): dataclasses.replace(first, seed=seed) for seed in seeds}
            runs = Trial(
                folder,
                configs,
                self._search.metric,
                self._report(trial),
                env=self._search.env,
                seconds_left=self._seconds_left,
            )
            return _UnderWay(trial, runs, described)

    def _seconds_left(self) -> float | None:
        """Seconds until the deadline, at least a millisecond; None without one."""
        return None if self._deadline is None else max(1e-3, self._deadline - time.monotonic())

    def _report(self, trial: "OptunaTrial") -> Report:
        def report(steps: int, score: float) -> bool:
            with study_errors(self._file):
                trial.report(score, steps)
                return bool(trial.should_prune())

        return report

    def _tell(self, trial: "OptunaTrial", value: float | None, state: Any = None) -> None:
        with study_errors(self._file):
            self._study.tell(trial, value, state=state)

    def _fail(self, under_way: _UnderWay, error: UserError) -> None:
        self._failures += 1
        self._say(f"{under_way.runs.name}: failed: {under_way.described}: {error}")
        self._tell(under_way.trial, None, self._states.PRUNED)
        if self._failures >= FAILURES:
            sentence = f"{self._failures} trials in a row failed, the last one: {error}"
            raise UserError(sentence, exit_code=1) from error

    def _end(self, under_way: _UnderWay, result: TrialResult) -> None:
        """Tell the study the score of a trial; one that was interrupted stays under way in it."""
        self._failures = 0
        name = under_way.runs.name
        if result.score is None:
            self.stopped = self.stopped or result.stopped
            self.interrupted.append(name)
            return
        if not np.isfinite(result.score):
            check_tag([read_run(path) for path in under_way.runs.folders if path.exists()], self._search.metric)
        if result.stopped == PRUNED or not np.isfinite(result.score):
            self._tell(under_way.trial, None, self._states.PRUNED)
            self._say(f"{name}: pruned at {result.score:.4g}: {under_way.described}")
            return
        self._tell(under_way.trial, result.score)
        with study_errors(self._file):
            mark = "  (the best so far)" if self._study.best_trial.number == under_way.trial.number else ""
        self._say(f"{name}: {result.score:.4g}: {under_way.described}{mark}")
