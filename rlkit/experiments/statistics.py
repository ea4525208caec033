"""Scores of several runs as one honest number with an interval: the measures of Agarwal et al. (2021).

A table of scores is an array (R, T): R runs of each of T tasks. A plain list of R scores is one task. All measures also
take leading axes, (..., R, T), and then give one value for each table; the bootstrap draws its tables that way.

Agarwal, Schwarzer, Castro, Courville, Bellemare: Deep reinforcement learning at the edge of the statistical precipice,
NeurIPS 2021. Their package `rliable` is what the tests compare with.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]
Measure = Callable[[Scores], Scores]

REPETITIONS = 10_000  # of the bootstrap: the ends of its interval then move by about a hundredth of its width
CONFIDENCE = 0.95
TABLES_AT_ONCE = 2_000_000  # scores held in memory while the bootstrap draws


@dataclass(frozen=True)
class Interval:
    """A measure of some runs, and where it may lie if they had been repeated.

    Args:
        value: The measure of the runs there are.
        low: Lower end of the interval; the value itself where there are too few runs for one.
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
    """Mean over all runs and tasks: easily moved by one lucky run."""
    return np.asarray(table_of(scores).mean(axis=(-2, -1)))


def median(scores: npt.ArrayLike) -> Scores:
    """Median over tasks of the mean over runs: blind to what happens on half of the tasks."""
    return np.asarray(np.median(table_of(scores).mean(axis=-2), axis=-1))


def interquartile_mean(scores: npt.ArrayLike) -> Scores:
    """Mean of the middle half of all scores: as robust as a median, yet most runs have a say.

    Of n scores the floor(n / 4) lowest and as many highest are left out, so that fewer than four are simply averaged.
    """
    table = table_of(scores)
    ordered = np.sort(table.reshape(*table.shape[:-2], -1), axis=-1)
    cut = ordered.shape[-1] // 4
    return np.asarray(ordered[..., cut : ordered.shape[-1] - cut].mean(axis=-1))


def optimality_gap(scores: npt.ArrayLike, goal: float = 1.0) -> Scores:
    """How far scores stay below a goal on average, 0 at best; what lies beyond the goal earns nothing.

    Args:
        scores: (..., R, T), as a rule normalised so that 1 is a person or a good reference.
        goal: The score that is good enough.
    """
    return np.asarray(goal - np.minimum(table_of(scores), goal).mean(axis=(-2, -1)))


def probability_of_improvement(ours: npt.ArrayLike, theirs: npt.ArrayLike) -> Scores:
    """Chance that a run of ours beats a run of theirs on the same task, draws counting half; mean over tasks.

    This is the Mann-Whitney U statistic divided by the number of pairs.

    Args:
        ours: (..., R, T).
        theirs: (..., S, T), of the same tasks.

    Raises:
        ValueError: If the tasks do not match.
    """
    first, second = table_of(ours), table_of(theirs)
    if first.shape[-1] != second.shape[-1]:
        raise ValueError(f"{first.shape[-1]} tasks cannot be compared with {second.shape[-1]}")
    margins = first[..., :, None, :] - second[..., None, :, :]
    return np.asarray(((margins > 0) + 0.5 * (margins == 0)).mean(axis=(-3, -2, -1)))


def performance_profile(scores: npt.ArrayLike, thresholds: npt.ArrayLike) -> Scores:
    """Share of runs that score more than each threshold.

    Args:
        scores: (R, T).
        thresholds: (K,).

    Returns:
        (K,), falling from at most 1 to at least 0.
    """
    table, levels = table_of(scores), np.asarray(thresholds, dtype=np.float64)
    return np.asarray((table[..., None] > levels).mean(axis=(-3, -2)))


def interval(
    scores: npt.ArrayLike,
    measure: Measure = interquartile_mean,
    *,
    generator: np.random.Generator | None = None,
    repetitions: int = REPETITIONS,
    confidence: float = CONFIDENCE,
) -> Interval:
    """A measure with its interval, by the stratified bootstrap: runs are drawn again within each task, tasks are kept.

    The interval runs between percentiles of the measure over the drawn tables. One run says nothing about others: its
    interval has no width.

    Args:
        scores: (R, T) or (R,).
        measure: What to measure, from (..., R, T) to (...).
        generator: Draws the runs; one with a fixed seed if not given, so that the same scores give the same interval.
        repetitions: Tables drawn.
        confidence: Share of them within the interval.
    """
    return _bootstrap([table_of(scores)], lambda tables: measure(tables[0]), generator, repetitions, confidence)


def improvement_interval(
    ours: npt.ArrayLike,
    theirs: npt.ArrayLike,
    *,
    generator: np.random.Generator | None = None,
    repetitions: int = REPETITIONS,
    confidence: float = CONFIDENCE,
) -> Interval:
    """`probability_of_improvement` with its interval; both sides' runs are drawn again. Arguments as in `interval`."""
    tables = [table_of(ours), table_of(theirs)]
    return _bootstrap(tables, lambda drawn: probability_of_improvement(*drawn), generator, repetitions, confidence)


def _bootstrap(
    tables: Sequence[Scores],
    measure: Callable[[Sequence[Scores]], Scores],
    generator: np.random.Generator | None,
    repetitions: int,
    confidence: float,
) -> Interval:
    generator = np.random.default_rng(0) if generator is None else generator
    largest = max(table.size for table in tables)
    at_once = max(1, TABLES_AT_ONCE // largest)
    values = []
    for start in range(0, repetitions, at_once):
        count = min(at_once, repetitions - start)
        values.append(measure([_drawn(table, count, generator) for table in tables]))
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(np.concatenate(values), [tail, 100 - tail])
    return Interval(float(measure(tables)), float(low), float(high))


def _drawn(table: Scores, count: int, generator: np.random.Generator) -> Scores:
    """Draw `count` tables (count, R, T) whose columns hold runs of the same column of `table` (R, T)."""
    runs = generator.integers(0, table.shape[0], (count, *table.shape))
    return np.take_along_axis(table[None], runs, axis=1)
