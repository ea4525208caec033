"""Procedural circuits: from a seed to a closed road that never touches itself, of several families.

Circuits of the two splits come from disjoint random streams: the split is part of the stream's key, not of the seed, so
that no number a user types leads from one to the other.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.circuit import CURVATURE, LEFT, Circuit, build_circuit
from rlkit_envs.driving.compiled import kernel
from rlkit_envs.driving.spline import resample_closed

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")

LENGTHS = (400.0, 700.0)  # m
HALF_WIDTHS = (4.0, 5.0)  # m
TIGHTEST_RADIUS = 11.0  # m; with the half widths above, curvature times half width stays below 0.46
RUN_OFF = 5.0  # m of grass at least between two legs of the road
_BLUR = 6.0  # m along the way, standard deviation of the Gaussian that rounds a drawn shape once
_MOST_BLURS = 12
_CORNERS = 160  # points by which a shape is drawn before the spline goes through them

Points = npt.NDArray[np.float64]


def make_circuit(seed: int, split: Split) -> Circuit:
    """Make the circuit that belongs to a seed of a split; the same seed always gives the same circuit.

    A drawn shape is accepted when it satisfies the certificate of ``is_safe``, and drawn anew otherwise: circuits are
    rejected, never repaired.

    Args:
        seed: Any integer from 0.
        split: ``train`` or ``test``; circuits of the two never coincide.
    """
    random = np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(SPLITS.index(split),)))
    family = _FAMILIES[int(random.integers(len(_FAMILIES)))]
    while True:
        length = random.uniform(*LENGTHS)
        shape = family(random, length)
        half_width = random.uniform(*HALF_WIDTHS)
        clockwise = bool(random.random() < 0.5)
        for _ in range(_MOST_BLURS):  # Just as often as the shape needs, so that tight circuits stay tight
            shape = _scale_to(_blur(shape, length), length)
            if _tightest_radius(shape) > 1.05 * TIGHTEST_RADIUS:
                break
        else:
            continue
        points = shape[::-1] if clockwise else shape
        widths = np.full(len(points), half_width)
        circuit = build_circuit(f"{split}-{seed}", points, widths, widths)
        if is_safe(circuit):
            return _begin_on_straight(circuit)


def is_safe(circuit: Circuit) -> bool:
    """Certify that the road nowhere touches itself: its reach (Federer 1959) exceeds its half width and the run-off.

    Two things bound the reach, the tightest curve and the nearest approach of two legs; both are checked all around,
    the seam included. Legs count as such when the way between them is longer than a half turn of the road's own size.
    """
    if circuit.tightest_radius < TIGHTEST_RADIUS:
        return False
    clearance = 2.0 * float(circuit.line[:, LEFT].max()) + RUN_OFF
    return bool(_legs_apart(circuit.line, circuit.step, clearance))


@kernel
def _legs_apart(line: np.ndarray, step: float, clearance: float) -> bool:
    count = len(line)
    gap = int(0.5 * np.pi * clearance / step) + 1
    limit = clearance * clearance
    for i in range(count):
        last = min(count, i + count - gap + 1)
        j = i + gap
        while j < last:
            dx = line[j, 0] - line[i, 0]
            dy = line[j, 1] - line[i, 1]
            squared = dx * dx + dy * dy
            if squared < limit:
                return False
            # No nearer than the clearance can be reached before the difference has been driven.
            j += max(1, int((np.sqrt(squared) - clearance) / step))
    return True


def _fourier(random: np.random.Generator, length: float) -> Points:
    """Round shapes: a circle whose radius swings with up to six waves, the faster the weaker."""
    angles = np.linspace(0.0, 2.0 * np.pi, _CORNERS, endpoint=False)
    radius = np.ones(_CORNERS)
    for wave in range(1, 7):
        amplitude = 0.45 / wave * random.uniform(-1.0, 1.0)
        radius += amplitude * np.cos(wave * angles + random.uniform(0.0, 2.0 * np.pi))
    radius = np.maximum(radius, 0.2)
    return np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)


def _hull(random: np.random.Generator, length: float) -> Points:
    """Straights and bends: the hull of scattered points, its sides pushed in or out at their middles (Maciel 2013)."""
    cloud = random.uniform(-1.0, 1.0, size=(int(random.integers(7, 14)), 2)) * (1.0, random.uniform(0.5, 1.0))
    hull = _convex_hull(cloud)
    corners = np.empty((2 * len(hull), 2))
    corners[::2] = hull
    sides = np.roll(hull, -1, axis=0) - hull
    inward = np.stack([-sides[:, 1], sides[:, 0]], axis=1)
    corners[1::2] = hull + 0.5 * sides + inward * random.uniform(-0.15, 0.55, size=(len(hull), 1))
    return corners


def _polar(random: np.random.Generator, length: float) -> Points:
    """Hairpins and fast bends: corner points all around at very unlike distances."""
    count = int(random.integers(8, 13))
    angles = 2.0 * np.pi * (np.arange(count) + random.uniform(-0.35, 0.35, size=count)) / count
    radius = random.uniform(0.3, 1.0, size=count)
    return np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)


def _chicanes(random: np.random.Generator, length: float) -> Points:
    """Long straights with chicanes: a stretched oval, parts of which swing from side to side."""
    angles = np.linspace(0.0, 2.0 * np.pi, _CORNERS, endpoint=False)
    squareness = random.uniform(2.0, 3.5)
    radius = (np.abs(np.cos(angles)) ** squareness + np.abs(np.sin(angles)) ** squareness) ** (-1.0 / squareness)
    oval = np.stack([radius * np.cos(angles), random.uniform(0.45, 0.9) * radius * np.sin(angles)], axis=1)
    points, _, perimeter = resample_closed(oval, float(np.ptp(oval[:, 0])) * 0.016)
    along = np.arange(len(points)) / len(points)
    swing = np.zeros(len(points))
    for _ in range(int(random.integers(2, 5))):
        distance = np.abs((along - random.random() + 0.5) % 1.0 - 0.5)
        extent = random.uniform(0.06, 0.14)
        window = np.where(distance < extent, np.cos(0.5 * np.pi * distance / extent) ** 2, 0.0)
        waves = random.uniform(1.0, 1.8) / (2.0 * extent)
        swing += (
            perimeter
            * random.uniform(0.02, 0.05)
            * window
            * np.sin(2.0 * np.pi * waves * along + random.uniform(0.0, 2.0 * np.pi))
        )
    normals = np.stack([-np.sin(points[:, 2]), np.cos(points[:, 2])], axis=1)
    shape: Points = points[:, :2] + swing[:, None] * normals
    return shape


def _hairpins(random: np.random.Generator, length: float) -> Points:
    """Two legs that wind side by side and end in hairpins: the outline of a thick, bent line."""
    count = 60
    thickness = random.uniform(14.0, 24.0) / length  # half the distance of the legs, as a share of the length
    spine = 0.5 - np.pi * thickness / 2.0
    along = np.linspace(0.0, 1.0, count)
    heading = np.zeros(count)
    for wave in (0.5, 1.0, 1.5):
        heading += random.uniform(0.3, 1.3) * np.sin(2.0 * np.pi * wave * along + random.uniform(0.0, 2.0 * np.pi))
    direction = np.stack([np.cos(heading), np.sin(heading)], axis=1)
    middle = np.cumsum(direction, axis=0) * spine / count
    half = thickness * (1.0 + random.uniform(0.0, 0.8) * np.sin(np.pi * along) ** 2)[:, None]
    side = np.stack([-direction[:, 1], direction[:, 0]], axis=1) * half
    turn = np.linspace(0.0, np.pi, 14)[1:-1, None]
    front = middle[-1] + thickness * (np.sin(turn) * direction[-1] - np.cos(turn) * side[-1] / half[-1])
    back = middle[0] + thickness * (-np.sin(turn) * direction[0] + np.cos(turn) * side[0] / half[0])
    shape: Points = np.concatenate([middle - side, front, (middle + side)[::-1], back])
    return shape


_FAMILIES: tuple[Callable[[np.random.Generator, float], Points], ...] = (_fourier, _hull, _polar, _chicanes, _hairpins)


def _convex_hull(cloud: Points) -> Points:
    """(n, 2) corners of the convex hull, counter-clockwise (Andrew's monotone chain)."""
    ordered = sorted(map(tuple, cloud.tolist()))

    def chain(points: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
        hull: list[tuple[float, ...]] = []
        for point in points:
            while len(hull) > 1 and (hull[-1][0] - hull[-2][0]) * (point[1] - hull[-2][1]) <= (
                hull[-1][1] - hull[-2][1]
            ) * (point[0] - hull[-2][0]):
                hull.pop()
            hull.append(point)
        return hull[:-1]

    return np.array(chain(ordered) + chain(ordered[::-1]))


def _blur(corners: Points, length: float) -> Points:
    """Round a closed polygon, ``length`` metres long, a little: (_CORNERS, 2) about evenly spaced points."""
    closed = np.concatenate([corners, corners[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(closed[:, 0]), np.diff(closed[:, 1])))])
    at = along[-1] * np.arange(_CORNERS) / _CORNERS
    plane = np.interp(at, along, closed[:, 0]) + 1j * np.interp(at, along, closed[:, 1])
    waves = np.fft.fftfreq(_CORNERS, d=length / _CORNERS)
    plane = np.fft.ifft(np.fft.fft(plane) * np.exp(-0.5 * (2.0 * np.pi * _BLUR * waves) ** 2))
    return np.stack([plane.real, plane.imag], axis=1)


def _scale_to(points: Points, length: float) -> Points:
    perimeter = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1).sum()
    scaled: Points = (points - points.mean(axis=0)) * (length / perimeter)
    return scaled


def _tightest_radius(points: Points) -> float:
    ahead = np.roll(points, -1, axis=0) - points
    behind = np.roll(ahead, 1, axis=0)
    turn = np.arctan2(behind[:, 0] * ahead[:, 1] - behind[:, 1] * ahead[:, 0], (behind * ahead).sum(axis=1))
    spacing = 0.5 * (np.hypot(ahead[:, 0], ahead[:, 1]) + np.hypot(behind[:, 0], behind[:, 1]))
    return float((spacing / np.maximum(np.abs(turn), 1e-9)).min())


def _begin_on_straight(circuit: Circuit) -> Circuit:
    """The same circuit with its start line in the middle of its straightest 60 metres."""
    bend = np.abs(circuit.line[:, CURVATURE])
    reach = 30
    around = np.cumsum(np.concatenate([bend[-reach:], bend, bend[:reach]]))
    start = int((around[2 * reach :] - around[: -2 * reach]).argmin())
    return Circuit(circuit.name, np.roll(circuit.line, -start, axis=0), circuit.length)
