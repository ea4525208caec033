"""Interquartile mean of several runs' scores, with a bootstrap confidence interval (Agarwal et al. 2021).

A table of scores is an array (R, T): R runs of each of T tasks; a list of R scores is one task. Measures also take
leading axes, (..., R, T), and return one value per table: the bootstrap evaluates its samples that way.

Agarwal, Schwarzer, Castro, Courville, Bellemare: Deep reinforcement learning at the edge of the statistical precipice,
NeurIPS 2021. Tests compare with their package `rliable`, which has more measures.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]
Measure = Callable[[Scores], Scores]

REPETITIONS = 10_000  # bootstrap samples; another seed moves the interval's ends by about 1 % of its width
CONFIDENCE = 0.95
TABLES_AT_ONCE = 2_000_000  # scores of bootstrap samples held in memory


@dataclass(frozen=True)
class Interval:
    """A measure of some runs with its confidence interval.

    Args:
        value: The measure of the runs.
        low: Lower end of the interval; equal to `value` for a single run.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


def table_of(scores: npt.ArrayLike) -> Scores:
    """Scores as a table (..., R, T); a list of R scores becomes (R, 1).

    Raises:
        ValueError: If there is no score.
    """
    table = np.asarray(scores, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim < 2 or table.size == 0:
        raise ValueError("expected at least one score")
    return table


def mean(scores: npt.ArrayLike) -> Scores:
    """Mean over all runs and tasks; sensitive to outliers."""
    return np.asarray(table_of(scores).mean(axis=(-2, -1)))


def interquartile_mean(scores: npt.ArrayLike) -> Scores:
    """Mean of the middle half of all scores: robust like the median, with a smaller variance.

    Of n scores the floor(n / 4) lowest and as many highest are left out; fewer than four are averaged.
    """
    table = table_of(scores)
    ordered = np.sort(table.reshape(*table.shape[:-2], -1), axis=-1)
    cut = ordered.shape[-1] // 4
    return np.asarray(ordered[..., cut : ordered.shape[-1] - cut].mean(axis=-1))


def interval(
    scores: npt.ArrayLike,
    measure: Measure = interquartile_mean,
    *,
    generator: np.random.Generator | None = None,
    repetitions: int = REPETITIONS,
    confidence: float = CONFIDENCE,
) -> Interval:
    """A measure with its percentile interval by the stratified bootstrap: runs are resampled within each task.

    The interval of a single run has no width.

    Args:
        scores: (R, T) or (R,).
        measure: Maps (..., R, T) to (...).
        generator: Draws the samples; one with a fixed seed if not given, so that equal scores give equal intervals.
        repetitions: Number of samples.
        confidence: Share of the samples within the interval.
    """
    table = table_of(scores)
    generator = np.random.default_rng(0) if generator is None else generator
    at_once = max(1, TABLES_AT_ONCE // table.size)
    values = []
    for start in range(0, repetitions, at_once):
        count = min(at_once, repetitions - start)
        runs = generator.integers(0, table.shape[0], (count, *table.shape))
        values.append(measure(np.take_along_axis(table[None], runs, axis=1)))
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(np.concatenate(values), [tail, 100 - tail])
    return Interval(float(measure(table)), float(low), float(high))
