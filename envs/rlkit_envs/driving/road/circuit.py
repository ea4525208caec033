"""A closed circuit: centre line at steps of about one metre, widths, kerbs, and the position of a car on it."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.jit import kernel
from rlkit_envs.driving.road.spline import resample_closed

STEP = 1.0  # m between samples of the centre line
KERB_WIDTH = 0.8  # m, the outermost part of the road in curves; a kerb belongs to the road
KERB_CURVATURE = 1.0 / 70.0  # 1/m, curves tighter than this have kerbs
KERB_REACH = 9  # m of kerb before and after such a curve

# Columns of the packed centre line that kernels read.
X, Y, TX, TY, CURVATURE, LEFT, RIGHT, KERB = range(8)

# Samples by which the search for a car's position may move per call. A car at 50 m/s moves one sample per physics step;
# on the inside of a hairpin its position on the centre line moves several times faster.
WINDOW = 12


@dataclass(frozen=True, eq=False)
class Circuit:
    """A closed road, described by its centre line and the widths to both sides; it takes 64 bytes per metre.

    Args:
        name: Such as ``train-17`` or ``Monza``.
        line: (n, 8) float64 samples at equal steps: x, y (m), unit tangent x, y, curvature (1/m, left positive), width
            to the left and to the right of the centre line (m), 1 where there are kerbs, else 0. The last sample is
            one step before the first.
        length: Length of the centre line, in metres.
        is_mirrored: Whether it is the mirror image of the circuit of its name, including its roadside.
        content: Text that determines the scenery, such as a digest of a file's points; "" for the name.
        is_street: Whether it looks like a street in a town rather than a race track.
    """

    name: str
    line: npt.NDArray[np.float64]
    length: float
    is_mirrored: bool = False
    content: str = ""
    is_street: bool = False

    @property
    def scenery(self) -> str:
        """Text that determines the scenery: circuits with the same one look the same."""
        return self.content or self.name

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

    def reversed(self) -> "Circuit":
        """The same road in the opposite direction, from the same start line."""
        line = np.roll(self.line[::-1], 1, axis=0)  # so that sample 0 stays where it is
        line[:, [TX, TY, CURVATURE]] *= -1.0
        line[:, [LEFT, RIGHT]] = line[:, [RIGHT, LEFT]]
        content = f"{self.content}-reversed" if self.content else ""
        return replace(self, name=f"{self.name}-reversed", line=np.ascontiguousarray(line), content=content)

    def mirrored(self) -> "Circuit":
        """The mirror image of the road: y changes its sign, and left and right are exchanged."""
        line = self.line.copy()
        line[:, [Y, TY, CURVATURE]] *= -1.0
        line[:, [LEFT, RIGHT]] = line[:, [RIGHT, LEFT]]
        return replace(self, line=line, is_mirrored=not self.is_mirrored)

    def borders(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """(n, 2) left and (n, 2) right edge of the road, in metres."""
        return (
            self.points + self.normals * self.line[:, LEFT : LEFT + 1],
            self.points - self.normals * self.line[:, RIGHT : RIGHT + 1],
        )


def build_circuit(
    name: str, points: npt.NDArray[np.float64], left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]
) -> Circuit:
    """Make a circuit of points of its centre line in order and the widths of the road at them.

    Args:
        name: Its name.
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
    line[:, KERB] = kerbs(line[:, CURVATURE])
    return Circuit(name, line, length)


def kerbs(curvature: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(n,) 1 where there are kerbs, else 0, by the curvature (n,) of the centre line."""
    tight = (np.abs(curvature) > KERB_CURVATURE).astype(np.int64)
    reach = min(KERB_REACH, (len(tight) - 1) // 2)
    around = np.cumsum(np.concatenate([[0], tight[-reach:], tight, tight[:reach]]))
    return (around[2 * reach + 1 :] > around[: -2 * reach - 1]).astype(np.float64)


@kernel
def locate(line: np.ndarray, count: int, x: float, y: float, index: int) -> tuple[int, float]:
    """Find a car's position along the circuit, near its last one.

    That is where the normal of the centre line, interpolated between samples, passes through the car. Only the vicinity
    of the last position is searched, so that a circuit may cross over itself and legs may be close to each other.

    Args:
        line: (n, 8) packed centre line.
        count: Number of samples in use, at most n.
        x: Car's position, in metres.
        y: Car's position, in metres.
        index: Sample at or before the last position.

    Returns:
        The sample at or before the position, and the fraction of a step beyond it in [0, 1].
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
