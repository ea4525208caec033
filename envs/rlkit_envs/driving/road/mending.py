"""Flaws of recorded circuits that are mended with a warning: repeated points, a lap that goes on past its start."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlkit_envs.driving.road.csv_rows import Rows

SAME_POINT = 1e-3  # m, within which the last point silently repeats the first
_REPEATED = 0.01  # of the usual distance between points, below which a point repeats the one before
_MOST_REPEATED = 0.05  # m, the largest such distance
_BEFORE = 0.2  # of the usual distance: how near before the first point the last one is superfluous
_IN_LINE = 0.1  # of the distance before the first point, how far beside the last one may be to be no flaw
_CERTAIN = 0.5  # m beside the start of the lap, within which points certainly repeat it
_BESIDE = 4.0  # m beside it, within which they probably do
_LEAST_LAP = 50.0  # m, before which no lap ends
_SAME_DIRECTION = 0.7  # cosine of the angle between two passes


@dataclass(frozen=True)
class Pass:
    """Where the points pass the first one again.

    Args:
        index: First point at or beyond the first point.
        distance: From the line between the points to the first point, in metres.
        beside: Largest distance of the points from ``index`` on to the start of the lap, in metres.
        beyond: Metres driven from there on.
    """

    index: int
    distance: float
    beside: float
    beyond: float


def without_repeated_points(path: Path, rows: Rows) -> Rows:
    """Leave out points at the place of the one before, with a warning.

    Args:
        path: The file.
        rows: Its points.
    """
    gaps = rows.gaps()[:-1]
    apart = gaps[gaps > 1e-9]
    if len(apart) == 0:
        return rows
    least = max(1e-9, min(_REPEATED * float(np.median(apart)), _MOST_REPEATED))
    if (gaps >= least).all():
        return rows
    points = rows.column("x_m", "y_m")
    kept = [0]
    for i, gap in enumerate(gaps.tolist(), start=1):
        # A chain of tiny steps is a slow car, not one point.
        if gap >= least or np.hypot(*(points[i] - points[kept[-1]])) >= least:
            kept.append(i)
    if len(kept) == len(rows):
        return rows
    dropped = np.setdiff1d(np.arange(len(rows)), kept)
    count = "a point is" if len(dropped) == 1 else f"{len(dropped):,} points are"
    first = rows.numbers[dropped[0]]
    warnings.warn(
        f"{path}: {count} left out, because the point before is the same (line {first}"
        f"{' the first' if len(dropped) > 1 else ''})",
        stacklevel=4,
    )
    return Rows(rows.values[kept], rows.numbers[kept])


def without_second_lap(path: Path, rows: Rows) -> Rows:
    """Leave out points at the end that repeat the beginning of the lap, with a warning if they are not the same.

    Args:
        path: The file.
        rows: Its points.
    """
    points = rows.column("x_m", "y_m")
    if np.hypot(*(points[0] - points[-1])) < SAME_POINT:
        rows = Rows(rows.values[:-1], rows.numbers[:-1])
    found = find_pass(rows)
    if found is None or max(found.distance, found.beside) > _CERTAIN:
        return rows
    dropped = len(rows) - found.index
    if dropped == 1:
        gap = float(np.hypot(*(points[found.index] - points[0])))
        what = f"the last point (line {rows.numbers[-1]}) lies {gap:.2g} m from the first and is left out"
    else:
        what = (
            f"the lap goes on past its start for {found.beyond:.1f} m: the points on lines "
            f"{rows.numbers[found.index]} to {rows.numbers[-1]} are left out"
        )
    warnings.warn(f"{path}: {what}", stacklevel=4)
    return Rows(rows.values[: found.index], rows.numbers[: found.index])


def describe_pass(rows: Rows) -> str:
    """A sentence about a lap that probably goes on past its start, too far beside it to be mended; "" if none does."""
    found = find_pass(rows)
    if found is None or found.distance > _BESIDE or found.beside > _BESIDE:
        return ""
    line, first = rows.numbers[found.index], rows.numbers[0]
    if found.index == len(rows) - 1:
        gap = float(np.hypot(*(rows.column("x_m", "y_m")[-1] - rows.column("x_m", "y_m")[0])))
        return f"the last point (line {line}) lies {gap:.2f} m from the first (line {first}), beside it; leave it out"
    return (
        f"the points pass the first (line {first}) again at line {line} and go on for {found.beyond:.1f} m, up to "
        f"{found.beside:.1f} m beside the start of the lap; leave out the rows from line {line} on"
    )


def find_pass(rows: Rows) -> Pass | None:
    """The place after a whole lap where the points pass the first one in the same direction; None if they do not."""
    points = rows.column("x_m", "y_m")
    gaps = rows.gaps()[:-1]
    usual = float(np.median(gaps)) if len(gaps) else 0.0
    along = np.concatenate([[0.0], np.cumsum(gaps)])
    if usual == 0.0 or along[-1] < _LEAST_LAP:
        return None
    ahead = points[int(np.searchsorted(along, min(2.0 * usual, 10.0)))] - points[0]
    ahead = ahead / max(1e-9, float(np.hypot(*ahead)))
    offset = points - points[0]
    forward = offset @ ahead
    aside = offset[:, 1] * ahead[0] - offset[:, 0] * ahead[1]
    steps = np.diff(points, axis=0)
    same_way = np.append(False, steps @ ahead >= _SAME_DIRECTION * gaps)
    # The last point only needs to be near: the step to it may go anywhere.
    same_way[-1] |= bool(np.hypot(*offset[-1]) < usual)
    margin = -_BEFORE * usual
    reaches = (forward >= margin) & (np.append(0.0, forward[:-1]) < margin) & same_way
    reaches &= (np.abs(aside) <= _BESIDE) & (along > _LEAST_LAP) & (forward <= 2.0 * float(gaps.max()))
    found = np.flatnonzero(reaches)
    if len(found) == 0:
        return None
    index = int(found[0])
    if index == len(points) - 1 and np.abs(aside[index]) <= _IN_LINE * -forward[index]:
        return None  # a short step in the right direction
    share = np.clip((0.0 - forward[index - 1]) / max(1e-9, forward[index] - forward[index - 1]), 0.0, 1.0)
    nearest = offset[index - 1] + share * steps[index - 1]
    beyond = float(along[-1] - along[index])
    if beyond > 0.9 * along[index]:  # whole laps are another matter
        return None
    reach = int(np.searchsorted(along, beyond + 2.0 * usual + 20.0)) + 1
    start = points[: min(reach, index)]
    beside = max(_distance(start, point) for point in points[index:])
    if index < len(points) - 1:
        beside = max(beside, float(np.hypot(*nearest)))
    return Pass(index, float(np.hypot(*nearest)), beside, beyond)


def _distance(line: np.ndarray, point: np.ndarray) -> float:
    """Metres from a point to an open line (n, 2)."""
    steps = np.diff(line, axis=0)
    squared = np.maximum(1e-12, (steps**2).sum(axis=1))
    share = np.clip(((point - line[:-1]) * steps).sum(axis=1) / squared, 0.0, 1.0)
    return float(np.hypot(*(line[:-1] + share[:, None] * steps - point).T).min())
