"""One trial of a search: an ordinary training run per seed, given up early when it falls behind the others."""

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

LAST = 3  # evaluations at the end of a run whose mean is its score: a single one may be lucky

GIVEN_UP = "given up"

Report = Callable[[int, float], bool]
"""Told (steps so far, score so far); answers whether to give the trial up."""


class GivenUp(Exception):  # noqa: N818 - it is no error
    """The trial has fallen behind."""


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Args:
        score: Over its seeds; None where there is no measurement.
        stopped: `GIVEN_UP`, the reason that interrupted it, or None when it ran to its end.
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
) -> Outcome:
    """Train one run per folder, one after the other; those begun earlier go on.

    The score of a run is the mean of its last evaluations, that of the trial the interquartile mean over its runs.
    Weights and replay of what has ended are deleted, apart from the best weights: a search would fill the disk.

    Args:
        configs: Of each run folder what to train in it.
        tag: The scalar to score; greater is better.
        report: Told of every evaluation.
        env: The environment's id as typed, see `training.run.resume`.
        seconds_left: How long it may go on; None: for ever.
    """
    scores: list[float] = []
    for number, (folder, config) in enumerate(configs.items()):
        watched = functools.partial(_Watching, folder, tag, report, number * config.steps, scores)
        try:
            stopped = _train(folder, config, env, seconds_left(), watched)
        except GivenUp:
            stopped = GIVEN_UP
        if stopped not in (None, GIVEN_UP):
            return Outcome(None, stopped)
        _trim(folder)
        scores.append(score(read_run(folder), tag))
        if stopped is not None:
            break
    return Outcome(float(interquartile_mean(scores)), stopped)


def _train(
    folder: Path, config: RunConfig, env: str | None, time_limit: float | None, reporter: MakeReporter
) -> str | None:
    """Begin a run, or go on with it, or find that it has ended; say what stopped it."""
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


class _Watching(PlainReporter):
    """Says nothing, reports each evaluation, and ends the run when the answer is to give it up."""

    def __init__(self, folder: Path, tag: str, report: Report, before: int, scores: list[float], total: int):
        super().__init__(total, quiet=True)
        self._folder, self._tag, self._report = folder, tag, report
        self._before, self._scores = before, scores
        self._evaluated = False

    def say(self, sentence: str) -> None:
        self._evaluated = True  # evaluations are among what is said; reading the log tells

    def progress(self, steps: int, figures: Mapping[str, str]) -> None:
        if self._evaluated:
            self._evaluated = False
            curve = read_run(self._folder).curve(self._tag)
            if len(curve.values):
                so_far = float(interquartile_mean([*self._scores, float(curve.values[-1])]))
                if self._report(self._before + int(curve.steps[-1]), so_far):
                    raise GivenUp


def _trim(folder: Path) -> None:
    for part in ("checkpoints", "replay"):
        shutil.rmtree(path_inside(folder, part), ignore_errors=True)
