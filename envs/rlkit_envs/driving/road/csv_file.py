"""Reading a circuit from a CSV file, with validation.

A file holds one point of the centre line per row: x and y in metres and the metres of road to the right and to the left
(``x_m, y_m, w_tr_right_m, w_tr_left_m``, as TUM's race-track database has them).
"""

import hashlib
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from rlkit_envs.driving.jit import kernel
from rlkit_envs.driving.road.circuit import CURVATURE, LEFT, RIGHT, STEP, Circuit, build_circuit
from rlkit_envs.driving.road.csv_rows import FEWEST_POINTS, Rows, read_rows
from rlkit_envs.driving.road.mending import describe_pass, without_repeated_points, without_second_lap

LENGTHS = (100.0, 50_000.0)  # m around
WIDTHS = (2.5, 35.0)  # m of road in all; the widest of TUM's 25 real circuits has 28 m
ROUNDING = 0.05  # m that widths may lie outside of the limits to be moved to them, with a warning
LEAST_SIDE = 1.0  # m of road to either side of the centre line, so that all wheels of a car on the line are on it
DENSE = 0.5 * STEP  # m; points closer than this on average are averaged over steps of 1 m

# Inner width times curvature: a road is cut back above the first, and refused above the second.
TRIMMED_FOLD = 0.95
REFUSED_FOLD = 1.5
_WARNED_TRIM = 1.5  # m of road cut back from which a warning is given; Austin loses 1.2 m

# A bridge between points closer than this along the road would be steeper than 10 %: such a loop is an error.
SHORTEST_LOOP = 100.0  # m

_MOST_LAPS = 9  # most laps that are detected in a log
_SAME_WAY = 3.0  # m between two laps of a log
_USUAL_LENGTH, _USUAL_WIDTH = 4000.0, 11.0  # m, as real circuits have them
_UNITS = {
    "feet": 0.3048,
    "decimetres": 0.1,
    "centimetres": 0.01,
    "millimetres": 0.001,
    "kilometres": 1000.0,
    "the size of a 1:10 model": 10.0,
}  # to metres


class _CourseError(ValueError):
    """The road overlaps itself, or does not close: perhaps because the lap goes on past its start."""


def load_circuit(path: str | Path, *, backwards: bool = False, scale: float = 1.0) -> Circuit:
    """Read a circuit from a text file with one point of its centre line per row, in driving order.

    The four columns are separated by commas, semicolons, tabs or spaces; with another separator than the comma, numbers
    may have decimal commas. A header that names the columns, commented or not, may stand first, and then they may come
    in any order, among others, and under other names that are known (``csv_header``). Comments begin with ``#``. The
    last point may repeat the first. A circuit may cross over itself by a bridge.

    Repaired, with a warning: points closer than half a metre on average are averaged over steps of one metre; points at
    the place of the one before, and points at the end that repeat the beginning of the lap, are left out; widths within
    5 cm of the limits are moved to them. The inner border of a hairpin is cut back where it would pass the curve's
    centre, with a warning from 1.5 m on.

    Args:
        path: The file.
        backwards: Whether to reverse the order of the points.
        scale: Metres per unit of the file, such as 10 for a model in 1:10.

    Raises:
        ValueError: The file cannot be read or does not describe a circuit; the message names file and line.
    """
    path = Path(path)
    rows = read_rows(path)
    rows = Rows(scale * rows.values, rows.numbers)
    rows = without_second_lap(path, without_repeated_points(path, rows))
    if len(rows) < FEWEST_POINTS:
        raise ValueError(f"{path}: {len(rows)} different points; a circuit needs at least {FEWEST_POINTS}")
    try:
        rows = _thinned(path, _check_points(path, rows))
        circuit = build_circuit(
            path.stem, rows.column("x_m", "y_m"), rows.column("w_tr_left_m"), rows.column("w_tr_right_m")
        )
        _check_road(path, circuit, rows)
    except _CourseError as error:
        why = describe_pass(rows)
        raise ValueError(f"{path}: {why}" if why else str(error)) from None
    _trim_folds(path, circuit, rows)
    circuit = replace(circuit, content=_digest(rows))
    return circuit.reversed() if backwards else circuit


def _digest(rows: Rows) -> str:
    """Digest of the points, to the centimetre: the same for all ways to write them down."""
    rounded = np.rint(100.0 * rows.values).astype("<i8")
    return hashlib.sha256(rounded.tobytes()).hexdigest()


# Points


