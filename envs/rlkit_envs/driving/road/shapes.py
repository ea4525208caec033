"""Shapes of procedural circuits: closed lines of several families, rounding, and additional curves."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.road.spline import resample_closed

CORNERS = 160  # points of a shape, through which the spline passes
_WAVE = 6.0  # wavelength of a swing, in radii of its curves

Points = npt.NDArray[np.float64]


def _fourier(random: np.random.Generator, length: float) -> Points:
    """Round shapes: a circle whose radius is a Fourier series with six terms of decreasing amplitude."""
    angles = np.linspace(0.0, 2.0 * np.pi, CORNERS, endpoint=False)
    radius = np.ones(CORNERS)
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
    """Hairpins and fast curves: corners in all directions at random distances."""
    count = int(random.integers(8, 13))
    angles = 2.0 * np.pi * (np.arange(count) + random.uniform(-0.35, 0.35, size=count)) / count
    radius = random.uniform(0.3, 1.0, size=count)
    return np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)


def _chicanes(random: np.random.Generator, length: float) -> Points:
    """Long straights with chicanes: a superellipse with local sine waves."""
    angles = np.linspace(0.0, 2.0 * np.pi, CORNERS, endpoint=False)
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
    """Two parallel winding legs with hairpins at their ends: the outline of a thick curve."""
    count = 60
    apart = random.uniform(14.0, 24.0) * max(1.0, length / 700.0) ** 0.7  # m, half the distance of the legs
    thickness = apart / length
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


FAMILIES: tuple[Callable[[np.random.Generator, float], Points], ...] = (_fourier, _hull, _polar, _chicanes, _hairpins)
"""Each draws a shape for a road of a length in metres; only ``_hairpins`` is to scale."""


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


def blur(corners: Points, length: float, sigma: float, count: int = CORNERS) -> Points:
    """Round a closed polygon by a Gaussian filter.

    Args:
        corners: (n, 2) points of any scale.
        length: Perimeter to assume, in metres.
        sigma: Standard deviation of the Gaussian, in metres along the polygon.
        count: Points to return.

    Returns:
        (count, 2) points, about evenly spaced.
    """
    closed = np.concatenate([corners, corners[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(closed[:, 0]), np.diff(closed[:, 1])))])
    at = along[-1] * np.arange(count) / count
    plane = np.interp(at, along, closed[:, 0]) + 1j * np.interp(at, along, closed[:, 1])
    waves = np.fft.fftfreq(count, d=length / count)
    plane = np.fft.ifft(np.fft.fft(plane) * np.exp(-0.5 * (2.0 * np.pi * sigma * waves) ** 2))
    return np.stack([plane.real, plane.imag], axis=1)


def swing(random: np.random.Generator, points: Points, length: float, radius: float, share: float) -> Points:
    """Add curves from side to side to parts of a road, a little wider than a radius.

    Args:
        random: Generator.
        points: (n, 2) closed line, about evenly spaced.
        length: Its length, in metres.
        radius: Of the tightest curves, in metres.
        share: Approximate share of the length with such curves.
    """
    count = len(points)
    spacing = length / count
    aside = np.zeros(count)
    for _ in range(round(share * length / (_WAVE * radius))):
        wave = _WAVE * radius * random.uniform(0.7, 1.3)
        reach = wave * random.uniform(0.6, 1.1)
        # The smallest radius of a sine of this amplitude is 1.2 times the radius.
        height = random.uniform(0.5, 1.0) * wave * wave / (4.0 * np.pi * np.pi * 1.2 * radius)
        most = min(int(reach / spacing), (count - 1) // 2)
        around = np.arange(-most, most + 1)
        along = spacing * around
        window = np.cos(0.5 * np.pi * along / reach) ** 2
        at = (int(random.integers(count)) + around) % count
        aside[at] += height * window * np.sin(2.0 * np.pi * along / wave + random.uniform(0.0, 2.0 * np.pi))
    ahead = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    normals = np.stack([-ahead[:, 1], ahead[:, 0]], axis=1) / np.hypot(ahead[:, 0], ahead[:, 1])[:, None]
    swung: Points = points + aside[:, None] * normals
    return swung


def scale_to(points: Points, length: float) -> Points:
    """Centre a shape at the origin and scale it to a perimeter."""
    perimeter = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1).sum()
    scaled: Points = (points - points.mean(axis=0)) * (length / perimeter)
    return scaled


def tightest_radius(points: Points) -> float:
    """Smallest radius of curvature at the corners of a closed polygon (n, 2)."""
    ahead = np.roll(points, -1, axis=0) - points
    behind = np.roll(ahead, 1, axis=0)
    turn = np.arctan2(behind[:, 0] * ahead[:, 1] - behind[:, 1] * ahead[:, 0], (behind * ahead).sum(axis=1))
    spacing = 0.5 * (np.hypot(ahead[:, 0], ahead[:, 1]) + np.hypot(behind[:, 0], behind[:, 1]))
    return float((spacing / np.maximum(np.abs(turn), 1e-9)).min())
