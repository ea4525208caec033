"""A closed circuit: its centre line at steps of about one metre, its widths, and how to tell where on it a car is."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.compiled import kernel
from rlkit_envs.driving.spline import resample_closed

STEP = 1.0  # m between samples of the centre line
KERB_WIDTH = 0.8  # m, the outermost part of the road in curves; a kerb belongs to the road
KERB_CURVATURE = 1.0 / 70.0  # 1/m, curves tighter than this have kerbs
KERB_REACH = 9  # m by which kerbs begin before such a curve and end after it

# Columns of the packed centre line that kernels read.
X, Y, TX, TY, CURVATURE, LEFT, RIGHT, KERB = range(8)

# Inner width times curvature: a road is cut back above the first, and refused above the second.
TRIMMED_FOLD = 0.95
REFUSED_FOLD = 1.5

# Samples by which the search for a car's place may move per call. A car at 50 m/s moves one sample per physics step;
# on the inside of a hairpin the place moves several times faster than the car.
WINDOW = 12

_COLUMNS = ("x_m", "y_m", "w_tr_right_m", "w_tr_left_m")


@dataclass(frozen=True, eq=False)
class Circuit:
    """A closed road, described by its centre line and the widths to both sides.

    Args:
        name: What people call it (``train-17``, ``Monza``).
        line: (n, 8) float64 samples at equal steps: x, y (m), unit tangent x, y, curvature (1/m, left positive), width
            to the left and to the right of the centre line (m), 1 where kerbs line the road else 0. The last sample is
            one step before the first.
        length: Length of the centre line, in metres.
    """

    name: str
    line: npt.NDArray[np.float64]
    length: float

    @property
    def step(self) -> float:
        """Distance between samples, in metres."""
        return self.length / len(self.line)

    @property
    def points(self) -> npt.NDArray[np.float64]:
        """(n, 2) centre line, in metres."""
        return self.line[:, X : Y + 1]

    @property
    def normals(self) -> npt.NDArray[np.float64]:
        """(n, 2) unit vectors that point to the left of the centre line."""
        return np.stack([-self.line[:, TY], self.line[:, TX]], axis=1)

    @property
    def tightest_radius(self) -> float:
        """Smallest radius of the centre line, in metres."""
        return float(1.0 / max(1e-9, np.abs(self.line[:, CURVATURE]).max()))

    def borders(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """(n, 2) left and (n, 2) right edge of the road, in metres."""
        return (
            self.points + self.normals * self.line[:, LEFT : LEFT + 1],
            self.points - self.normals * self.line[:, RIGHT : RIGHT + 1],
        )


def build_circuit(
    name: str, points: npt.NDArray[np.float64], left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]
) -> Circuit:
    """Make a circuit of corner points in order and the widths of the road at them.

    Args:
        name: What people call it.
        points: (n, 2) points of the centre line, in metres, not repeating the first at the end.
        left: (n,) metres of road to the left of the centre line at each point.
        right: (n,) metres of road to the right.
    """
    samples, where, length = resample_closed(points, STEP)
    knots = np.arange(len(points) + 1)
    line = np.empty((len(samples), 8))
    line[:, X : Y + 1] = samples[:, :2]
    line[:, TX] = np.cos(samples[:, 2])
    line[:, TY] = np.sin(samples[:, 2])
    line[:, CURVATURE] = samples[:, 3]
    line[:, LEFT] = np.interp(where, knots, np.append(left, left[0]))
    line[:, RIGHT] = np.interp(where, knots, np.append(right, right[0]))
    line[:, KERB] = _kerbs(line[:, CURVATURE])
    return Circuit(name, line, length)


def _kerbs(curvature: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    tight = (np.abs(curvature) > KERB_CURVATURE).astype(np.int64)
    reach = min(KERB_REACH, (len(tight) - 1) // 2)
    around = np.cumsum(np.concatenate([[0], tight[-reach:], tight, tight[:reach]]))
    return (around[2 * reach + 1 :] > around[: -2 * reach - 1]).astype(np.float64)


@kernel
def locate(line: np.ndarray, count: int, x: float, y: float, index: int) -> tuple[int, float]:
    """Find a car's place on the circuit, near its last one.

    The place is where the normal of the centre line, turning evenly from sample to sample, passes through the car.
    It is searched near the last place only, so that a circuit may cross over itself and legs may run side by side.

    Args:
        line: (n, 8) packed centre line.
        count: Number of samples in use, at most n.
        x: Car's position, in metres.
        y: Car's position, in metres.
        index: Sample at or before the last place.

    Returns:
        The sample at or before the place, and the fraction of a step beyond it in [0, 1].
    """
    i = index
    j = i + 1 if i + 1 < count else 0
    here = (x - line[i, 0]) * line[i, 2] + (y - line[i, 1]) * line[i, 3]
    ahead = (x - line[j, 0]) * line[j, 2] + (y - line[j, 1]) * line[j, 3]
    for _ in range(WINDOW):
        if here < 0.0:
            j = i
            ahead = here
            i = i - 1 if i > 0 else count - 1
            here = (x - line[i, 0]) * line[i, 2] + (y - line[i, 1]) * line[i, 3]
        elif ahead >= 0.0:
            i = j
            here = ahead
            j = i + 1 if i + 1 < count else 0
            ahead = (x - line[j, 0]) * line[j, 2] + (y - line[j, 1]) * line[j, 3]
        else:
            break
    fraction = 0.0
    if here > 0.0:
        fraction = 1.0 if ahead >= 0.0 else here / (here - ahead)
    return i, fraction


@kernel
def interpolate(line: np.ndarray, count: int, index: int, fraction: float, column: int) -> float:
    """Value of one column of the packed centre line between two samples."""
    j = index + 1 if index + 1 < count else 0
    return float((1.0 - fraction) * line[index, column] + fraction * line[j, column])


def load_circuit(path: str | Path) -> Circuit:
    """Read a circuit from a CSV file with the columns x_m, y_m, w_tr_right_m, w_tr_left_m, one point per line.

    Comments begin with ``#``; a header naming the columns, commented or not, may stand first. The points follow the
    centre line in driving order. The last point may repeat the first. A circuit may cross over itself.

    Args:
        path: The file.

    Raises:
        ValueError: The file cannot be read or does not describe a circuit; the message names file and line.
    """
    path = Path(path)
    rows, numbers = _read_rows(path)
    points = rows[:, :2]
    gaps = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1)
    if gaps[-1] < 1e-3:
        rows, points, numbers, gaps = rows[:-1], points[:-1], numbers[:-1], gaps[:-1]
        gaps[-1] = float(np.linalg.norm(points[0] - points[-1]))
    if len(rows) < 8:
        raise ValueError(f"{path}: {len(rows)} different points; a circuit needs at least 8")
    for i in np.flatnonzero(gaps[:-1] < 1e-3)[:1]:
        raise ValueError(f"{path}, line {numbers[i + 1]}: the same point as on line {numbers[i]}")
    for i in np.flatnonzero((rows[:, 2:] < 1.0).any(axis=1) | (rows[:, 2:] > 50.0).any(axis=1))[:1]:
        raise ValueError(
            f"{path}, line {numbers[i]}: widths of {rows[i, 2]:g} m to the right and {rows[i, 3]:g} m to the left; "
            "each is expected between 1 and 50 m from the centre line"
        )
    if gaps[-1] > max(50.0, 10.0 * float(np.median(gaps))):
        raise ValueError(
            f"{path}: the circuit does not close: "
            f"its last point (line {numbers[-1]}) lies {gaps[-1]:.0f} m from its first"
        )
    if not 100.0 <= gaps.sum() <= 50_000.0:
        raise ValueError(
            f"{path}: {gaps.sum():.0f} m around; a circuit of 100 m to 50 km is expected (are these metres?)"
        )
    circuit = build_circuit(path.stem, points, rows[:, 3], rows[:, 2])
    curvature = circuit.line[:, CURVATURE]
    inner = np.where(curvature > 0.0, circuit.line[:, LEFT], circuit.line[:, RIGHT])
    worst = int((np.abs(curvature) * inner).argmax())
    if abs(curvature[worst]) * inner[worst] > REFUSED_FOLD:
        nearest = int(np.linalg.norm(points - circuit.points[worst], axis=1).argmin())
        raise ValueError(
            f"{path}, line {numbers[nearest]}: the road overlaps itself: the curve there has a radius of "
            f"{1.0 / abs(curvature[worst]):.1f} m and {inner[worst]:.1f} m of road on its inside; "
            "widen the curve or narrow the road"
        )
    # Hairpins of real circuits come within a few per cent of a fold: cut the inner edge where it would pass the centre.
    room = TRIMMED_FOLD / np.maximum(np.abs(curvature), 1e-9)
    circuit.line[:, LEFT] = np.where(curvature > 0.0, np.minimum(circuit.line[:, LEFT], room), circuit.line[:, LEFT])
    circuit.line[:, RIGHT] = np.where(curvature < 0.0, np.minimum(circuit.line[:, RIGHT], room), circuit.line[:, RIGHT])
    return circuit


def _read_rows(path: Path) -> tuple[npt.NDArray[np.float64], list[int]]:
    """(n, 4) x, y, right, left in metres, and the line number of each row."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ValueError(
            f"{path}: there is no such file; a CSV file with the columns {', '.join(_COLUMNS)} is expected"
        ) from None
    except UnicodeDecodeError:
        raise ValueError(
            f"{path}: not a text file; a CSV file with the columns {', '.join(_COLUMNS)} is expected"
        ) from None
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from None
    order = [0, 1, 2, 3]
    rows: list[list[float]] = []
    numbers: list[int] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        content = raw.lstrip().removeprefix("#") if not rows else raw.split("#", 1)[0]
        if not content.strip() or (not rows and raw.lstrip().startswith("#") and _COLUMNS[0] not in content):
            continue
        fields = [field.strip() for field in re.split(r"[,;\t]", content)]
        if not rows and all(name in fields for name in _COLUMNS):
            order = [fields.index(name) for name in _COLUMNS]
            continue
        if len(fields) <= max(order):
            raise ValueError(f"{path}, line {number}: {len(fields)} columns; {', '.join(_COLUMNS)} are expected")
        try:
            row = [float(fields[column]) for column in order]
        except ValueError:
            raise ValueError(f"{path}, line {number}: {content.strip()[:60]!r} does not hold four numbers") from None
        if not np.isfinite(row).all():
            raise ValueError(f"{path}, line {number}: {content.strip()[:60]!r} holds a value that is no finite number")
        rows.append(row)
        numbers.append(number)
    if len(rows) < 8:
        raise ValueError(f"{path}: {len(rows)} points; a circuit needs at least 8")
    return np.array(rows), numbers