def _check_points(path: Path, rows: Rows) -> Rows:
    """Raise ValueError if points or widths are not those of a circuit in metres; else return them, widths rounded."""
    gaps, numbers = rows.gaps(), rows.numbers
    length = float(gaps.sum())
    whole = _unit_of_all(length, float(np.median(rows.values[:, 2:].sum(axis=1))))
    scaled = f" (is the file in {whole}? scale={_UNITS[whole]:g} makes metres of it)" if whole else ""
    if not LENGTHS[0] <= length <= LENGTHS[1]:
        guess = "degrees" if length < 2.0 else _unit_for(length, LENGTHS[0], _USUAL_LENGTH, LENGTHS[1])
        raise ValueError(
            f"{path}: {length:,.4g} m around; a circuit of {LENGTHS[0]:,.0f} m to {LENGTHS[1]:,.0f} m is expected"
            + (scaled or (f" (are x and y in {guess}?)" if guess else ""))
        )
    rows = _rounded(path, rows)
    right, left = rows.column("w_tr_right_m"), rows.column("w_tr_left_m")
    width = right + left
    bad = (np.minimum(right, left) < LEAST_SIDE) | (width < WIDTHS[0] - 1e-9) | (width > WIDTHS[1] + 1e-9)
    for i in np.flatnonzero(bad)[:1]:
        guess = _unit_for(float(np.median(width)), WIDTHS[0], _USUAL_WIDTH, WIDTHS[1])
        hint = scaled or (f" (are these widths in {guess}?)" if guess else "")
        raise ValueError(
            f"{path}, line {numbers[i]}: {right[i]:g} m of road to the right and {left[i]:g} m to the left; "
            f"at least {LEAST_SIDE:g} m to each side and {WIDTHS[0]:g} to {WIDTHS[1]:g} m in all are expected{hint}"
        )
    # The spline bridges missing points by a straight, up to this length.
    usual = max(20.0, 5.0 * float(np.median(gaps)))
    if gaps[-1] > usual:
        raise _CourseError(
            f"{path}: the circuit does not close: "
            f"its last point (line {numbers[-1]}) lies {gaps[-1]:.0f} m from its first (line {numbers[0]})"
        )
    longest = int(gaps.argmax())
    if gaps[longest] > max(200.0, 10.0 * usual):
        raise ValueError(
            f"{path}, line {numbers[longest + 1]}: {gaps[longest]:.0f} m from the point before; is a stretch missing?"
        )
    return rows


def _unit_of_all(length: float, width: float) -> str:
    """The unit in which length and width, which is out of range in metres, are plausible; "" if there is none."""
    if WIDTHS[0] - ROUNDING <= width <= WIDTHS[1] + ROUNDING:
        return ""
    fitting = [
        name
        for name, metres in _UNITS.items()
        if WIDTHS[0] <= width * metres <= WIDTHS[1] and LENGTHS[0] <= length * metres <= LENGTHS[1]
    ]
    return min(fitting, key=lambda name: abs(np.log(width * _UNITS[name] / _USUAL_WIDTH)), default="")


def _rounded(path: Path, rows: Rows) -> Rows:
    """Move widths that lie within ``ROUNDING`` of the limits to them, with a warning."""
    values = rows.values.copy()
    sides = values[:, 2:]
    short = (sides < LEAST_SIDE) & (sides >= LEAST_SIDE - ROUNDING)
    sides[short] = LEAST_SIDE
    width = sides.sum(axis=1)
    narrow = (width < WIDTHS[0]) & (width >= WIDTHS[0] - ROUNDING)
    sides[narrow] += 0.5 * (WIDTHS[0] - width[narrow])[:, None]
    wide = (width > WIDTHS[1]) & (width <= WIDTHS[1] + ROUNDING)
    sides[wide] *= (WIDTHS[1] / width[wide])[:, None]
    moved = np.abs(values - rows.values).max(axis=1)
    changed = np.flatnonzero(moved)
    if len(changed) == 0:
        return rows
    warnings.warn(
        f"{path}, line {rows.numbers[changed[0]]}: widths {1000.0 * moved.max():.0f} mm outside of the limits "
        f"(at least {LEAST_SIDE:g} m to each side, {WIDTHS[0]:g} to {WIDTHS[1]:g} m in all) are moved to them, in "
        f"{len(changed):,} row{'s' if len(changed) > 1 else ''}",
        stacklevel=4,
    )
    return Rows(values, rows.numbers)


