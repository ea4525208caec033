"""One trial of a hyperparameter search: an ordinary run per seed, pruned when it falls behind the other trials."""

import functools
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlkit.errors import UserError
from rlkit.experiments.executor import Job, Outcome
from rlkit.experiments.records import RunRecord, read_run
from rlkit.experiments.statistics import interquartile_mean
from rlkit.training.config import RunConfig
from rlkit.training.progress import PlainReporter
from rlkit.training.run import Run
from rlkit.utils.paths import path_inside

LAST = 3  # evaluations at the end of a run whose mean is its score: a single one is noisy

PRUNED = "pruned"

Report = Callable[[int, float], bool]
"""Takes (steps so far, score so far); returns whether to prune the trial."""


class Pruned(Exception):  # noqa: N818 - it is no error
    """The trial is to end early."""


@dataclass(frozen=True)
class TrialResult:
    """How a trial ended.

    Args:
        score: Over its seeds; None where it was interrupted.
        stopped: `PRUNED`, the reason that interrupted it, or None if it is complete.
    """

    score: float | None
    stopped: str | None = None


class Trial:
    """The runs of one trial, one after the other; unfinished ones are resumed.

    The score of a run is the mean of its last evaluations, that of the trial the interquartile mean over its runs.
    To save disk space, checkpoints and replay buffers of ended runs are deleted, except for the best weights.

    Args:
        name: Of its folder.
        configs: Configuration of the run in each folder.
        tag: The scalar to maximise.
        report: Takes every evaluation.
        env: The environment's id as typed, see `training.run.resume`.
        seconds_left: Returns the remaining seconds; None for no limit.
    """

    def __init__(
        self,
        name: str,
        configs: Mapping[Path, RunConfig],
        tag: str,
        report: Report,
        *,
        env: str | None = None,
        seconds_left: Callable[[], float | None] = lambda: None,
    ):
        self.name = name
        self.folders = list(configs)
        self._left = list(configs.items())
        self._tag, self._report = tag, report
        self._env, self._seconds_left = env, seconds_left
        self._scores: list[float] = []

    def next_job(self) -> Job | None:
        """The next run to train; None where all have ended.

        Raises:
            UserError: Its folder holds another run.
        """
        while self._left:
            folder, config = self._left[0]
            if not _is_complete(folder, config):
                before = len(self._scores) * config.steps
                reporter = functools.partial(_TrialReporter, folder, self._tag, self._report, before, self._scores)
                name = f"{self.name}/{folder.name}"
                return Job(name, config, folder, self._env, self._seconds_left, reporter)
            self._end_run()
        return None

    def take(self, outcome: Outcome) -> TrialResult | None:
        """Take how the run of `next_job` ended.

        Returns:
            How the trial ended; None where it goes on with its next run.

        Raises:
            UserError: That of the run.
        """
        if isinstance(outcome, Run) and outcome.stopped is not None:
            return TrialResult(None, outcome.stopped)
        if not isinstance(outcome, Run | Pruned):
            raise outcome
        self._end_run()
        if isinstance(outcome, Pruned):
            return self.result(PRUNED)
        return None if self._left else self.result()

    def result(self, stopped: str | None = None) -> TrialResult:
        """The score over the runs that have ended."""
        return TrialResult(float(interquartile_mean(self._scores)), stopped)

    def _end_run(self) -> None:
        folder, _ = self._left.pop(0)
        _trim(folder)
        self._scores.append(score(read_run(folder), self._tag))


def _is_complete(folder: Path, config: RunConfig) -> bool:
    """Whether a run has come to its end.

    Raises:
        UserError: The folder holds another run.
    """
    if not (folder / "config.json").exists():
        return False
    there = read_run(folder)
    differing = list(config.differences(there.config))
    if differing:
        raise UserError(
            f"{folder} holds another run than this trial's ({', '.join(differing[:4])} differ): move it away, or name "
            "another --study",
            exit_code=1,
        )
    return there.complete


def score(run: RunRecord, tag: str) -> float:
    """Mean of a run's last evaluations; minus infinity without any."""
    values = run.curve(tag).values[-LAST:]
    return float(np.mean(values)) if len(values) else -np.inf


class _TrialReporter(PlainReporter):
    """Prints warnings only, reports each evaluation, and ends the run when the trial is to be pruned."""

    def __init__(self, folder: Path, tag: str, report: Report, before: int, scores: list[float], total: int):
        super().__init__(total, quiet=True)
        self._folder, self._tag, self._report = folder, tag, report
        self._before, self._scores = before, scores
        self._evaluated = False

    def say(self, sentence: str) -> None:
        self._evaluated = True  # an evaluation is one of the things that are said; its score is in the log

    def progress(self, steps: int, figures: Mapping[str, str]) -> None:
        if self._evaluated:
            self._evaluated = False
            curve = read_run(self._folder).curve(self._tag)
            if len(curve.values):
                so_far = float(interquartile_mean([*self._scores, float(curve.values[-1])]))
                if self._report(self._before + int(curve.steps[-1]), so_far):
                    raise Pruned


def _trim(folder: Path) -> None:
    for part in ("checkpoints", "replay"):
        shutil.rmtree(path_inside(folder, part), ignore_errors=True)
