"""One trial of a hyperparameter search: an ordinary run per seed, pruned when it falls behind the other trials."""

import functools
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlkit.errors import UserError
from rlkit.experiments.records import RunRecord, read_run
from rlkit.experiments.statistics import interquartile_mean
from rlkit.training import run as training_run
from rlkit.training.config import RunConfig
from rlkit.training.progress import PlainReporter
from rlkit.training.run import MakeReporter
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


def run_trial(
    configs: Mapping[Path, RunConfig],
    tag: str,
    report: Report,
    *,
    env: str | None = None,
    seconds_left: Callable[[], float | None] = lambda: None,
) -> TrialResult:
    """Train one run per folder, one after the other; unfinished ones are resumed.

    The score of a run is the mean of its last evaluations, that of the trial the interquartile mean over its runs.
    To save disk space, checkpoints and replay buffers of ended runs are deleted, except for the best weights.

    Args:
        configs: Configuration of the run in each folder.
        tag: The scalar to maximise.
        report: Takes every evaluation.
        env: The environment's id as typed, see `training.run.resume`.
        seconds_left: Returns the remaining seconds; None for no limit.
    """
    scores: list[float] = []
    for number, (folder, config) in enumerate(configs.items()):
        reporter = functools.partial(_TrialReporter, folder, tag, report, number * config.steps, scores)
        try:
            stopped = _train(folder, config, env, seconds_left(), reporter)
        except Pruned:
            stopped = PRUNED
        if stopped not in (None, PRUNED):
            return TrialResult(None, stopped)
        _trim(folder)
        scores.append(score(read_run(folder), tag))
        if stopped is not None:
            break
    return TrialResult(float(interquartile_mean(scores)), stopped)


def _train(
    folder: Path, config: RunConfig, env: str | None, time_limit: float | None, reporter: MakeReporter
) -> str | None:
    """Start a run, resume it, or find it complete; return what stopped it."""
    if not (folder / "config.json").exists():
        return training_run.start(config, run_dir=folder, time_limit=time_limit, reporter=reporter).stopped
    there = read_run(folder)
    differing = list(config.differences(there.config))
    if differing:
        raise UserError(
            f"{folder} holds another run than this trial's ({', '.join(differing[:4])} differ): move it away, or name "
            "another --study",
            exit_code=1,
        )
    if there.complete:
        return None
    kwargs = config.environment.kwargs
    return training_run.resume(folder, env=env, env_kwargs=kwargs, time_limit=time_limit, reporter=reporter).stopped


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