def _unit_for(value: float, low: float, usual: float, high: float) -> str:
    """The unit in which a value out of range in metres would be most plausible; "" if there is none."""
    fitting = [name for name, metres in _UNITS.items() if low <= value * metres <= high]
    if low <= value <= high or not fitting:
        return ""
    return min(fitting, key=lambda name: abs(np.log(value * _UNITS[name] / usual)))


def _thinned(path: Path, rows: Rows) -> Rows:
    """Average points that lie very close together over steps of one metre; leave others unchanged."""
    gaps = rows.gaps()
    length = float(gaps.sum())
    if length / len(rows) >= DENSE:
        return rows
    along = np.concatenate([[0.0], np.cumsum(gaps[:-1])])
    cells = (along * (round(length / STEP) / length)).astype(np.int64)
    starts = np.flatnonzero(np.diff(cells, prepend=-1))
    counts = np.diff(np.append(starts, len(rows)))
    values = np.add.reduceat(rows.values, starts, axis=0) / counts[:, None]
    warnings.warn(
        f"{path}: {len(rows):,} points, {1000.0 * length / len(rows):.3g} mm apart, are averaged over steps of "
        f"{STEP:g} m to {len(values):,}",
        stacklevel=3,
    )
    return Rows(values, rows.numbers[starts])


# Road


def _check_road(path: Path, circuit: Circuit, rows: Rows) -> None:
    """Raise ValueError if the road overlaps itself, other than at a bridge."""
    line = circuit.line
    curvature = line[:, CURVATURE]
    inner = np.where(curvature > 0.0, line[:, LEFT], line[:, RIGHT])
    worst = int((np.abs(curvature) * inner).argmax())
    if abs(curvature[worst]) * inner[worst] > REFUSED_FOLD:
        raise _CourseError(
            f"{path}, line {rows.line_near(circuit.points[worst])}: the road overlaps itself: the curve there has a "
            f"radius of {1.0 / abs(curvature[worst]):.1f} m and {inner[worst]:.1f} m of road on its inside; "
            "widen the curve or narrow the road"
        )
    for laps in range(2, _MOST_LAPS + 1):
        again = np.roll(circuit.points, -round(len(line) / laps), axis=0) - circuit.points
        if np.median(np.hypot(again[:, 0], again[:, 1])) < _SAME_WAY:
            raise ValueError(f"{path}: the points go around {laps} times; those of one lap are expected")
    here, there = _find_overlap(line, circuit.step, SHORTEST_LOOP)
    if here >= 0:
        first, second = (rows.line_near(circuit.points[i]) for i in (here, there))
        where = f"line {first}" if first == second else f"lines {first} and {second}"
        raise _CourseError(
            f"{path}, {where}: the road crosses itself or overlaps itself after "
            f"{(there - here) % len(line) * circuit.step:.0f} m; a bridge needs at least {SHORTEST_LOOP:.0f} m "
            "between its ends"
        )


@kernel
def _find_overlap(line: np.ndarray, step: float, most: float) -> tuple[int, int]:
    """Two samples less than ``most`` metres apart along the circuit, the second on the road of the first.

    Returns:
        The two samples, or -1 twice if there are none.
    """
    count = len(line)
    reach = min(int(most / step), count // 2)
    for i in range(count):
        widest = max(line[i, LEFT], line[i, RIGHT])
        for k in range(2, reach):
            j = (i + k) % count
            dx, dy = line[j, 0] - line[i, 0], line[j, 1] - line[i, 1]
            along = dx * line[i, 2] + dy * line[i, 3]
            if abs(along) > 0.5 * step:
                continue
            aside = dy * line[i, 2] - dx * line[i, 3]
            if abs(aside) < widest and -line[i, RIGHT] < aside < line[i, LEFT]:
                return i, j
    return -1, -1


def _trim_folds(path: Path, circuit: Circuit, rows: Rows) -> None:
    """Cut the inner border back where it would pass the centre of its curve."""
    line = circuit.line
    curvature = line[:, CURVATURE]
    room = TRIMMED_FOLD / np.maximum(np.abs(curvature), 1e-9)
    most = 0.0
    for column, inside in ((LEFT, curvature > 0.0), (RIGHT, curvature < 0.0)):
        cut = np.where(inside, np.maximum(0.0, line[:, column] - room), 0.0)
        line[:, column] -= cut
        if cut.max() > most:
            most, worst = float(cut.max()), int(cut.argmax())
    if most > _WARNED_TRIM:
        warnings.warn(
            f"{path}, line {rows.line_near(circuit.points[worst])}: the road is {most:.1f} m wider on the inside of a "
            "curve than the curve has room for, and is cut back there",
            stacklevel=3,
        )
